"""Things for the home: crockery, lamps, seats and cushions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.demo.drawing.geometry import ellipse, flatten, rounded, symmetric
from vitrine.demo.drawing.palette import contrast, tint

if TYPE_CHECKING:
    from vitrine.demo.drawing.geometry import Path
    from vitrine.demo.drawing.palette import RGB
    from vitrine.demo.drawing.sketch import Sketch

__all__ = [
    "draw_armchair",
    "draw_chair",
    "draw_cushion",
    "draw_lamp",
    "draw_mug",
    "draw_sofa",
    "draw_teapot",
    "draw_vase",
]

_WOODS: tuple[RGB, ...] = ((196, 152, 104), (158, 112, 72), (112, 76, 52))


def draw_mug(sketch: Sketch) -> None:
    """A mug with its handle to the right."""
    painter = sketch.painter
    handle = flatten([(0.66, 0.38), (0.86, 0.34, 0.88, 0.46), (0.89, 0.66, 0.66, 0.68)])
    painter.cord(handle, tint(sketch.base, -0.1), 0.05)
    painter.cord([(x - 0.006, y - 0.008) for x, y in handle], tint(sketch.base, 0.12), 0.018)
    taper = sketch.rng.uniform(0.0, 0.05)
    body = flatten(
        [
            (0.24, 0.27),
            (0.46, 0.31, 0.68, 0.27),
            (0.68 - taper * 0.4, 0.6, 0.665 - taper, 0.76),
            (0.66 - taper, 0.8, 0.46, 0.81),
            (0.26 + taper, 0.8, 0.255 + taper, 0.76),
            (0.24 + taper * 0.4, 0.6, 0.24, 0.27),
        ]
    )
    painter.part(body, sketch.fill, volume=0.75)
    painter.part(ellipse(0.46, 0.27, 0.22, 0.048), tint(sketch.base, 0.2), volume=0.1)
    painter.part(ellipse(0.46, 0.275, 0.2, 0.038), tint(sketch.base, -0.35), volume=-0.2)
    painter.fold([(0.31, 0.36), (0.315, 0.7)], 46, 0.035)
    painter.fold([(0.63, 0.36), (0.62, 0.72)], -22, 0.06)


_TEAPOT_SPOUT: Path = (
    (0.33, 0.68),
    (0.2, 0.6, 0.2, 0.46, 0.1, 0.38),
    (0.16, 0.35),
    (0.26, 0.42, 0.3, 0.46, 0.37, 0.5),
)
_TEAPOT_BODY: Path = (
    (0.5, 0.34),
    (0.63, 0.34, 0.77, 0.44, 0.77, 0.6),
    (0.77, 0.74, 0.64, 0.8),
    (0.5, 0.81),
)


def draw_teapot(sketch: Sketch) -> None:
    """A round teapot, spout to the left."""
    painter = sketch.painter
    painter.cord(
        flatten([(0.7, 0.42), (0.93, 0.36, 0.92, 0.54), (0.9, 0.68, 0.72, 0.7)]),
        tint(sketch.base, -0.08),
        0.042,
    )
    spout = flatten(_TEAPOT_SPOUT)
    painter.part(spout, sketch.base, volume=0.7)
    body = symmetric(_TEAPOT_BODY)
    painter.part(body, sketch.fill, volume=1.0)
    painter.part(
        symmetric([(0.5, 0.795), (0.61, 0.795), (0.62, 0.83), (0.5, 0.835)]),
        tint(sketch.base, -0.2),
        volume=0.3,
    )
    lid = symmetric([(0.5, 0.27), (0.6, 0.28, 0.63, 0.355), (0.58, 0.385, 0.5, 0.385)])
    painter.part(lid, sketch.base, volume=0.7, lift=0.45)
    painter.part(ellipse(0.5, 0.25, 0.034, 0.032), tint(sketch.base, -0.06), volume=0.9, lift=0.3)
    painter.fold(flatten([(0.34, 0.5), (0.3, 0.58, 0.34, 0.68)]), 56, 0.032)
    painter.glow(ellipse(0.66, 0.68, 0.06, 0.09, 0.4), -26)


def draw_vase(sketch: Sketch) -> None:
    """A vase, slender, tall or round."""
    painter = sketch.painter
    belly, foot, top = (0.16, 0.09, 0.27)
    if sketch.has("round"):
        belly, foot, top = (0.235, 0.11, 0.33)
    elif sketch.has("tall"):
        belly, foot, top = (0.115, 0.085, 0.12)
    neck = 0.065
    body = symmetric(
        [
            (0.5, top),
            (0.5 + neck + 0.022, top),
            (0.5 + neck - 0.01, top + 0.07, 0.5 + neck, top + 0.13),
            (0.5 + belly * 1.05, top + 0.22, 0.5 + belly, 0.58),
            (0.5 + belly * 0.95, 0.76, 0.5 + foot, 0.88),
            (0.5 + foot * 0.6, 0.895, 0.5, 0.895),
        ]
    )
    if sketch.rng.random() < 0.55 and not sketch.has("tall"):
        _stems(sketch, top)
    painter.part(body, sketch.fill, volume=0.85)
    painter.part(ellipse(0.5, top, neck + 0.022, 0.018), tint(sketch.base, -0.32), volume=0.1)
    shine = flatten(
        [(0.5 - belly * 0.5, top + 0.24), (0.5 - belly * 0.66, 0.55, 0.5 - belly * 0.52, 0.74)]
    )
    painter.fold(shine, 50, 0.026)
    painter.fold([(0.5 + belly * 0.7, 0.46), (0.5 + belly * 0.64, 0.78)], -24, 0.06)


def _stems(sketch: Sketch, top: float) -> None:
    """A few twigs of eucalyptus, so that a vase is seen for what it is."""
    rng = sketch.rng
    for lean in (-0.13, 0.02, 0.14):
        tip = (0.5 + lean + rng.uniform(-0.02, 0.02), max(0.06, top - rng.uniform(0.14, 0.2)))
        twig = flatten([(0.5, top + 0.02), (0.5 + lean * 0.2, (top + tip[1]) / 2, *tip)])
        sketch.painter.cord(twig, (116, 138, 108), 0.007)
        for step in (3, 5, 7, 9):
            x, y = twig[step]
            for side in (-1, 1):
                leaf = ellipse(x + side * 0.022, y - 0.008, 0.024, 0.012, side * -0.5)
                sketch.painter.part(
                    leaf, tint((138, 164, 132), rng.uniform(-0.12, 0.1)), volume=0.3
                )


_LAMP_BASE: Path = (
    (0.5, 0.55),
    (0.515, 0.55),
    (0.53, 0.62, 0.6, 0.66, 0.6, 0.76),
    (0.6, 0.85, 0.56, 0.885),
    (0.5, 0.89),
)


def draw_lamp(sketch: Sketch) -> None:
    """A table or floor lamp: the colour is the shade's."""
    painter, rng = sketch.painter, sketch.rng
    wood = rng.choice((*_WOODS, (206, 176, 104), (64, 62, 66)))
    floor = sketch.has("floor")
    if floor:
        painter.cord([(0.5, 0.34), (0.5, 0.9)], wood, 0.018)
        painter.part(ellipse(0.5, 0.91, 0.12, 0.025), tint(wood, -0.15), volume=0.5)
        shade = symmetric([(0.5, 0.09), (0.615, 0.09), (0.685, 0.35), (0.5, 0.37)])
    else:
        base = symmetric(_LAMP_BASE)
        painter.part(base, wood, volume=0.8)
        painter.fold([(0.44, 0.72), (0.445, 0.82)], 40, 0.025)
        shade = symmetric([(0.5, 0.15), (0.64, 0.15), (0.755, 0.54), (0.5, 0.575)])
    painter.part(shade, sketch.fill, volume=0.4, lift=0.3)
    bottom = 0.36 if floor else 0.56
    painter.glow(ellipse(0.5, bottom - 0.07, 0.09, 0.11), 34)
    edge = [(x, y) for x, y in shade if y < 0.2]
    painter.line(edge[:2], sketch.seam, 0.008)
    painter.line(edge[2:], sketch.seam, 0.008)


