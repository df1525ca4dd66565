"""The starter's network: a small ResNet and a small BERT, joined by two projections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import normalize

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DIMENSION", "build_network", "image_vectors", "text_vectors"]

DIMENSION = 256
TEXT_WIDTH = 192
MAX_TOKENS = 64


def build_network(vocabulary: int) -> Any:
    """A VisionTextDualEncoderModel of about 7 million weights, at random."""
    import transformers

    library: Any = transformers  # its configurations carry no types
    vision = library.ResNetConfig(
        embedding_size=32, hidden_sizes=[48, 96, 192, 384], depths=[1, 1, 2, 1], layer_type="basic"
    )
    text = library.BertConfig(
        vocab_size=vocabulary,
        hidden_size=TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=6,
        intermediate_size=4 * TEXT_WIDTH,
        max_position_embeddings=MAX_TOKENS,
        hidden_dropout_prob=0.05,
        attention_probs_dropout_prob=0.05,
    )
    config = library.VisionTextDualEncoderConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        projection_dim=DIMENSION,
        logit_scale_init_value=2.66,  # ln(1 / 0.07)
    )
    # The joint model asks its towers for this size by name; a ResNet only knows its stages.
    config.vision_config.hidden_size = vision.hidden_sizes[-1]
    return library.VisionTextDualEncoderModel(config)


def image_vectors(network: Any, pixels: Tensor) -> Tensor:
    """Unit vectors (B, D) in float32 of pixels (B, 3, H, W)."""
    pooled = network.vision_model(pixel_values=pixels).pooler_output  # (B, C, 1, 1)
    return normalize(network.visual_projection(pooled.flatten(1)).float(), dim=-1)


def text_vectors(network: Any, tokens: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Unit vectors (B, D) of tokens (B, T), and the pooled text (B, W) before the projection."""
    pooled = network.text_model(**tokens).pooler_output  # (B, W)
    return normalize(network.text_projection(pooled).float(), dim=-1), pooled.float()


def trainable_groups(network: Any, decay: float) -> list[dict[str, Any]]:
    """Parameter groups: weight decay on matrices and kernels only, as usual."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def count_weights(network: torch.nn.Module) -> int:
    """Number of weights, for the log."""
    return sum(parameter.numel() for parameter in network.parameters())
