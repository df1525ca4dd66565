"""The encoder: a dual encoder with the preprocessing that it was trained with."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrine.errors import ModelError, VectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vitrine.encoder.identity import SpaceIdentity

__all__ = ["Encoder", "PixelBatch"]

IMAGE_BATCH = 64
TEXT_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class PixelBatch:
    """Preprocessed pictures: `pixel_values` (B, 3, H, W) and whatever else the model asks for.

    Models of variable resolution (SigLIP 2 NaFlex) have patches (B, P, 3·p·p), a mask (B, P)
    and shapes (B, 2) instead; the first axis is always the picture.
    """

    tensors: Mapping[str, torch.Tensor]

    def __len__(self) -> int:
        return len(self.tensors["pixel_values"])

    @property
    def nbytes(self) -> int:
        """Memory of the tensors in bytes, for a bounded queue."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @staticmethod
    def join(batches: Sequence[PixelBatch]) -> PixelBatch:
        """One batch out of several, in order; at least one is needed."""
        import torch

        names = batches[0].tensors
        joined = {name: torch.cat([batch.tensors[name] for batch in batches]) for name in names}
        return PixelBatch(tensors=joined)


class Encoder:
    """Encodes pictures and words into unit vectors of one space; made by `load_encoder`.

    One instance serves several threads: decode threads call `preprocess`, a batch thread
    `encode_pixels` and a live-query thread `encode_texts`, all at the same time.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        image_processor: Any,
        tokenizer: Any,
        *,
        identity: SpaceIdentity,
        text_options: Mapping[str, Any],
        device: torch.device,
    ) -> None:
        self.identity = identity
        self.device = device
        self._model: Any = model
        self._image_processor = image_processor
        self._tokenizer = tokenizer
        self._text_options = dict(text_options)
        # A tokenizer keeps its padding and truncation as state and cannot be borrowed twice.
        self._tokenizer_lock = threading.Lock()

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self.identity.dimension

    @property
    def image_min_side(self) -> int:
        """Pixels that the shorter side should keep when a JPEG is decoded at a reduced size."""
        return image_min_side(self._image_processor)

    def preprocess(self, images: Sequence[Image]) -> PixelBatch:
        """Resize and normalise as the model's own processor says, on the CPU."""
        rgb = [image if image.mode == "RGB" else image.convert("RGB") for image in images]
        features = self._image_processor(images=rgb, return_tensors="pt")
        return PixelBatch(tensors=dict(features))

    def encode_pixels(self, pixels: PixelBatch) -> NDArray[np.float32]:
        """Vectors (B, D) of preprocessed pictures; raises VectorError for NaN or infinity."""
        return self._encode(self._model.get_image_features, pixels.tensors)

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Vectors (B, D) of pictures of any size and mode."""
        chunks = [
            self.encode_pixels(self.preprocess(images[start : start + IMAGE_BATCH]))
            for start in range(0, len(images), IMAGE_BATCH)
        ]
        return self._stack(chunks)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (B, D) of texts; what exceeds the model's maximum length is cut off."""
        chunks = [
            self._encode(self._model.get_text_features, self._tokenize(texts[s : s + TEXT_BATCH]))
            for s in range(0, len(texts), TEXT_BATCH)
        ]
        return self._stack(chunks)

    def _tokenize(self, texts: Sequence[str]) -> Mapping[str, torch.Tensor]:
        with self._tokenizer_lock:
            return dict(self._tokenizer(list(texts), return_tensors="pt", **self._text_options))

    def _encode(
        self, features_of: Callable[..., Any], inputs: Mapping[str, torch.Tensor]
    ) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            placed = {name: self._place(tensor) for name, tensor in inputs.items()}
            output = features_of(**placed)
            features = getattr(output, "pooler_output", output).float()  # (B, D)
            unit = features / features.norm(dim=-1, keepdim=True)
            # A zero vector divides to NaN, so one test finds every unusable row.
            good = torch.isfinite(unit).all(dim=-1).cpu()
        if not bool(good.all()):
            rows = tuple(int(row) for row in (~good).nonzero().flatten())
            message = (
                f"{self.identity.model} gave NaN or infinite values for rows {rows} of a batch"
            )
            raise VectorError(message, rows=rows)
        return np.asarray(unit.cpu().numpy(), dtype=np.float32)

    def _place(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_floating_point():
            return tensor.to(self.device, self._model.dtype, non_blocking=True)
        return tensor.to(self.device, non_blocking=True)

    def _stack(self, chunks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        if not chunks:
            return np.zeros((0, self.identity.dimension), dtype=np.float32)
        return np.concatenate(chunks)


def image_min_side(image_processor: Any) -> int:
    """The shorter side, in pixels, that a processor's resize starts from; 0 when unlimited."""
    patches = getattr(image_processor, "max_num_patches", None)
    if patches:
        # Variable resolution: a picture four times as wide as high still gets its pixels.
        return int(2 * patches**0.5 * image_processor.patch_size)
    size = dict(getattr(image_processor, "size", None) or {})
    if size.get("shortest_edge"):
        return int(size["shortest_edge"])
    sides = [side for side in (size.get("height"), size.get("width")) if side]
    return max(sides, default=0)


def probe_dimension(encoder: Encoder) -> int:
    """Encode one picture and one word; their common length, or a ModelError that says why not."""
    from PIL import Image as PillowImage

    picture = encoder.encode_images([PillowImage.new("RGB", (64, 64), (200, 120, 40))])
    words = encoder.encode_texts(["shoe"])
    if picture.shape != words.shape:
        sizes = f"{picture.shape[1]} for pictures and {words.shape[1]} for words"
        message = f"{encoder.identity.model} has vectors of length {sizes}; it is no dual encoder"
        raise ModelError(message)
    return int(picture.shape[1])