_CHAIR_SEAT: Path = (
    (0.32, 0.53),
    (0.67, 0.53),
    (0.74, 0.62),
    (0.74, 0.65),
    (0.5, 0.675, 0.26, 0.65),
    (0.26, 0.62),
)
_CHAIR_BACK: Path = (
    (0.31, 0.12),
    (0.49, 0.08, 0.665, 0.12),
    (0.67, 0.38),
    (0.49, 0.41, 0.32, 0.38),
)


def draw_chair(sketch: Sketch) -> None:
    """A kitchen chair in three quarters; upholstered ones have a wooden frame."""
    painter, rng = sketch.painter, sketch.rng
    padded = sketch.has("upholstered")
    frame = rng.choice(_WOODS) if padded else sketch.base
    dark = tint(frame, -0.25)
    for x0, x1 in ((0.38, 0.36), (0.66, 0.69)):
        painter.cord([(x0, 0.56), (x1, 0.83)], dark, 0.03)
    for x in (0.33, 0.64):
        painter.cord([(x, 0.12), (x + 0.01, 0.58)], frame, 0.034)
    if padded:
        back = flatten(_CHAIR_BACK)
        painter.part(back, sketch.fill, volume=0.75)
    else:
        for y in (0.13, 0.24, 0.35):
            slat = flatten(
                [
                    (0.325, y),
                    (0.49, y - 0.03, 0.65, y),
                    (0.65, y + 0.06),
                    (0.49, y + 0.035, 0.325, y + 0.06),
                ]
            )
            painter.part(slat, frame, volume=0.5)
    seat = flatten(_CHAIR_SEAT)
    if padded:
        seat = [(x, y - 0.02 if y < 0.6 else y) for x, y in seat]
    painter.part(seat, sketch.fill if padded else frame, volume=0.6, lift=0.4, tone=8)
    for x0, x1 in ((0.285, 0.265), (0.715, 0.74)):
        painter.cord([(x0, 0.65), (x1, 0.93)], frame, 0.034)
        painter.cord([(x0 - 0.007, 0.66), (x1 - 0.007, 0.92)], tint(frame, 0.14), 0.008)


