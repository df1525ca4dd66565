"""Augmentation on whole batches: geometry, light, and colour changes that are known exactly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import affine_grid, grid_sample

from vitrine.train.colours import name_colours

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["augment", "plain", "recolour"]


def _uniform(n: int, low: float, high: float, rng: Generator) -> Tensor:
    return torch.rand(n, generator=rng) * (high - low) + low


def recolour(colours: Tensor, rng: Generator, share: float = 0.5) -> tuple[Tensor, Tensor]:
    """Turn the hue of a share of the pictures whose garment's colour is known.

    `colours` (B, 3) is that colour in sRGB 0 to 1, NaN where unknown. Returns matrices
    (B, 3, 3) for the pixels and the index of the colour word after them (B,), -1 if uncertain:
    hue may change because the caption follows. Pictures of unknown colour keep theirs.
    """
    n = len(colours)
    turned = (torch.rand(n, generator=rng) < share) & ~colours.isnan().any(1)
    angle = torch.where(turned, _uniform(n, -math.pi, math.pi, rng), 0.0)
    vivid = torch.where(turned, _uniform(n, 0.8, 1.5, rng), 1.0)
    matrices = _hue_matrices(angle, vivid)
    after = torch.einsum("bij,bj->bi", matrices, colours.nan_to_num()).clamp(0, 1)
    words = name_colours(after)
    return matrices, torch.where(colours.isnan().any(1), -1, words)


def _hue_matrices(angle: Tensor, vivid: Tensor) -> Tensor:
    """Rotate and stretch the chroma plane of YIQ: (B,) and (B,) to (B, 3, 3) on RGB."""
    to_yiq = torch.tensor(
        [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
    )
    cos, sin = angle.cos() * vivid, angle.sin() * vivid
    turn = torch.zeros(len(angle), 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1], turn[:, 1, 2] = cos, -sin
    turn[:, 2, 1], turn[:, 2, 2] = sin, cos
    matrices: Tensor = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return matrices


def augment(pixels: Tensor, matrices: Tensor, side: int, rng: Generator) -> Tensor:
    """uint8 (B, S, S, 3) to float (B, 3, side, side) in -1 to 1; cropped, lit, erased at random."""
    images = pixels.permute(0, 3, 1, 2).float() / 255  # channels last in memory
    images = _geometry(images, side, rng)
    images = torch.einsum("bij,bjhw->bihw", matrices, images)
    images = _light(images, rng).clamp(0, 1)
    return _erase(images * 2 - 1, rng).contiguous(memory_format=torch.channels_last)


def plain(pixels: Tensor, side: int) -> Tensor:
    """uint8 (B, S, S, 3) to float (B, 3, side, side) in -1 to 1, only resized."""
    images = pixels.permute(0, 3, 1, 2).float() / 255
    if side != images.shape[-1]:
        images = torch.nn.functional.interpolate(
            images, size=(side, side), mode="bilinear", antialias=True, align_corners=False
        )
    return (images * 2 - 1).contiguous(memory_format=torch.channels_last)


def _geometry(images: Tensor, side: int, rng: Generator) -> Tensor:
    """Random crop of 50 to 120 % of the area, stretch, small turn, mirror."""
    n = len(images)
    zoom = _uniform(n, 0.5, 1.2, rng).sqrt()
    stretch = _uniform(n, -0.2, 0.2, rng).exp()
    half_width, half_height = zoom * stretch, zoom / stretch
    mirror = torch.where(torch.rand(n, generator=rng) < 0.5, -1.0, 1.0)
    turn = _uniform(n, -0.2, 0.2, rng)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = mirror * half_width * turn.cos(), -half_height * turn.sin()
    theta[:, 1, 0], theta[:, 1, 1] = mirror * half_width * turn.sin(), half_height * turn.cos()
    theta[:, 0, 2] = _uniform(n, -1, 1, rng) * (1 - half_width).clamp(min=0)
    theta[:, 1, 2] = _uniform(n, -1, 1, rng) * (1 - half_height).clamp(min=0)
    grid = affine_grid(theta, [n, 3, side, side], align_corners=False)
    return grid_sample(images, grid, padding_mode="border", align_corners=False)


def _light(images: Tensor, rng: Generator) -> Tensor:
    """Exposure, contrast and a slight cast; never so much that a colour changes its name."""
    n = len(images)
    gain = _uniform(n, 0.85, 1.15, rng)[:, None] * (1 + 0.04 * torch.randn(n, 3, generator=rng))
    contrast = _uniform(n, 0.8, 1.2, rng)[:, None, None, None]
    images = images * gain[:, :, None, None]
    return (images - 0.5) * contrast + 0.5


def _erase(images: Tensor, rng: Generator, share: float = 0.3) -> Tensor:
    """Gray out one box in a share of the pictures, so that no single part decides."""
    side = images.shape[-1]
    for row in (torch.rand(len(images), generator=rng) < share).nonzero().flatten().tolist():
        height, width = (_uniform(2, 0.15, 0.45, rng) * side).int().tolist()
        top = int(torch.randint(side - height, (1,), generator=rng))
        left = int(torch.randint(side - width, (1,), generator=rng))
        images[row, :, top : top + height, left : left + width] = 0
    return images
