"""Collars of tops: ribs, rolls, points, hoods and lapels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.demo.drawing.cut import METAL, SHOULDER_Y, neck_curve
from vitrine.demo.drawing.geometry import both, flatten, mirror, rounded, symmetric
from vitrine.demo.drawing.palette import contrast

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.demo.drawing.cut import Cut
    from vitrine.demo.drawing.geometry import Path
    from vitrine.demo.drawing.painter import Fill
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["COLLARS", "hood_behind"]


def _collar_rib(sketch: Sketch, cut: Cut) -> None:
    sketch.painter.line(neck_curve(cut, 0.008), sketch.trim, 0.02)
    sketch.painter.line(neck_curve(cut, 0.02), sketch.seam, 0.003)
    if cut.sleeve == 0:
        shoulder, chest = 0.5 + cut.shoulder, 0.5 + cut.chest
        edge = flatten(
            [(shoulder - 0.006, SHOULDER_Y), (shoulder - 0.028, 0.3, chest - 0.005, 0.4)]
        )
        for line in both(edge):
            sketch.painter.line(line, sketch.trim, 0.014)


def _collar_back(sketch: Sketch, cut: Cut) -> None:
    sketch.painter.line(neck_curve(cut, 0.006), sketch.trim, 0.016)


def _collar_turtle(sketch: Sketch, cut: Cut) -> None:
    roll = flatten(
        [
            (0.5 - cut.neck + 0.008, 0.1),
            (0.5, 0.092, 0.5 + cut.neck - 0.008, 0.1),
            (0.5 + cut.neck + 0.012, 0.15, 0.5 + cut.neck + 0.006, 0.185),
            (0.5, 0.212, 0.5 - cut.neck - 0.006, 0.185),
            (0.5 - cut.neck - 0.012, 0.15, 0.5 - cut.neck + 0.008, 0.1),
        ]
    )
    sketch.painter.part(roll, sketch.trim if sketch.cloth else sketch.base, volume=0.7, lift=0.5)


def _collar_stand(sketch: Sketch, cut: Cut) -> None:
    stand = flatten(
        [
            (0.5 - cut.neck + 0.004, 0.118),
            (0.5, 0.106, 0.5 + cut.neck - 0.004, 0.118),
            (0.5 + cut.neck + 0.004, 0.172),
            (0.5, 0.222, 0.5 - cut.neck - 0.004, 0.172),
        ]
    )
    sketch.painter.part(stand, sketch.trim, volume=0.6, lift=0.3)
    if not sketch.back:
        sketch.painter.line([(0.5, 0.115), (0.5, 0.21)], METAL, 0.01)


def _collar_points(sketch: Sketch, cut: Cut) -> None:
    """A shirt's collar: two points that fold over the neck's edge."""
    n = cut.neck
    point = flatten(
        [
            (0.5 + n * 0.55, 0.138),
            (0.5 + n + 0.012, 0.135, 0.5 + n + 0.016, 0.172),
            (0.5 + n * 0.62, 0.262),
            (0.5 + n * 0.3, 0.24, 0.5 + 0.002, 0.2 + cut.drop * 0.4),
            (0.5 + n * 0.5, 0.19, 0.5 + n * 0.55, 0.138),
        ]
    )
    fill: Fill = sketch.fill if sketch.look.kind != "polo shirt" else sketch.trim
    for outline in both(point):
        sketch.painter.part(outline, fill, volume=0.45, lift=0.55, tone=6)


def _collar_polo(sketch: Sketch, cut: Cut) -> None:
    placket = rounded(0.482, 0.2, 0.518, 0.36, 0.004)
    sketch.painter.part(placket, sketch.trim, volume=0.3, lift=0.25)
    for y in (0.25, 0.295, 0.34):
        sketch.painter.dot(0.5, y, 0.007, contrast(sketch.base, 0.5))
    _collar_points(sketch, cut)


def hood_behind(sketch: Sketch) -> None:
    """The hood behind the neck, lying open."""
    hood = symmetric(
        [
            (0.5, 0.055),
            (0.6, 0.05, 0.625, 0.12, 0.615, 0.2),
            (0.56, 0.25, 0.5, 0.26),
        ]
    )
    sketch.painter.part(hood, sketch.fill, volume=0.8)
    if not sketch.back and not sketch.worn:
        hollow = symmetric(
            [(0.5, 0.1), (0.56, 0.098, 0.575, 0.14, 0.568, 0.19), (0.53, 0.25, 0.5, 0.25)]
        )
        sketch.painter.part(hollow, sketch.inside, volume=0.5)


_COLLAR_HOOD_HOOD: Path = (
    (0.5, 0.06),
    (0.61, 0.05, 0.625, 0.15, 0.61, 0.2),
    (0.57, 0.31, 0.5, 0.32),
)
_COLLAR_HOOD_ROLL: Path = (
    (0.54, 0.09),
    (0.635, 0.11, 0.64, 0.2),
    (0.61, 0.26, 0.5, 0.29),
    (0.5, 0.24),
    (0.555, 0.2, 0.54, 0.09),
)


def _collar_hood(sketch: Sketch, cut: Cut) -> None:
    if sketch.back:
        hood = symmetric(_COLLAR_HOOD_HOOD)
        sketch.painter.part(hood, sketch.fill, volume=0.7, lift=0.6)
        sketch.painter.line([(0.5, 0.07), (0.5, 0.315)], sketch.seam, 0.004)
        return
    if sketch.worn:
        # Not up, the hood lies on the shoulders as a thick roll around the neck.
        roll = flatten(_COLLAR_HOOD_ROLL)
        for lobe in both(roll):
            sketch.painter.part(lobe, sketch.fill, volume=0.8, lift=0.4)
    edge = neck_curve(cut, 0.012)
    sketch.painter.line(edge, sketch.trim, 0.03)
    cord = contrast(sketch.base, 0.75)
    for side in (-1, 1):
        x = 0.5 + side * 0.035
        sway = side * sketch.rng.uniform(0.0, 0.02)
        drawn = flatten([(x, 0.235), (x + sway, 0.3, x + sway * 0.6, 0.37)])
        sketch.painter.line(drawn, cord, 0.009)
        sketch.painter.dot(x, 0.235, 0.008, METAL)
        sketch.painter.line(drawn[-2:], METAL, 0.012)


def _collar_lapels(sketch: Sketch, cut: Cut) -> None:
    depth = 0.165 + cut.drop
    lapel = flatten(
        [
            (0.5 + cut.neck * 0.75, 0.135),
            (0.5 + cut.neck + 0.015, 0.14, 0.5 + cut.neck + 0.02, 0.175),
            (0.5 + cut.neck + 0.055, 0.27),
            (0.5 + cut.neck + 0.028, 0.285),
            (0.5 + cut.neck + 0.038, 0.315),
            (0.5 + 0.06, depth - 0.03, 0.498, depth + 0.012),
            (0.5 + cut.neck * 0.4, 0.29, 0.5 + cut.neck * 0.75, 0.135),
        ]
    )
    for outline in (mirror(lapel), lapel):
        sketch.painter.part(outline, sketch.fill, volume=0.35, lift=0.6, tone=5)


COLLARS: dict[str, Callable[[Sketch, Cut], None]] = {
    "crew": _collar_rib,
    "v": _collar_rib,
    "back": _collar_back,
    "turtle": _collar_turtle,
    "stand": _collar_stand,
    "shirt": _collar_points,
    "polo": _collar_polo,
    "hood": _collar_hood,
    "lapels": _collar_lapels,
}
