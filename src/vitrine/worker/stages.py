"""What passes between the worker's stages, and what the worker needs of an encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vitrine.encoder import PixelBatch, SpaceIdentity
    from vitrine.work_queue import Entry, Seen

__all__ = ["AnyEncoder", "Picture", "Words"]


class AnyEncoder(Protocol):
    """The part of `vitrine.encoder.Encoder` that the worker uses, from several threads at once."""

    @property
    def identity(self) -> SpaceIdentity:
        """Model, revision, dimension and preprocessing."""

    @property
    def image_min_side(self) -> int:
        """Pixels that the shorter side should keep when decoded; 0 for all."""

    def preprocess(self, images: Sequence[Image]) -> PixelBatch:
        """Pictures as the model takes them."""

    def encode_pixels(self, pixels: PixelBatch) -> NDArray[np.float32]:
        """Vectors (B, D) of preprocessed pictures."""

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Vectors (B, D) of pictures."""

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (B, D) of texts."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture ready for the model: preprocessed, with its SHA-256 and what was seen of it."""

    entry: Entry
    content: bytes
    seen: Seen
    pixels: PixelBatch


@dataclass(frozen=True, kw_only=True)
class Words:
    """A caption ready for the model, with the SHA-256 of its UTF-8."""

    entry: Entry
    content: bytes
    text: str
