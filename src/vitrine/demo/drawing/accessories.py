"""Hats, bags, scarves, watches, sunglasses and umbrellas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vitrine.demo.drawing.geometry import both, ellipse, flatten, rounded, symmetric
from vitrine.demo.drawing.palette import contrast, tint

if TYPE_CHECKING:
    from vitrine.demo.drawing.geometry import Path
    from vitrine.demo.drawing.palette import RGB
    from vitrine.demo.drawing.sketch import Sketch

__all__ = [
    "draw_beanie",
    "draw_cap",
    "draw_scarf",
    "draw_sun_hat",
    "draw_sunglasses",
    "draw_umbrella",
    "draw_watch",
]

GOLD = (214, 182, 104)
STEEL = (188, 192, 198)


_CAP_CROWN: Path = (
    (0.27, 0.6),
    (0.26, 0.34, 0.4, 0.235, 0.57, 0.235),
    (0.76, 0.24, 0.87, 0.4, 0.865, 0.62),
    (0.58, 0.66, 0.27, 0.6),
)
_CAP_VISOR: Path = (
    (0.265, 0.575),
    (0.42, 0.6, 0.56, 0.655),
    (0.5, 0.76, 0.3, 0.77, 0.16, 0.735),
    (0.08, 0.71, 0.1, 0.64, 0.265, 0.575),
)


def draw_cap(sketch: Sketch) -> None:
    """A baseball cap in three quarters, its visor to the left."""
    painter = sketch.painter
    crown = flatten(_CAP_CROWN)
    painter.part(crown, sketch.fill, volume=0.9)
    for path in (
        [(0.57, 0.237), (0.45, 0.34, 0.43, 0.61)],
        [(0.57, 0.237), (0.69, 0.36, 0.7, 0.635)],
    ):
        seam = flatten(path)
        painter.line(seam, sketch.seam, 0.005)
        painter.fold(seam, -12, 0.018)
    visor = flatten(_CAP_VISOR)
    plain = sketch.look.pattern == "plain"
    painter.part(
        visor,
        tint(sketch.base, -0.07) if plain else contrast(sketch.base, 0.1),
        volume=0.55,
        lift=0.5,
    )
    stitch = flatten([(0.16, 0.71), (0.32, 0.735, 0.5, 0.68)])
    painter.line(stitch, sketch.seam, 0.004, dash=0.012)
    painter.dot(0.572, 0.237, 0.017, sketch.base)
    for x, y in ((0.5, 0.33), (0.66, 0.335)):
        painter.dot(x, y, 0.011, sketch.seam)
    if not sketch.back:
        badge = ellipse(0.355, 0.47, 0.04, 0.05)
        painter.part(badge, sketch.accent, volume=0.2, lift=0.25)


_BEANIE_BRIM: Path = (
    (0.215, 0.6),
    (0.5, 0.655, 0.785, 0.6),
    (0.815, 0.7, 0.785, 0.775),
    (0.5, 0.83, 0.215, 0.775),
    (0.185, 0.7, 0.215, 0.6),
)


def draw_beanie(sketch: Sketch) -> None:
    """A knitted hat with a turned-up brim."""
    painter = sketch.painter
    dome = symmetric([(0.5, 0.2), (0.7, 0.2, 0.77, 0.4, 0.765, 0.62), (0.5, 0.66)])
    painter.part(dome, sketch.fill, volume=0.9)
    for step in range(-5, 6):
        x = 0.5 + step * 0.047
        rib = flatten([(0.5 + step * 0.018, 0.225), (x, 0.4, x, 0.62)])
        painter.fold(rib, -15, 0.014)
        painter.fold([(px + 0.018, py) for px, py in rib], 9, 0.012)
    brim = flatten(_BEANIE_BRIM)
    painter.part(brim, sketch.trim if sketch.cloth else sketch.base, volume=0.7, lift=0.55, tone=5)
    for step in range(-9, 10):
        x = 0.5 + step * 0.03
        drop = 0.03 * (1 - (step / 10) ** 2)
        painter.fold([(x, 0.62 + drop), (x, 0.77 + drop)], -20, 0.01)
    if sketch.has("bobble"):
        tuft = sketch.accent if sketch.cloth else contrast(sketch.base, 0.15)
        for step in range(26):
            angle = step * math.tau / 13
            reach = 0.062 if step < 13 else 0.035
            x, y = 0.5 + reach * math.cos(angle), 0.165 + reach * math.sin(angle)
            painter.part(ellipse(x, y, 0.034, 0.034), tint(tuft, sketch.rng.uniform(-0.12, 0.1)))


def draw_sun_hat(sketch: Sketch) -> None:
    """A hat with a wide brim and a ribbon."""
    painter = sketch.painter
    painter.part(ellipse(0.5, 0.605, 0.4, 0.135), sketch.fill, volume=0.6)
    painter.part(ellipse(0.5, 0.585, 0.235, 0.07), tint(sketch.base, -0.25), volume=0.1)
    crown = symmetric(
        [
            (0.5, 0.285),
            (0.56, 0.27, 0.62, 0.265, 0.66, 0.31),
            (0.71, 0.4, 0.715, 0.58),
            (0.62, 0.645, 0.5, 0.645),
        ]
    )
    painter.part(crown, sketch.fill, volume=0.85)
    painter.fold([(0.44, 0.3), (0.5, 0.33), (0.56, 0.3)], -22, 0.03)
    ribbon = symmetric(
        [(0.5, 0.555), (0.62, 0.55, 0.709, 0.5), (0.717, 0.58), (0.62, 0.648, 0.5, 0.648)]
    )
    dark = sketch.accent if sketch.look.accent != "white" else contrast(sketch.base, 0.55)
    painter.part(ribbon, dark, volume=0.4, lift=0.2)
    for step in range(1, 4):
        rx, ry = 0.24 + step * 0.045, 0.075 + step * 0.017
        arc = ellipse(0.5, 0.605, rx, ry)[:19]
        painter.line(arc, sketch.seam, 0.003)


def draw_scarf(sketch: Sketch) -> None:
    """A scarf looped once, with fringes."""
    painter = sketch.painter
    tails = [
        flatten(
            [(0.4, 0.4), (0.55, 0.4), (0.53, 0.6, 0.5, 0.84), (0.34, 0.82), (0.37, 0.6, 0.4, 0.4)]
        ),
        flatten(
            [(0.5, 0.4), (0.63, 0.38), (0.66, 0.6, 0.7, 0.74), (0.54, 0.77), (0.52, 0.6, 0.5, 0.4)]
        ),
    ]
    for left, right in (((0.34, 0.82), (0.5, 0.84)), ((0.54, 0.77), (0.7, 0.74))):
        for step in range(12):
            share = (step + 0.5) / 12
            x, y = left[0] + (right[0] - left[0]) * share, left[1] + (right[1] - left[1]) * share
            end = (x + sketch.rng.uniform(-0.01, 0.01), y + 0.06)
            painter.cord([(x, y - 0.01), end], contrast(sketch.base, 0.12), 0.007)
    painter.part(tails[1], sketch.turned(-10), volume=0.6)
    painter.part(tails[0], sketch.turned(6), volume=0.6, lift=0.5)
    ring = symmetric([(0.5, 0.16), (0.7, 0.15, 0.77, 0.25, 0.72, 0.36), (0.66, 0.47, 0.5, 0.47)])
    painter.part(ring, sketch.turned(20), volume=0.9, lift=0.5)
    hollow = symmetric([(0.5, 0.2), (0.62, 0.2, 0.63, 0.25), (0.6, 0.3, 0.5, 0.31)])
    painter.part(hollow, sketch.inside, volume=0.4)
    for y in (0.36, 0.41):
        sketch.folds([flatten([(0.3, y - 0.06), (0.5, y + 0.08, 0.7, y - 0.06)])], 24)
    for tail_folds in ([(0.43, 0.48), (0.4, 0.8)], [(0.58, 0.46), (0.62, 0.74)]):
        sketch.folds([tail_folds], 18)


def draw_watch(sketch: Sketch) -> None:
    """A wrist watch from the front: the colour is the strap's."""
    rng = sketch.rng
    metal = rng.choice((GOLD, STEEL, STEEL, (70, 72, 78)))
    face = tint(metal, 0.75) if rng.random() < 0.6 else (38, 42, 52)
    _strap(sketch)
    _case(sketch, metal, face)
    _hands(sketch, metal, contrast(face, 0.8))


