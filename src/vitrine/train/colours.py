"""Shop colour words for measured colours: CIELAB, nearest prototype, silence when in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import one_hot

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["COLOURS", "COLOUR_WORDS", "garment_colour", "name_colours"]

UNKNOWN = -1

# Several sRGB prototypes for each word: "blue" is navy and denim as well as sky.
PROTOTYPES: dict[str, str] = {
    "black": "101010 202022 2a2a2e",
    "white": "ffffff f2f2f2 e6e6e8",
    "gray": "808080 969698 606266",
    "red": "c81e1e e02020 a01018 8c1822",
    "orange": "f07818 e8601c ff9030",
    "yellow": "f8d820 ffe860 e0b818",
    "green": "2c8c3c 1e5c30 60b050 6b7a3a 98c878 3c4a2c",
    "blue": "1c4cb0 3070d0 1c2450 70a8e0 90b8d8 405878 283858",
    "purple": "702c90 8c50b8 a888cc 4c2060",
    "pink": "f0a0b8 e85c98 f4c4cc d83880",
    "brown": "6b4226 8a5a30 4a2e1c a87848",
    "beige": "d8c4a0 e4d6bc c8b48c",
}
COLOURS: tuple[str, ...] = tuple(PROTOTYPES)

# True synonyms only; shades such as navy are learned from drawings, where they are certain.
COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "black": ("black",) * 5 + ("jet black", "ebony"),
    "white": ("white",) * 5 + ("snow white",),
    "gray": ("gray", "grey"),
    "red": ("red",) * 5 + ("scarlet", "crimson"),
    "orange": ("orange",) * 5 + ("tangerine",),
    "yellow": ("yellow",) * 5 + ("golden yellow",),
    "green": ("green",) * 5 + ("emerald",),
    "blue": ("blue",) * 5 + ("azure",),
    "purple": ("purple",) * 2 + ("violet",),
    "pink": ("pink",) * 5 + ("rose",),
    "brown": ("brown",) * 5 + ("chocolate",),
    "beige": ("beige",) * 2 + ("cream", "sand-coloured"),
}

_LARGEST_DISTANCE = 26.0  # ΔE to the nearest prototype; beyond it no word is certain
_LARGEST_RATIO = 0.75  # of the nearest word's distance to the next word's


def lab(rgb: Tensor) -> Tensor:
    """CIELAB (D65) of sRGB in 0 to 1; any leading shape, last axis 3 (IEC 61966-2-1, CIE 1976)."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = torch.tensor(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = (linear @ to_xyz.T) / torch.tensor([0.9505, 1.0, 1.089])
    root = torch.where(xyz > 0.008856, xyz.clamp(min=1e-8) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = root.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)


def _prototypes() -> tuple[Tensor, Tensor]:
    """All prototypes in CIELAB (P, 3) and the index of each one's word (P,)."""
    rows = [(c, code) for c, codes in enumerate(PROTOTYPES.values()) for code in codes.split()]
    rgb = torch.tensor([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for _, code in rows])
    return lab(rgb), torch.tensor([colour for colour, _ in rows])


def name_colours(rgb: Tensor) -> Tensor:
    """Indexes into COLOURS (N,) of sRGB colours (N, 3) in 0 to 1; -1 where no word is certain."""
    prototypes, words = _prototypes()
    distance = torch.cdist(lab(rgb), prototypes)  # (N, P)
    by_word = torch.full((len(rgb), len(COLOURS)), torch.inf)
    by_word = by_word.scatter_reduce(1, words.expand(len(rgb), -1), distance, "amin")
    nearest, order = by_word.topk(2, largest=False)
    certain = (nearest[:, 0] < _LARGEST_DISTANCE) & (nearest[:, 0] < _LARGEST_RATIO * nearest[:, 1])
    return torch.where(certain, order[:, 0], UNKNOWN)


def garment_colour(pixels: Tensor, clusters: int = 5, rounds: int = 8) -> Tensor:
    """Mean sRGB (N, 3) of what lies in the middle and not at the border of uint8 (N, S, S, 3).

    k-means in CIELAB; the cluster with most of the middle beyond its share of the border wins.
    Rows are NaN where no cluster stands out, as with patterns and cluttered backgrounds.
    """
    step = max(1, pixels.shape[1] // 40)
    small = pixels[:, ::step, ::step].float() / 255  # (N, s, s, 3)
    middle, border = _regions(small.shape[1])  # (s·s,), each sums to 1
    rgb = small.flatten(1, 2)  # (N, s·s, 3)
    shades = lab(rgb)
    lightness = shades[..., 0].argsort(dim=1)
    quantiles = torch.linspace(0.05, 0.95, clusters) * (rgb.shape[1] - 1)
    start = lightness[:, quantiles.long()]  # (N, k)
    centres = shades.gather(1, start[..., None].expand(-1, -1, 3))
    for _ in range(rounds):
        member = one_hot(torch.cdist(shades, centres).argmin(-1), clusters).float()  # (N, P, k)
        size = member.sum(1).clamp(min=1)
        centres = (member.transpose(1, 2) @ shades) / size[..., None]
    inside = torch.einsum("npk,p->nk", member, middle)
    outside = torch.einsum("npk,p->nk", member, border)
    best = (inside - outside).argmax(1)
    rows = torch.arange(len(pixels))
    chosen = member[rows, :, best] * middle  # (N, P)
    mean = (chosen[..., None] * rgb).sum(1) / chosen.sum(1, keepdim=True).clamp(min=1e-6)
    clear = (inside[rows, best] > 0.3) & (outside[rows, best] < 0.4 * inside[rows, best])
    return torch.where(clear[:, None], mean, torch.nan)


def _regions(side: int) -> tuple[Tensor, Tensor]:
    axis = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    middle = torch.exp(-(x**2 + y**2) / (2 * 0.4**2)).flatten()
    border = ((x.abs() > 0.85) | (y.abs() > 0.85)).float().flatten()
    return middle / middle.sum(), border / border.sum()
