"""Fronts of tops: buttons, zips, pouches, pockets and prints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vitrine.demo.drawing.cut import METAL
from vitrine.demo.drawing.geometry import ellipse, flatten, rounded, symmetric
from vitrine.demo.drawing.palette import blend, contrast, tint

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.demo.drawing.cut import Cut
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["FRONTS"]


def _front_buttons(sketch: Sketch, cut: Cut) -> None:
    top, bottom = 0.2 + cut.drop, cut.hem
    for x in (0.478, 0.522):
        sketch.painter.line([(x, top), (x, bottom)], sketch.seam, 0.004)
    sketch.painter.fold([(0.526, top), (0.526, bottom)], -14, 0.012)
    button = contrast(sketch.base, 0.55)
    count = 7
    for step in range(count):
        y = top + 0.04 + (bottom - top - 0.09) * step / (count - 1)
        sketch.painter.dot(0.5, y, 0.0085, button)
    if sketch.rng.random() < 0.6:
        _chest_pocket(sketch)


def _chest_pocket(sketch: Sketch) -> None:
    pocket = flatten([(0.555, 0.345), (0.635, 0.345), (0.635, 0.42), (0.595, 0.44), (0.555, 0.42)])
    sketch.painter.part(pocket, sketch.fill, volume=0.12, lift=0.3)
    sketch.painter.line([*pocket, pocket[0]], sketch.seam, 0.004)


def _front_zip(sketch: Sketch, cut: Cut) -> None:
    top = 0.165 + cut.drop
    dark = tint(sketch.base, -0.35) if sum(sketch.base) > 200 else tint(sketch.base, 0.2)
    sketch.painter.line([(0.5, top), (0.5, cut.hem)], dark, 0.026)
    sketch.painter.line([(0.5, top), (0.5, cut.hem)], METAL, 0.008)
    sketch.painter.dot(0.5, top + 0.02, 0.012, METAL)
    for side in (-1, 1):
        x = 0.5 + side * 0.09
        slit = [(x, 0.58), (x + side * 0.05, 0.7)]
        sketch.painter.line(slit, sketch.seam, 0.012)
        sketch.painter.fold([(x + side * 0.012, 0.58), (x + side * 0.062, 0.7)], -16, 0.014)


def _front_pouch(sketch: Sketch, cut: Cut) -> None:
    base = cut.hem - 0.05
    pouch = symmetric(
        [
            (0.5, base - 0.19),
            (0.575, base - 0.19),
            (0.6, base - 0.15, 0.635, base - 0.075),
            (0.635, base),
            (0.5, base + 0.004),
        ]
    )
    sketch.painter.part(pouch, sketch.fill, volume=0.25, lift=0.45)
    sketch.painter.line([*pouch, pouch[0]], sketch.seam, 0.004)


def _front_blazer(sketch: Sketch, cut: Cut) -> None:
    depth = 0.165 + cut.drop
    edge = flatten([(0.5, depth), (0.51, 0.7, 0.54, cut.hem)])
    sketch.painter.line(edge, sketch.seam, 0.005)
    sketch.painter.fold([(x + 0.01, y) for x, y in edge], -18, 0.016)
    button = contrast(sketch.base, 0.4)
    for y in (depth + 0.03, depth + 0.11):
        sketch.painter.dot(0.492, y, 0.012, button)
    for side in (-1, 1):
        flap = rounded(0.5 + side * 0.12 - 0.05, 0.64, 0.5 + side * 0.12 + 0.05, 0.672, 0.006)
        sketch.painter.part(flap, sketch.fill, volume=0.15, lift=0.45)
    sketch.painter.line([(0.58, 0.4), (0.64, 0.39)], sketch.seam, 0.01)


def _front_coat(sketch: Sketch, cut: Cut) -> None:
    depth = 0.165 + cut.drop
    sketch.painter.line([(0.54, depth), (0.54, cut.hem)], sketch.seam, 0.005)
    sketch.painter.fold([(0.55, depth), (0.55, cut.hem)], -18, 0.016)
    button = contrast(sketch.base, 0.4)
    for step in range(3):
        for x in (0.47, 0.525):
            sketch.painter.dot(x, depth + 0.05 + step * 0.11, 0.012, button)
    for side in (-1, 1):
        x = 0.5 + side * 0.13
        slit = [(x - side * 0.02, 0.64), (x + side * 0.03, 0.74)]
        sketch.painter.line(slit, sketch.seam, 0.014)
    if sketch.has("belted"):
        belt = rounded(0.5 - cut.chest - 0.012, 0.545, 0.5 + cut.chest + 0.012, 0.59, 0.008)
        sketch.painter.part(belt, contrast(sketch.base, 0.14), volume=0.35, lift=0.5)
        buckle = rounded(0.475, 0.54, 0.525, 0.595, 0.006)
        sketch.painter.part(buckle, METAL, volume=0.3, lift=0.3)
        hole = rounded(0.485, 0.55, 0.515, 0.585, 0.004)
        sketch.painter.part(hole, contrast(sketch.base, 0.2), volume=0.1)


def _front_print(sketch: Sketch, cut: Cut) -> None:
    """A print on the chest: a sun behind hills, a star, a heart, or bars."""
    rng, painter = sketch.rng, sketch.painter
    ink = sketch.accent if sketch.look.accent != sketch.look.color else contrast(sketch.base, 0.7)
    second = blend(ink, rng.choice(_INKS), 0.6)
    motif = rng.choice(("hills", "star", "heart", "bars"))
    y = 0.42 + cut.drop * 0.3
    if motif == "hills":
        painter.part(ellipse(0.5, y, 0.085, 0.085), second, volume=0)
        hills = [(0.4, y + 0.085), (0.455, y), (0.49, y + 0.04), (0.54, y - 0.03), (0.6, y + 0.085)]
        painter.part(hills, ink, volume=0)
    elif motif == "star":
        points = [
            (
                0.5 + math.sin(step * math.pi / 5) * reach,
                y + 0.01 - math.cos(step * math.pi / 5) * reach,
            )
            for step, reach in enumerate((0.1, 0.042) * 5)
        ]
        painter.part(points, ink, volume=0)
    elif motif == "heart":
        heart = [
            (0.5, y - 0.04),
            (0.53, y - 0.11, 0.61, y - 0.07, 0.585, y),
            (0.56, y + 0.05, 0.5, y + 0.09),
        ]
        painter.part(symmetric(heart), ink, volume=0)
    else:
        for step in range(3):
            top = y - 0.07 + step * 0.05
            bar = rounded(0.41, top, 0.59 - step * 0.045, top + 0.032, 0.004)
            painter.part(bar, second if step == 1 else ink, volume=0)


_INKS = ((240, 196, 92), (232, 120, 96), (120, 176, 190), (246, 240, 228))
FRONTS: dict[str, Callable[[Sketch, Cut], None]] = {
    "buttons": _front_buttons,
    "print": _front_print,
    "zip": _front_zip,
    "pouch": _front_pouch,
    "blazer": _front_blazer,
    "coat": _front_coat,
}
