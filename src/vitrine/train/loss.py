"""The symmetric contrastive loss, for batches where several pairs say the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import log_softmax

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["contrastive_loss", "matches"]

UNKNOWN = -1


def matches(truths: Tensor, claims: Tensor) -> tuple[Tensor, Tensor]:
    """Which captions hold for which pictures, from facts instead of from positions.

    `truths` (B, K) are facts about the pictures (category, colour …) and `claims` (B, K) what
    captions assert; -1 is unknown or unsaid. The C captions are the first of each picture, then
    the second of each, and so on. Returns `positive` (B, C) bool, picture by caption, and `usable`
    (B, C): false where a claim meets an unknown fact, so that the pair is neither. A picture's
    own captions are always positive.
    """
    said = claims[None, :, :] != UNKNOWN  # (1, C, K)
    known = truths[:, None, :] != UNKNOWN  # (B, 1, K)
    equal = truths[:, None, :] == claims[None, :, :]  # (B, C, K)
    positive = (~said | equal).all(-1)
    refuted = (said & known & ~equal).any(-1)
    # A caption that asserts nothing is free text: it belongs to its own picture only.
    positive &= said.any(-1)
    own = torch.eye(len(truths), dtype=torch.bool).repeat(1, len(claims) // len(truths))
    return positive | own, positive | refuted | own | ~said.any(-1)


def contrastive_loss(
    images: Tensor, texts: Tensor, scale: Tensor, positive: Tensor, usable: Tensor
) -> Tensor:
    """Cross-entropy both ways between unit vectors, spread evenly over the positives.

    `images` (B, D), `texts` (C, D), `positive` and `usable` (B, C).

    With one positive per row this is the loss of CLIP (Radford et al. 2021); several make it
    the supervised contrastive loss (Khosla et al. 2020).
    """
    logits = scale * images @ texts.T  # (B, C), picture by caption
    logits = logits.masked_fill(~usable, -torch.inf)
    target = positive.float()
    by_image = _cross_entropy(logits, target)
    by_text = _cross_entropy(logits.T, target.T)
    return (by_image + by_text) / 2


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    spread = target / target.sum(1, keepdim=True)
    # Unusable entries are -inf with weight 0, and 0 · -inf would be NaN.
    log_likelihood = log_softmax(logits, dim=1).masked_fill(target == 0, 0.0)
    return -(spread * log_likelihood).sum(1).mean()