def _strap(sketch: Sketch) -> None:
    painter = sketch.painter
    stitches = contrast(sketch.base, 0.4)
    for top, bottom, near, far in ((0.06, 0.4, 0.072, 0.098), (0.6, 0.94, 0.098, 0.072)):
        half = [(0.5, top), (0.5 + near, top), (0.5 + far, bottom), (0.5, bottom)]
        painter.part(symmetric(half), sketch.base, volume=0.8)
        stitch = [(0.486 + near, top + 0.01), (0.486 + far, bottom)]
        for line in both(stitch):
            painter.line(line, stitches, 0.005, dash=0.012)
    for y in (0.72, 0.78, 0.84):
        painter.dot(0.5, y, 0.009, tint(sketch.base, -0.4))


def _case(sketch: Sketch, metal: RGB, face: RGB) -> None:
    painter = sketch.painter
    painter.part(rounded(0.675, 0.48, 0.705, 0.52, 0.006), tint(metal, -0.15), volume=0.4)
    rings = ((0.185, metal, 0.5), (0.16, tint(metal, -0.25), 0.0), (0.152, face, 0.0))
    for radius, color, lift in rings:
        outline = ellipse(0.5, 0.5, radius, radius)
        if sketch.has("square"):
            wide = radius * 0.92
            outline = rounded(0.5 - wide, 0.5 - radius, 0.5 + wide, 0.5 + radius, 0.05)
        painter.part(outline, color, volume=0.45, lift=lift)