def draw_armchair(sketch: Sketch) -> None:
    """An armchair on wooden feet."""
    _seat(sketch, left=0.14, right=0.86, back_top=0.2, cushions=1)


def draw_sofa(sketch: Sketch) -> None:
    """A sofa for two or three on wooden feet."""
    _seat(sketch, left=0.04, right=0.96, back_top=0.33, cushions=sketch.rng.choice((2, 3)))


def _seat(sketch: Sketch, *, left: float, right: float, back_top: float, cushions: int) -> None:
    painter = sketch.painter
    wood = sketch.rng.choice(_WOODS)
    floor = 0.86 if cushions == 1 else 0.79
    seat_y, bottom = floor - 0.26, floor - 0.07
    for x in (left + 0.07, right - 0.07):
        painter.part(
            flatten(
                [(x - 0.02, bottom), (x + 0.02, bottom), (x + 0.012, floor), (x - 0.012, floor)]
            ),
            wood,
        )
    inner_left, inner_right = left + 0.1, right - 0.1
    painter.part(
        rounded(left + 0.05, back_top, right - 0.05, bottom - 0.05, 0.06), sketch.fill, volume=0.8
    )
    width = (inner_right - inner_left) / cushions
    for step in range(cushions):
        x = inner_left + step * width
        back = rounded(x + 0.005, back_top + 0.045, x + width - 0.005, seat_y + 0.02, 0.045)
        painter.part(back, sketch.fill, volume=0.75, lift=0.3, tone=4)
    painter.part(
        rounded(left + 0.02, seat_y + 0.06, right - 0.02, bottom, 0.02), sketch.fill, volume=0.5
    )
    for step in range(cushions):
        x = inner_left + step * width
        pad = rounded(x + 0.003, seat_y, x + width - 0.003, seat_y + 0.095, 0.035)
        painter.part(pad, sketch.fill, volume=0.7, lift=0.5, tone=10)
    for x in (left, right - 0.11):
        arm = rounded(x, seat_y - 0.1, x + 0.11, bottom + 0.005, 0.045)
        painter.part(arm, sketch.fill, volume=0.8, lift=0.5, tone=3)


_CUSHION_OUTLINE: Path = (
    (0.13, 0.15),
    (0.5, 0.21, 0.87, 0.15),
    (0.81, 0.5, 0.87, 0.85),
    (0.5, 0.8, 0.13, 0.85),
    (0.19, 0.5, 0.13, 0.15),
)


def draw_cushion(sketch: Sketch) -> None:
    """A cushion with piping, square or round."""
    painter = sketch.painter
    if sketch.has("round"):
        outline = ellipse(0.5, 0.5, 0.36, 0.36)
        painter.part(outline, sketch.fill, volume=1.1)
        painter.dot(0.5, 0.5, 0.022, contrast(sketch.base, 0.2))
        for x, y in ellipse(0.5, 0.5, 0.33, 0.33)[::2]:
            pleat = [(0.5 + (x - 0.5) * 0.12, 0.5 + (y - 0.5) * 0.12), (x, y)]
            painter.line(pleat, sketch.seam, 0.003)
            sketch.folds([pleat], 15)
    else:
        outline = flatten(_CUSHION_OUTLINE)
        painter.part(outline, sketch.fill, volume=1.0)
        for corner in ((0.13, 0.15), (0.87, 0.15), (0.87, 0.85), (0.13, 0.85)):
            toward = (0.5 + (corner[0] - 0.5) * 0.62, 0.5 + (corner[1] - 0.5) * 0.62)
            near = (0.5 + (corner[0] - 0.5) * 0.9, 0.5 + (corner[1] - 0.5) * 0.9)
            sketch.folds([[near, toward]], 18)
    piping = sketch.trim if sketch.cloth else contrast(sketch.base, 0.2)
    painter.line([*outline, outline[0]], piping, 0.014)
    painter.glow(ellipse(0.42, 0.42, 0.14, 0.12), 14)
