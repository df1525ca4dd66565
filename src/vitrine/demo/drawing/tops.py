"""Garments for the upper body, from tank tops to coats, lying flat or on a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.demo.drawing.collars import COLLARS, hood_behind
from vitrine.demo.drawing.cut import bodice, cut_for, neck_opening
from vitrine.demo.drawing.fronts import FRONTS
from vitrine.demo.drawing.geometry import flatten, rounded
from vitrine.demo.drawing.palette import tint
from vitrine.demo.drawing.sleeves import sleeves

if TYPE_CHECKING:
    from vitrine.demo.drawing.cut import Cut
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["draw_top"]


def draw_top(sketch: Sketch) -> None:
    """Draw a top with its middle at x = 0.5 and its shoulders at y = 0.215."""
    cut = cut_for(sketch)
    if cut.collar == "hood" and not sketch.worn:
        hood_behind(sketch)
    if cut.sleeve:
        sleeves(sketch, cut)
    if cut.drop > 0.02:
        _inside(sketch, cut)
    body = bodice(cut)
    sketch.painter.part(body, sketch.fill, volume=0.5)
    _drape(sketch, cut)
    if cut.ribbed:
        _hem_rib(sketch, cut)
    if cut.front and not sketch.back:
        FRONTS[cut.front](sketch, cut)
    COLLARS[cut.collar](sketch, cut)


def _drape(sketch: Sketch, cut: Cut) -> None:
    """Folds that fall from the chest and pull at the arms."""
    rng = sketch.rng
    for side in (-1, 1):
        x = 0.5 + side * (cut.chest - 0.03)
        sketch.folds([[(x, 0.42), (x - side * 0.05, 0.47), (x - side * 0.09, 0.49)]], 14)
    for _ in range(rng.randint(2, 4)):
        x = 0.5 + rng.uniform(-0.8, 0.8) * cut.bottom
        top = rng.uniform(0.5, 0.62)
        lean = rng.uniform(-0.03, 0.03)
        sketch.folds([[(x, top), (x + lean, (top + cut.hem) / 2), (x + lean, cut.hem - 0.03)]], 12)


def _inside(sketch: Sketch, cut: Cut) -> None:
    """The inside of the back, seen through the neck's opening; on a figure there is skin."""
    if sketch.worn:
        return
    sketch.painter.part(neck_opening(cut), sketch.inside, volume=0.1)
    if not sketch.back and cut.collar in {"crew", "v"}:
        label = rounded(0.484, 0.186, 0.516, 0.2, 0.003)
        sketch.painter.part(label, (240, 238, 232), volume=0)


def _hem_rib(sketch: Sketch, cut: Cut) -> None:
    left, right = 0.5 - cut.bottom, 0.5 + cut.bottom
    band = flatten(
        [
            (left - 0.002, cut.hem - 0.045),
            (0.5, cut.hem - 0.037, right + 0.002, cut.hem - 0.045),
            (right - 0.008, cut.hem + 0.004),
            (0.5, cut.hem + 0.014, left + 0.008, cut.hem + 0.004),
        ]
    )
    sketch.painter.part(band, sketch.trim, volume=0.4)
    for step in range(1, 26):
        x = left + (right - left) * step / 26
        rib = [(x, cut.hem - 0.038), (x, cut.hem + 0.004)]
        sketch.painter.line(rib, tint(sketch.trim, -0.1), 0.003)
