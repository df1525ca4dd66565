"""Skirts, dresses, trousers, leggings and shorts, lying flat or on a figure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vitrine.demo.drawing.cut import METAL, Cut, bodice, neck_opening
from vitrine.demo.drawing.geometry import both, flatten, mirror, rounded, symmetric
from vitrine.demo.drawing.palette import contrast, tint
from vitrine.demo.drawing.sleeves import sleeves

if TYPE_CHECKING:
    from vitrine.demo.drawing.geometry import Point, both
    from vitrine.demo.drawing.look import Look
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["draw_dress", "draw_legs", "draw_skirt", "dress_hem", "skirt_length"]

WAIST_Y = 0.12
# Half widths of a leg's hem per detail, and where legs end.
_HEMS = {"slim": 0.048, "straight": 0.066, "wide-leg": 0.1}
_SKIRT_LENGTH = {"mini": 0.4, "midi": 0.6, "maxi": 0.8}
_DRESS_LENGTH = {"mini": 0.76, "midi": 0.86, "maxi": 0.95}


def draw_legs(sketch: Sketch) -> None:
    """Trousers, leggings or shorts, with the waist at y = 0.12."""
    kind = sketch.look.kind
    hem_y, hem, hip = _leg_shape(sketch)
    leg = _leg(hem_y, hem, hip)
    for outline in both(leg):
        sketch.painter.part(outline, sketch.fill, volume=0.55)
    crotch = 0.12 + 0.27
    sketch.painter.fold([(0.5, 0.2), (0.5, crotch)], -14, 0.014)
    sketch.painter.line([(0.5, 0.17), (0.5, crotch)], sketch.seam, 0.004)
    sketch.folds([[(0.5, crotch - 0.01), (0.54, crotch - 0.03), (0.6, crotch - 0.035)]], 12)
    sketch.folds([[(0.5, crotch - 0.01), (0.46, crotch - 0.03), (0.4, crotch - 0.035)]], 12)
    _leg_folds(sketch, hem_y)
    _waistband(sketch, hip, soft=kind == "leggings" or sketch.has("sports"))
    if kind != "leggings":
        _hems(sketch, hem_y, hem)


def _leg_shape(sketch: Sketch) -> tuple[float, float, float]:
    """Where the hem is, its half width, and the half width of the hips."""
    wobble = sketch.rng.uniform(-0.01, 0.01)
    if sketch.look.kind == "shorts":
        return (0.56 if sketch.has("long") else 0.47) + wobble, 0.088, 0.165
    if sketch.look.kind == "leggings":
        return (0.78 if sketch.has("cropped") else 0.93) + wobble, 0.036, 0.135
    fit = next((word for word in _HEMS if sketch.has(word)), "straight")
    return 0.93 + wobble, _HEMS[fit], 0.15


def _leg(hem_y: float, hem: float, hip: float) -> list[Point]:
    """The right leg with half of the hips."""
    share = (hem_y - 0.39) / 0.54
    middle = 0.5 + 0.045 + 0.055 * share + max(0.0, hem - 0.066) * 0.6
    waist = hip - 0.022
    if hem_y < 0.6:
        middle = 0.5 + 0.012 + hem
    knee_y = (0.39 + hem_y) / 2
    knee = max(hem, 0.04) + 0.008
    return flatten(
        [
            (0.5, WAIST_Y),
            (0.5 + waist, WAIST_Y),
            (0.5 + hip + 0.012, 0.24, 0.5 + hip + 0.004, 0.36),
            ((0.5 + hip + middle + knee) / 2, knee_y, middle + hem, hem_y),
            (middle, hem_y + 0.01, middle - hem, hem_y),
            (middle - knee, knee_y, 0.5, 0.39),
        ]
    )


def _leg_folds(sketch: Sketch, hem_y: float) -> None:
    rng = sketch.rng
    for side in (1, -1):
        for _ in range(3):
            y = rng.uniform(0.42, max(0.43, hem_y - 0.06))
            x = rng.uniform(0.53, 0.57)
            line = [(x, y), (x + 0.03, y + 0.014), (x + 0.065, y + 0.012)]
            sketch.folds([line if side > 0 else mirror(line)], 11)
        crease = [(0.585, 0.24), (0.59, 0.5), (0.592, hem_y - 0.03)]
        sketch.painter.fold(crease if side > 0 else mirror(crease), 8, 0.03)


def _waistband(sketch: Sketch, hip: float, *, soft: bool) -> None:
    waist = hip - 0.02
    band = flatten(
        [
            (0.5 - waist, WAIST_Y - 0.012),
            (0.5, WAIST_Y - 0.004, 0.5 + waist, WAIST_Y - 0.012),
            (0.5 + waist + 0.008, WAIST_Y + 0.03),
            (0.5, WAIST_Y + 0.04, 0.5 - waist - 0.008, WAIST_Y + 0.03),
        ]
    )
    painter = sketch.painter
    painter.part(band, sketch.trim if soft else sketch.fill, volume=0.35, lift=0.35, tone=4)
    if soft:
        if sketch.look.kind == "shorts" and not sketch.back:
            for x in (0.485, 0.515):
                cord = flatten([(x, WAIST_Y + 0.02), (x - 0.01, 0.2, x + (x - 0.5), 0.24)])
                painter.line(cord, contrast(sketch.base, 0.75), 0.008)
        return
    for x in (0.5 - waist * 0.6, 0.5 + waist * 0.6):
        loop = rounded(x - 0.007, WAIST_Y - 0.014, x + 0.007, WAIST_Y + 0.042, 0.002)
        painter.part(loop, sketch.fill, volume=0.1, lift=0.3)
    if sketch.back:
        _back_pockets(sketch)
    else:
        _fly(sketch, waist, hip)


def _back_pockets(sketch: Sketch) -> None:
    for x in (0.425, 0.575):
        left, right = x - 0.042, x + 0.042
        pocket = [(left, 0.21), (right, 0.21), (right, 0.28), (x, 0.3), (left, 0.28)]
        sketch.painter.part(pocket, sketch.fill, volume=0.15, lift=0.4)
        sketch.painter.line([*pocket, pocket[0]], sketch.seam, 0.004)


def _fly(sketch: Sketch, waist: float, hip: float) -> None:
    """The button, the fly and the side pockets."""
    painter = sketch.painter
    painter.dot(0.5, WAIST_Y + 0.014, 0.01, METAL)
    fly = flatten([(0.527, WAIST_Y + 0.035), (0.53, 0.26), (0.528, 0.29, 0.502, 0.31)])
    painter.line(fly, sketch.seam, 0.004)
    top, bend = 0.5 + waist * 0.62, 0.5 + waist * 0.7
    for slit in both(flatten([(top, WAIST_Y + 0.034), (bend, 0.2, 0.5 + hip, 0.235)])):
        painter.line(slit, sketch.seam, 0.005)
        painter.fold(slit, -12, 0.012)


def _hems(sketch: Sketch, hem_y: float, hem: float) -> None:
    share = (hem_y - 0.39) / 0.54
    middle = 0.512 + hem if hem_y < 0.6 else 0.545 + 0.055 * share + max(0.0, hem - 0.066) * 0.6
    line = [(middle - hem, hem_y - 0.022), (middle, hem_y - 0.014), (middle + hem, hem_y - 0.022)]
    for seam in both(line):
        sketch.painter.line(seam, sketch.seam, 0.004)


def skirt_length(look: Look) -> float:
    """From waist to hem, in units."""
    return next((length for word, length in _SKIRT_LENGTH.items() if word in look.details), 0.55)


def dress_hem(look: Look) -> float:
    """How far down a dress reaches, in units from the picture's top."""
    return next((length for word, length in _DRESS_LENGTH.items() if word in look.details), 0.86)