def _hands(sketch: Sketch, metal: RGB, ink: RGB) -> None:
    """The hours, and the hands at ten past ten."""
    painter = sketch.painter
    for hour in range(12):
        angle = hour * math.tau / 12
        dx, dy = math.sin(angle), math.cos(angle)
        mark = [(0.5 + dx * reach, 0.5 + dy * reach) for reach in (0.115, 0.135)]
        painter.line(mark, ink, 0.008 if hour % 3 else 0.014)
    for angle, reach, width in ((-1.05, 0.075, 0.013), (1.05, 0.11, 0.009)):
        end = (0.5 + math.sin(angle) * reach, 0.5 - math.cos(angle) * reach)
        painter.line([(0.5, 0.5), end], ink, width)
    painter.dot(0.5, 0.5, 0.012, metal)


_SUNGLASSES_BRIDGE: Path = (
    (0.44, 0.45),
    (0.5, 0.4, 0.56, 0.45),
    (0.56, 0.485),
    (0.5, 0.44, 0.44, 0.485),
)


def draw_sunglasses(sketch: Sketch) -> None:
    """Sunglasses from the front: the colour is the frame's."""
    painter = sketch.painter
    dark = (52, 50, 56) if sketch.look.color != "black" else (96, 84, 72)
    for temple in both(flatten([(0.86, 0.42), (0.93, 0.4, 0.9, 0.33), (0.74, 0.28, 0.66, 0.3)])):
        painter.cord(temple, tint(sketch.base, -0.25), 0.022)
    shape = ellipse(0.715, 0.51, 0.165, 0.15)
    if sketch.has("square"):
        top = [(0.545, 0.42), (0.7, 0.39, 0.88, 0.405), (0.895, 0.5, 0.85, 0.61)]
        shape = flatten([*top, (0.7, 0.65, 0.59, 0.61), (0.54, 0.53, 0.545, 0.42)])
    for rim, cx in zip(both(shape), (0.717, 0.283), strict=True):
        painter.part(rim, sketch.base, volume=0.5)
        cy = 0.51
        lens = [(cx + (x - cx) * 0.8, cy + (y - cy) * 0.78) for x, y in rim]
        painter.part(lens, dark, volume=-0.35)
        glare = [
            (cx - 0.07, cy - 0.05),
            (cx - 0.02, cy - 0.085),
            (cx + 0.02, cy - 0.085),
            (cx - 0.06, cy - 0.01),
        ]
        painter.glow(glare, 50)
    bridge = flatten(_SUNGLASSES_BRIDGE)
    painter.part(bridge, sketch.base, volume=0.3)


_UMBRELLA_DOME: Path = (
    (0.08, 0.53),
    (0.12, 0.17, 0.5, 0.155),
    (0.88, 0.17, 0.92, 0.53),
    (0.84, 0.46, 0.78, 0.5),
    (0.7, 0.45, 0.6, 0.5),
    (0.5, 0.45, 0.4, 0.5),
    (0.3, 0.45, 0.22, 0.5),
    (0.16, 0.46, 0.08, 0.53),
)


def draw_umbrella(sketch: Sketch) -> None:
    """An open umbrella from the side."""
    painter = sketch.painter
    wood = (150, 104, 66)
    painter.cord([(0.5, 0.4), (0.5, 0.82)], (120, 122, 128), 0.016)
    crook = [(0.5, 0.76), (0.5, 0.85), (0.505, 0.92, 0.55, 0.92), (0.595, 0.915, 0.595, 0.86)]
    painter.cord(flatten(crook), wood, 0.032)
    painter.cord([(0.5, 0.1), (0.5, 0.18)], (120, 122, 128), 0.02)
    dome = flatten(_UMBRELLA_DOME)
    painter.part(dome, sketch.fill, volume=0.7)
    for x in (0.22, 0.4, 0.6, 0.78):
        rib = flatten([(0.5, 0.158), (x, 0.26, x, 0.5)])
        painter.line(rib, sketch.seam, 0.004)
        painter.fold([(px + 0.012, py) for px, py in rib], -20, 0.026)
        painter.fold([(px - 0.02, py) for px, py in rib], 12, 0.02)
