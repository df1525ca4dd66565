"""An encoder without a model: vectors tell the colour of a picture or the words of a text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from vitrine.encoder import SpaceIdentity

DIMENSION = 8


@dataclass(frozen=True)
class StubPixels:
    """The mean colour of each picture, (B, 3)."""

    colours: np.ndarray[Any, Any]

    @staticmethod
    def join(batches: Sequence[StubPixels]) -> StubPixels:
        return StubPixels(np.concatenate([batch.colours for batch in batches]))


@dataclass
class StubEncoder:
    """Counts what it encodes; `before` is called with the number of items before each batch."""

    before: Callable[[int], None] = lambda _: None
    dimension: int = DIMENSION
    model: str = "stub"
    image_min_side: int = 0
    colours: list[tuple[int, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def identity(self) -> SpaceIdentity:
        return SpaceIdentity(
            model=self.model, revision="1", dimension=self.dimension, preprocessing="none"
        )

    def preprocess(self, images: Sequence[Image.Image]) -> StubPixels:
        return StubPixels(np.array([np.asarray(image).mean(axis=(0, 1)) for image in images]))

    def encode_pixels(self, pixels: StubPixels) -> np.ndarray[Any, Any]:
        self.before(len(pixels.colours))
        self.colours += [tuple(int(part) for part in colour) for colour in pixels.colours]
        return np.stack([colour_vector(colour, self.dimension) for colour in pixels.colours])

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray[Any, Any]:
        colours = self.preprocess(images).colours
        return np.stack([colour_vector(colour, self.dimension) for colour in colours])

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        self.texts += texts
        return np.stack([text_vector(text, self.dimension) for text in texts])


def colour_vector(colour: Any, dimension: int = DIMENSION) -> np.ndarray[Any, Any]:
    """A unit vector that differs for every colour."""
    vector = np.zeros(dimension, dtype=np.float32)
    vector[:3] = colour
    vector[3] = 100
    return vector / np.linalg.norm(vector)


def text_vector(text: str, dimension: int = DIMENSION) -> np.ndarray[Any, Any]:
    """A unit vector that differs for every text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
    return vector / np.linalg.norm(vector)