def draw_skirt(sketch: Sketch) -> None:
    """A skirt with its waist at y = 0.14, lengths by detail."""
    length = skirt_length(sketch.look)
    top, hem = 0.14, 0.14 + length
    waist = 0.125
    wide = {True: 0.165, False: 0.2 + length * 0.22}[sketch.has("pencil")]
    if sketch.has("pencil"):
        wide -= 0.02 * (length > 0.5)
    _skirt_cloth(sketch, (top, hem), (waist, wide), pleats=sketch.has("pleated"))
    band = rounded(0.5 - waist - 0.002, top - 0.012, 0.5 + waist + 0.002, top + 0.032, 0.006)
    sketch.painter.part(
        band, sketch.fill if sketch.has("pencil") else sketch.trim, volume=0.35, lift=0.4
    )


def _skirt_cloth(
    sketch: Sketch, ends: tuple[float, float], widths: tuple[float, float], *, pleats: bool
) -> None:
    """The hanging cloth of a skirt, between heights `ends` with half widths `widths`."""
    (top, hem), (waist, wide) = ends, widths
    hip = 0.5 + max(waist + 0.02, (waist * 1.6 + wide) / 2.6 + 0.01)
    outline = symmetric(
        [
            (0.5, top),
            (0.5 + waist, top),
            (hip, top + (hem - top) * 0.32, 0.5 + wide, hem - 0.02),
            (0.5 + wide * 0.6, hem + 0.012, 0.5, hem + 0.012),
        ]
    )
    sketch.painter.part(outline, sketch.fill, volume=0.5)
    flare = wide / waist
    count = 9 if pleats else 5
    for step in range(count):
        at = (step + 0.5) / count * 2 - 1
        if not pleats:
            at += sketch.rng.uniform(-0.08, 0.08)
        start = top + 0.03 if pleats else top + (hem - top) * sketch.rng.uniform(0.1, 0.45)
        lean = waist + (wide - waist) * (start - top) / (hem - top)
        line = [(0.5 + at * lean, start), (0.5 + at * wide * 0.98, hem - 0.01)]
        if pleats:
            sketch.painter.line(line, tint(sketch.base, -0.22), 0.004)
            sketch.folds([line], 22)
        elif flare > 1.35 or step % 2:
            sketch.folds([line], 17)


