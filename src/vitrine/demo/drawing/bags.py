"""Bags: handbags, backpacks and tote bags, from the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.demo.drawing.geometry import both, flatten, rounded, symmetric
from vitrine.demo.drawing.palette import contrast, tint

if TYPE_CHECKING:
    from vitrine.demo.drawing.geometry import Path
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["draw_backpack", "draw_handbag", "draw_tote"]

GOLD = (216, 186, 112)


_HANDBAG_BODY: Path = (
    (0.5, 0.4),
    (0.76, 0.4),
    (0.8, 0.41, 0.81, 0.45),
    (0.86, 0.8),
    (0.86, 0.85, 0.81, 0.85),
    (0.5, 0.86),
)
_HANDBAG_FLAP: Path = (
    (0.5, 0.39),
    (0.77, 0.39),
    (0.81, 0.4, 0.815, 0.45),
    (0.82, 0.6, 0.68, 0.645),
    (0.58, 0.665, 0.5, 0.665),
)


def draw_handbag(sketch: Sketch) -> None:
    """A structured handbag with a flap, a clasp and one handle."""
    painter = sketch.painter
    high = sketch.rng.uniform(0.0, 0.05)
    handle = flatten(
        [(0.33, 0.43), (0.34, 0.16 - high, 0.5, 0.15 - high), (0.66, 0.16 - high, 0.67, 0.43)]
    )
    painter.cord(handle, tint(sketch.base, -0.12), 0.036)
    painter.cord([(x, y - 0.006) for x, y in handle], tint(sketch.base, 0.14), 0.012)
    body = symmetric(_HANDBAG_BODY)
    painter.part(body, sketch.fill, volume=0.7)
    if sketch.has("quilted"):
        for step in range(-6, 12):
            for slant in (1, -1):
                x = 0.2 + step * 0.075 if slant > 0 else 0.8 - step * 0.075
                quilt = [(x, 0.42), (x + slant * 0.42, 0.84)]
                inside = [(px, py) for px, py in quilt if 0.12 < px < 0.88]
                if len(inside) == 2:
                    painter.line(quilt, sketch.seam, 0.004)
                    painter.fold(quilt, -14, 0.012)
    flap = symmetric(_HANDBAG_FLAP)
    painter.part(flap, sketch.fill, volume=0.5, lift=0.6, tone=4)
    edge = [(0.5 + (x - 0.5) * 0.95, 0.39 + (y - 0.39) * 0.94) for x, y in flap]
    painter.line(edge[3:-3], sketch.seam, 0.004, dash=0.01)
    painter.part(rounded(0.455, 0.615, 0.545, 0.7, 0.014), GOLD, volume=0.5, lift=0.5)
    painter.part(rounded(0.485, 0.64, 0.515, 0.675, 0.006), tint(GOLD, -0.35), volume=0.1)
    for x in (0.33, 0.67):
        painter.part(rounded(x - 0.024, 0.385, x + 0.024, 0.44, 0.01), GOLD, volume=0.5, lift=0.4)


_BACKPACK_BODY: Path = (
    (0.5, 0.125),
    (0.71, 0.12, 0.735, 0.26, 0.745, 0.45),
    (0.77, 0.7, 0.765, 0.85),
    (0.755, 0.905, 0.69, 0.905),
    (0.5, 0.91),
)
_BACKPACK_POCKET: Path = (
    (0.5, 0.56),
    (0.64, 0.56),
    (0.69, 0.565, 0.695, 0.62),
    (0.71, 0.82),
    (0.7, 0.87, 0.64, 0.87),
    (0.5, 0.87),
)


def draw_backpack(sketch: Sketch) -> None:
    """A backpack with a top handle, a front pocket and straps."""
    painter = sketch.painter
    dark = tint(sketch.base, -0.28)
    painter.cord(
        flatten([(0.43, 0.15), (0.43, 0.07, 0.5, 0.07), (0.57, 0.07, 0.57, 0.15)]), dark, 0.026
    )
    for strap in both(flatten([(0.7, 0.3), (0.86, 0.42, 0.79, 0.8)])):
        painter.cord(strap, dark, 0.045)
    body = symmetric(_BACKPACK_BODY)
    painter.part(body, sketch.fill, volume=0.8)
    zip_line = symmetric([(0.5, 0.2), (0.655, 0.2, 0.675, 0.34), (0.68, 0.5)])
    painter.line(zip_line, sketch.seam, 0.01)
    pocket = symmetric(_BACKPACK_POCKET)
    plain = sketch.look.pattern == "plain"
    painter.part(
        pocket, sketch.fill if plain else tint(sketch.base, -0.1), volume=0.55, lift=0.6, tone=5
    )
    painter.line([(0.315, 0.61), (0.685, 0.61)], (60, 58, 60), 0.012)
    painter.part(rounded(0.655, 0.6, 0.675, 0.66, 0.005), GOLD, volume=0.3, lift=0.3)
    patch = rounded(0.44, 0.34, 0.56, 0.44, 0.014)
    painter.part(patch, (176, 124, 80), volume=0.3, lift=0.4)
    painter.line([*rounded(0.45, 0.35, 0.55, 0.43, 0.01)], (226, 200, 160), 0.004, dash=0.01)


def draw_tote(sketch: Sketch) -> None:
    """A shopping bag of cloth with two long handles."""
    painter = sketch.painter
    band = contrast(sketch.base, 0.14) if sketch.cloth is None else sketch.trim
    for lift_y, width in ((0.03, 0.03), (0.0, 0.032)):
        handle = flatten(
            [
                (0.36, 0.42),
                (0.36, 0.1 + lift_y, 0.5, 0.1 + lift_y),
                (0.64, 0.1 + lift_y, 0.64, 0.42),
            ]
        )
        painter.cord(handle, tint(band, -0.2 if lift_y else 0.0), width)
    body = symmetric(
        [(0.5, 0.375), (0.765, 0.365), (0.79, 0.6, 0.775, 0.89), (0.6, 0.915, 0.5, 0.9)]
    )
    painter.part(body, sketch.fill, volume=0.6)
    painter.line([(0.237, 0.415), (0.5, 0.425), (0.764, 0.415)], sketch.seam, 0.004, dash=0.012)
    for x in (0.36, 0.64):
        painter.part(rounded(x - 0.018, 0.375, x + 0.018, 0.475, 0.003), band, volume=0.1, lift=0.3)
    rng = sketch.rng
    for _ in range(4):
        x = 0.5 + rng.uniform(-0.2, 0.2)
        sketch.folds([[(x, rng.uniform(0.45, 0.6)), (x + rng.uniform(-0.04, 0.04), 0.87)]], 14)
