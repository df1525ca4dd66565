"""Shoes from the side, a pair of them, toes to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.demo.drawing.geometry import ellipse, flatten
from vitrine.demo.drawing.palette import contrast, tint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vitrine.demo.drawing.geometry import Path, Point
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["draw_boots", "draw_heels", "draw_sandals", "draw_sneakers"]

RUBBER = (243, 240, 233)


def _pair(
    sketch: Sketch, one: Callable[[Sketch, float, float], None], dx: float, dy: float
) -> None:
    """The far shoe first, then the near one."""
    one(sketch, dx, -dy)
    one(sketch, -dx, dy)


def _moved(points: Sequence[Point], dx: float, dy: float) -> list[Point]:
    return [(x + dx, y + dy) for x, y in points]


def draw_sneakers(sketch: Sketch) -> None:
    """Low or high sneakers with a rubber sole and laces."""
    high = 0.13 if sketch.has("high-top") else 0.0

    def one(sketch: Sketch, dx: float, dy: float) -> None:
        _sneaker(sketch, dx, dy + high * 0.4, high)

    _pair(sketch, one, 0.055, 0.1)


_SNEAKER_HEEL: Path = (
    (0.14, 0.42),
    (0.2, 0.45, 0.225, 0.63),
    (0.14, 0.645),
    (0.122, 0.52, 0.14, 0.42),
)
_SNEAKER_TOE: Path = (
    (0.72, 0.528),
    (0.86, 0.55, 0.868, 0.645),
    (0.7, 0.645),
    (0.66, 0.57, 0.72, 0.528),
)
_SNEAKER_STRIPE: Path = (
    (0.3, 0.62),
    (0.42, 0.6, 0.47, 0.5),
    (0.51, 0.515),
    (0.46, 0.62, 0.38, 0.645),
)
_SNEAKER_SOLE: Path = (
    (0.125, 0.63),
    (0.5, 0.65, 0.878, 0.62),
    (0.9, 0.665, 0.865, 0.7),
    (0.15, 0.7),
    (0.11, 0.69, 0.125, 0.63),
)


def _sneaker(sketch: Sketch, dx: float, dy: float, high: float) -> None:
    painter = sketch.painter
    top = 0.385 - high
    opening = ellipse(0.235, top + 0.012, 0.085, 0.026)
    painter.part(_moved(opening, dx, dy), sketch.inside, volume=0.3)
    upper = flatten(
        [
            (0.14, top + 0.005),
            (0.19, top + 0.05, 0.25, top + 0.04, 0.33, top + 0.02),
            (0.37, 0.42, 0.46, 0.475, 0.58, 0.505),
            (0.76, 0.52, 0.86, 0.56, 0.865, 0.625),
            (0.86, 0.645),
            (0.14, 0.645),
            (0.12, 0.52, 0.14, top + 0.005),
        ]
    )
    painter.part(_moved(upper, dx, dy), sketch.fill, volume=0.6)
    trim = sketch.accent if not sketch.cloth else contrast(sketch.base, 0.25)
    heel = flatten(_SNEAKER_HEEL)
    painter.part(_moved(heel, dx, dy), trim, volume=0.3)
    toe = flatten(_SNEAKER_TOE)
    painter.part(_moved(toe, dx, dy), contrast(sketch.base, 0.09), volume=0.4)
    stripe = flatten(_SNEAKER_STRIPE)
    painter.part(_moved(stripe, dx, dy), trim, volume=0.15)
    sole = flatten(_SNEAKER_SOLE)
    painter.part(_moved(sole, dx, dy), RUBBER, volume=0.45, lift=0.35)
    painter.line(_moved([(0.135, 0.678), (0.87, 0.678)], dx, dy), tint(RUBBER, -0.16), 0.006)
    steps = 5 + round(high * 25)
    for step in range(steps):
        share = step / (steps - 1)
        x, y = 0.345 + 0.2 * share, top + 0.05 + (0.49 - top - 0.05) * share
        lace = _moved([(x - 0.035, y + 0.03), (x + 0.02, y - 0.01)], dx, dy)
        painter.line(lace, RUBBER, 0.015)


def draw_boots(sketch: Sketch) -> None:
    """Ankle boots or knee-high boots with a low heel."""
    top = 0.12 if sketch.has("knee-high") else 0.33
    elastic = sketch.rng.random() < 0.5 and top > 0.3

    def one(sketch: Sketch, dx: float, dy: float) -> None:
        _boot(sketch, (dx, dy), top, elastic=elastic)

    _pair(sketch, one, 0.09, 0.035)


def _boot(sketch: Sketch, shift: Point, top: float, *, elastic: bool) -> None:
    painter = sketch.painter
    dx, dy = shift
    painter.part(_moved(ellipse(0.37, top, 0.105, 0.022), dx, dy), sketch.inside, volume=0.3)
    boot = flatten(
        [
            (0.265, top),
            (0.37, top + 0.035, 0.475, top),
            (0.46, 0.45, 0.462, 0.6, 0.53, 0.655),
            (0.64, 0.69, 0.74, 0.71, 0.745, 0.79),
            (0.74, 0.8),
            (0.285, 0.8),
            (0.27, 0.7, 0.3, 0.62, 0.285, 0.5),
            (0.27, 0.35, 0.265, top),
        ]
    )
    painter.part(_moved(boot, dx, dy), sketch.base, volume=0.75)
    toe = [(0.28, 0.79), (0.748, 0.79), (0.755, 0.83), (0.48, 0.83), (0.44, 0.81, 0.4, 0.81)]
    sole = flatten([*toe, (0.395, 0.87), (0.285, 0.87)])
    painter.part(_moved(sole, dx, dy), (58, 46, 40), volume=0.3)
    painter.line(_moved([(0.28, 0.792), (0.745, 0.792)], dx, dy), sketch.seam, 0.006)
    shine = _moved([(0.32, top + 0.06), (0.33, 0.5), (0.335, 0.68)], dx, dy)
    painter.fold(shine, 26, 0.024)
    for y in (0.58, 0.62):
        sketch.folds([_moved([(0.4, y), (0.47, y - 0.01)], dx, dy)], 16)
    if elastic:
        gusset = flatten([(0.34, top + 0.03), (0.42, top + 0.03), (0.4, 0.55), (0.36, 0.55)])
        painter.part(_moved(gusset, dx, dy), tint(sketch.base, -0.3), volume=0.1)
    else:
        painter.line(_moved([(0.4, top + 0.03), (0.395, 0.66)], dx, dy), sketch.seam, 0.006)


def draw_heels(sketch: Sketch) -> None:
    """Court shoes with a slim heel."""
    _pair(sketch, _heel, 0.06, 0.08)


_HEEL_STEM: Path = (
    (0.175, 0.46),
    (0.275, 0.5),
    (0.225, 0.58, 0.212, 0.735),
    (0.182, 0.735),
    (0.19, 0.6, 0.175, 0.46),
)
_HEEL_UPPER: Path = (
    (0.195, 0.35),
    (0.25, 0.47, 0.42, 0.59, 0.6, 0.57),
    (0.66, 0.56, 0.78, 0.6, 0.86, 0.7),
    (0.85, 0.735, 0.8, 0.735),
    (0.66, 0.735),
    (0.48, 0.7, 0.38, 0.54, 0.255, 0.515),
    (0.15, 0.5, 0.195, 0.35),
)


def _heel(sketch: Sketch, dx: float, dy: float) -> None:
    painter = sketch.painter
    inner = flatten([(0.2, 0.36), (0.34, 0.42, 0.62, 0.56), (0.5, 0.6), (0.24, 0.5)])
    painter.part(_moved(inner, dx, dy), (214, 188, 160), volume=0.3)
    stem = flatten(_HEEL_STEM)
    painter.part(_moved(stem, dx, dy), tint(sketch.base, -0.2), volume=0.4)
    upper = flatten(_HEEL_UPPER)
    painter.part(_moved(upper, dx, dy), sketch.base, volume=0.8)
    below = [(0.86, 0.72), (0.8, 0.745), (0.65, 0.745), (0.47, 0.71, 0.37, 0.55, 0.25, 0.525)]
    sole = flatten([*below, (0.37, 0.535, 0.48, 0.69, 0.66, 0.728), (0.8, 0.728)])
    painter.part(_moved(sole, dx, dy), (74, 52, 44), volume=0)
    painter.fold(_moved([(0.66, 0.61), (0.76, 0.65)], dx, dy), 40, 0.022)
    painter.fold(_moved([(0.22, 0.42), (0.25, 0.48)], dx, dy), 30, 0.02)


def draw_sandals(sketch: Sketch) -> None:
    """Flat sandals seen from above."""
    for dx, side in ((-0.155, -1.0), (0.155, 1.0)):
        _sandal(sketch, dx, side)


def _sandal(sketch: Sketch, dx: float, side: float) -> None:
    painter = sketch.painter

    def at(path: list[tuple[float, ...]]) -> list[Point]:
        return [(0.5 + dx + (x - 0.5) * side, y) for x, y in flatten(path)]

    sole = at(
        [
            (0.46, 0.13),
            (0.56, 0.09, 0.63, 0.2, 0.615, 0.36),
            (0.6, 0.5, 0.575, 0.55, 0.59, 0.72),
            (0.6, 0.89, 0.5, 0.9),
            (0.4, 0.89, 0.41, 0.72),
            (0.42, 0.56, 0.37, 0.46, 0.375, 0.3),
            (0.38, 0.16, 0.46, 0.13),
        ]
    )
    painter.part(sole, (193, 152, 112), volume=0.6)
    painter.line([*sole, sole[0]], (150, 112, 78), 0.008)
    for path in (
        [(0.36, 0.33), (0.48, 0.22, 0.63, 0.3), (0.63, 0.4), (0.5, 0.31, 0.362, 0.43)],
        [(0.405, 0.56), (0.5, 0.46, 0.61, 0.52), (0.605, 0.6), (0.5, 0.54, 0.405, 0.64)],
        [(0.4, 0.74), (0.5, 0.8, 0.605, 0.74), (0.605, 0.8), (0.5, 0.87, 0.4, 0.8)],
    ):
        painter.part(at([*path]), sketch.base, volume=0.5, lift=0.6)
    bridge = at([(0.515, 0.26), (0.535, 0.26), (0.52, 0.5), (0.5, 0.5)])
    painter.part(bridge, sketch.base, volume=0.3, lift=0.4)
    ((bx, by),) = at([(0.6, 0.56)])
    painter.dot(bx, by, 0.013, (212, 184, 112))
