"""The contrastive loss: CLIP's when captions differ, forgiving when they agree."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from vitrine.train.loss import contrastive_loss, matches

SCALE = torch.tensor(10.0)


def unit(*shape: int) -> torch.Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(3)), dim=-1)


def facts(*rows: tuple[int, int]) -> torch.Tensor:
    return torch.tensor(rows)


def test_distinct_captions_give_the_loss_of_clip() -> None:
    images, texts = unit(2, 5, 8)
    different = facts(*((i, i) for i in range(5)))
    logits = SCALE * images @ texts.T
    order = torch.arange(5)
    expected = (cross_entropy(logits, order) + cross_entropy(logits.T, order)) / 2
    got = contrastive_loss(images, texts, SCALE, *matches(different, different))
    torch.testing.assert_close(got, expected)


def test_pictures_of_the_same_kind_do_not_repel() -> None:
    """Two red shoes and a blue hat: "shoe" holds for both shoes, "red" too."""
    truths = facts((0, 0), (0, 0), (1, 1))
    claims = facts((0, -1), (-1, 0), (1, 1))
    positive, usable = matches(truths, claims)
    assert positive.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert usable.all()


def test_a_claim_about_an_unknown_fact_counts_neither_way() -> None:
    """The colour of the second picture is unknown: "red" may well hold for it."""
    truths = facts((0, 0), (0, -1), (1, -1))
    claims = facts((0, 0), (0, -1), (1, -1))
    positive, usable = matches(truths, claims)
    assert not positive[1, 0]
    assert not usable[1, 0]
    # Of another kind, it is refuted whatever its colour is.
    assert usable[2, 0]
    assert not positive[2, 0]


def test_free_text_belongs_to_its_own_picture_only() -> None:
    positive, usable = matches(facts((0, 0), (0, 0)), facts((-1, -1), (-1, -1)))
    assert positive.tolist() == [[True, False], [False, True]]
    assert usable.all()


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_gradients_stay_finite_with_masked_pairs(scale: float) -> None:
    images, texts = unit(2, 3, 8).requires_grad_().unbind()
    positive, usable = matches(facts((0, 0), (0, -1), (1, 2)), facts((0, 0), (0, -1), (1, 2)))
    loss = contrastive_loss(images, texts, torch.tensor(scale), positive, usable)
    (gradient,) = torch.autograd.grad(loss, images)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()