def draw_dress(sketch: Sketch) -> None:
    """A dress: a top down to the waist, then a skirt."""
    hem, waist = dress_hem(sketch.look), 0.47
    cut = _dress_cut(sketch, waist)
    wide = 0.17 + (hem - waist) * sketch.rng.uniform(0.1, 0.26)
    _skirt_cloth(sketch, (waist, hem), (0.104, wide), pleats=False)
    if sketch.has("strappy"):
        _strappy(sketch, waist)
    else:
        if cut.sleeve:
            sleeves(sketch, cut)
        if not sketch.worn:
            sketch.painter.part(neck_opening(cut), sketch.inside, volume=0.1)
        sketch.painter.part(bodice(cut), sketch.fill, volume=0.45)
    for dart in both([(0.56, 0.36), (0.552, waist)]):
        sketch.folds([dart], 12)
    _dress_waist(sketch, waist)


def _dress_cut(sketch: Sketch, waist: float) -> Cut:
    """The cut of a dress above its waist."""
    cut = Cut(hem=waist + 0.01, chest=0.135, bottom=0.105, shoulder=0.15, neck=0.08, drop=0.09)
    if sketch.has("long-sleeved"):
        cut = replace(cut, sleeve=0.5, cuff=0.07)
    elif sketch.has("short-sleeved"):
        cut = replace(cut, sleeve=0.15, cuff=0.105)
    else:
        cut = replace(cut, sleeve=0.0, shoulder=0.115)
    if sketch.rng.random() < 0.4:
        cut = replace(cut, collar="v", drop=0.15)
    return replace(cut, drop=0.03, collar="crew") if sketch.back else cut


def _dress_waist(sketch: Sketch, waist: float) -> None:
    painter = sketch.painter
    if sketch.has("belted"):
        belt = rounded(0.388, waist - 0.016, 0.612, waist + 0.02, 0.006)
        painter.part(belt, contrast(sketch.base, 0.4), volume=0.4, lift=0.45)
        painter.part(rounded(0.482, waist - 0.02, 0.518, waist + 0.024, 0.006), METAL)
    else:
        painter.line([(0.394, waist), (0.606, waist)], sketch.seam, 0.005)
        painter.fold([(0.394, waist + 0.012), (0.606, waist + 0.012)], -14, 0.016)


def _strappy(sketch: Sketch, waist_y: float) -> None:
    top = symmetric(
        [
            (0.5, 0.3),
            (0.53, 0.275, 0.57, 0.26),
            (0.6, 0.31, 0.628, 0.37),
            (0.6, 0.42, 0.605, waist_y + 0.01),
            (0.5, waist_y + 0.012),
        ]
    )
    for strap in ([(0.572, 0.27), (0.56, 0.165)], [(0.428, 0.27), (0.44, 0.165)]):
        sketch.painter.cord(strap, sketch.base, 0.014)
    sketch.painter.part(top, sketch.fill, volume=0.45)
