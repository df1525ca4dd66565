"""Sleeves, both of a pair, lying flat or along the arms of a figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vitrine.demo.drawing.cut import SHOULDER_Y
from vitrine.demo.drawing.geometry import both, flatten, mirror

if TYPE_CHECKING:
    from vitrine.demo.drawing.cut import Cut
    from vitrine.demo.drawing.geometry import Point, both
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["sleeves"]


def arm_angle(sketch: Sketch, *, short: bool) -> float:
    """How far arms and sleeves stand off, in radians from straight down."""
    if sketch.worn:
        return sketch.arm
    return 0.62 if short else 0.3


def sleeves(sketch: Sketch, cut: Cut) -> None:
    """Both sleeves, below the body whose edge is their seam."""
    angle = arm_angle(sketch, short=cut.sleeve < 0.3)
    right = _sleeve(cut, angle)
    fabric = sketch.turned(math.degrees(angle))
    other = sketch.turned(-math.degrees(angle))
    for outline, fill in ((right, fabric), (mirror(right), other)):
        sketch.painter.part(outline, fill, volume=0.55, tone=-5)
    for band in both(_cuff_line(cut, angle)):
        width = 0.042 if cut.ribbed else 0.014
        if cut.ribbed or sketch.look.kind in {"T-shirt", "polo shirt"}:
            sketch.painter.line(band, sketch.trim, width)
        else:
            sketch.painter.line(band, sketch.seam, 0.004)
    if cut.sleeve > 0.3:
        _sleeve_folds(sketch, angle)


def _sleeve(cut: Cut, angle: float) -> list[Point]:
    sx, sy = 0.5 + cut.shoulder - 0.02, SHOULDER_Y - 0.012
    dx, dy = math.sin(angle), math.cos(angle)
    ox, oy = sx + 0.022 + dx * cut.sleeve, sy + 0.01 + dy * cut.sleeve
    # The inner end of the cuff lies across the sleeve's direction.
    ix, iy = ox - dy * cut.cuff, oy + dx * cut.cuff
    return flatten(
        [
            (sx, sy),
            (
                sx + 0.045,
                sy + 0.012,
                sx + 0.04 + dx * cut.sleeve * 0.3,
                sy + dy * cut.sleeve * 0.4,
                ox,
                oy,
            ),
            (ix, iy),
            (0.5 + cut.chest - 0.01, 0.45, 0.5 + cut.chest - 0.02, 0.4),
            (sx - 0.05, sy + 0.08),
        ]
    )


def _cuff_line(cut: Cut, angle: float) -> list[Point]:
    """A line across the sleeve, a little above its end."""
    sx, sy = 0.5 + cut.shoulder + 0.002, SHOULDER_Y - 0.002
    dx, dy = math.sin(angle), math.cos(angle)
    at = cut.sleeve - (0.021 if cut.ribbed else 0.008)
    ox, oy = sx + dx * at, sy + dy * at
    return [
        (ox + dy * 0.004, oy - dx * 0.004),
        (ox - dy * (cut.cuff + 0.002), oy + dx * (cut.cuff + 0.002)),
    ]


def _sleeve_folds(sketch: Sketch, angle: float) -> None:
    rng = sketch.rng
    for side in (1, -1):
        for _ in range(3):
            at = rng.uniform(0.16, 0.42)
            x = 0.665 + math.sin(angle) * at
            y = SHOULDER_Y + math.cos(angle) * at
            reach = rng.uniform(0.04, 0.07)
            line = [(x - reach / 2, y + rng.uniform(0.0, 0.03)), (x + reach / 2, y)]
            sketch.folds([line if side > 0 else mirror(line)], 13)
