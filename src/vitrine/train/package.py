"""Write a trained model as a folder that any encoder loads: weights, processor, tokenizer."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["save_model", "square_processor"]


def square_processor(side: int) -> Any:
    """Squash to `side` × `side` pixels and scale to -1 to 1: nothing of a product is cut off."""
    from transformers import ViTImageProcessor

    return ViTImageProcessor(
        size={"height": side, "width": side},
        resample=2,  # bilinear, as the training pictures were resized
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )


def save_model(network: Any, processor: Any, tokenizer: Any, folder: Path) -> None:
    """Save safetensors in half precision, with the processor and the tokenizer beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    copied = copy.deepcopy(network).to("cpu", torch.float16)
    copied.save_pretrained(folder)
    processor.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
