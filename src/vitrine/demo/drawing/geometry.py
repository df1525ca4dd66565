"""Outlines in the unit square: straight and curved segments, flattened to points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Path", "Point", "both", "ellipse", "flatten", "limb", "mirror", "rounded", "symmetric"]

Point: TypeAlias = tuple[float, float]
# Each command ends at a point: (x, y) straight, (cx, cy, x, y) quadratic, six numbers cubic.
Path: TypeAlias = "Sequence[tuple[float, ...]]"

_STEPS = 9


def flatten(path: Path) -> list[Point]:
    """The points along a path whose first command is its start."""
    points: list[Point] = []
    for command in path:
        if len(command) == 2:
            points.append((command[0], command[1]))
            continue
        x0, y0 = points[-1]
        *controls, x, y = command
        if len(controls) == 2:
            # A quadratic is the cubic whose controls lie two thirds of the way to its own.
            cx, cy = controls
            controls = [
                x0 + (cx - x0) * 2 / 3,
                y0 + (cy - y0) * 2 / 3,
                x + (cx - x) * 2 / 3,
                y + (cy - y) * 2 / 3,
            ]
        x1, y1, x2, y2 = controls
        for step in range(1, _STEPS + 1):
            t = step / _STEPS
            u = 1 - t
            a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            points.append((a * x0 + b * x1 + c * x2 + d * x, a * y0 + b * y1 + c * y2 + d * y))
    return points


def mirror(points: Sequence[Point]) -> list[Point]:
    """The points mirrored at the vertical middle x = 0.5."""
    return [(1.0 - x, y) for x, y in points]


def symmetric(right_half: Path) -> list[Point]:
    """A closed outline from its right half, given from the top middle to the bottom middle."""
    points = flatten(right_half)
    return points + mirror(points)[::-1]


def both(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """The points as they are and mirrored: the right and the left of a pair."""
    return list(points), mirror(points)


def ellipse(x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> list[Point]:
    """An ellipse around (x, y), turned by `turn` radians."""
    cosine, sine = math.cos(turn), math.sin(turn)
    points = []
    for step in range(36):
        angle = step * math.tau / 36
        dx, dy = rx * math.cos(angle), ry * math.sin(angle)
        points.append((x + dx * cosine - dy * sine, y + dx * sine + dy * cosine))
    return points


def rounded(left: float, top: float, right: float, bottom: float, r: float) -> list[Point]:
    """A rectangle with corners of radius `r`."""
    return flatten(
        [
            (left + r, top),
            (right - r, top),
            (right, top, right, top + r),
            (right, bottom - r),
            (right, bottom, right - r, bottom),
            (left + r, bottom),
            (left, bottom, left, bottom - r),
            (left, top + r),
            (left, top, left + r, top),
        ]
    )


def limb(
    start: Point, angle: float, length: float, widths: tuple[float, float], bend: float = 0.0
) -> list[Point]:
    """A tapering tube from `start`, hanging at `angle` radians from straight down (to the right).

    `widths` are those at the start and at the end; `bend` pushes the middle outwards.
    """
    dx, dy = math.sin(angle), math.cos(angle)
    nx, ny = dy, -dx
    ex, ey = start[0] + dx * length, start[1] + dy * length
    mx = start[0] + dx * length / 2 + nx * bend
    my = start[1] + dy * length / 2 + ny * bend
    a, b = widths[0] / 2, widths[1] / 2
    m = (a + b) / 2
    return flatten(
        [
            (start[0] + nx * a, start[1] + ny * a),
            (mx + nx * m, my + ny * m, ex + nx * b, ey + ny * b),
            (ex - nx * b, ey - ny * b),
            (mx - nx * m, my - ny * m, start[0] - nx * a, start[1] - ny * a),
        ]
    )
