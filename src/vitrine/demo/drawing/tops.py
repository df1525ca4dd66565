"""Garments for the upper body, from tank tops to coats, lying flat or on a figure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.demo.drawing.geometry import ellipse, flatten, mirror, rounded, symmetric
from vitrine.demo.drawing.palette import contrast, tint

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.demo.drawing.geometry import Point
    from vitrine.demo.drawing.painter import Fill
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["TOPS", "Cut", "bodice", "draw_top", "sleeves"]

SHOULDER_Y = 0.215
METAL = (196, 198, 204)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How a top is cut, in units: lengths from the shoulder, half widths from the middle."""

    sleeve: float = 0.2
    cuff: float = 0.125
    hem: float = 0.8
    shoulder: float = 0.185
    chest: float = 0.175
    bottom: float = 0.185
    neck: float = 0.085
    drop: float = 0.075
    collar: str = "crew"
    front: str = ""
    ribbed: bool = False


TOPS: dict[str, Cut] = {
    "T-shirt": Cut(),
    "long-sleeved top": Cut(sleeve=0.53, cuff=0.078, hem=0.8),
    "tank top": Cut(sleeve=0, shoulder=0.13, neck=0.08, drop=0.13, hem=0.78, bottom=0.17),
    "polo shirt": Cut(collar="polo", drop=0.05),
    "shirt": Cut(sleeve=0.53, cuff=0.085, collar="shirt", front="buttons", hem=0.84, drop=0.05),
    "sweater": Cut(sleeve=0.54, cuff=0.088, shoulder=0.195, chest=0.19, bottom=0.185, ribbed=True),
    "hoodie": Cut(
        sleeve=0.54,
        cuff=0.09,
        shoulder=0.195,
        chest=0.195,
        bottom=0.19,
        collar="hood",
        front="pouch",
        ribbed=True,
        drop=0.06,
    ),
    "jacket": Cut(
        sleeve=0.54,
        cuff=0.095,
        shoulder=0.2,
        chest=0.2,
        bottom=0.19,
        collar="stand",
        front="zip",
        ribbed=True,
        hem=0.78,
        drop=0.03,
    ),
    "blazer": Cut(
        sleeve=0.53,
        cuff=0.09,
        shoulder=0.2,
        chest=0.185,
        bottom=0.205,
        collar="lapels",
        front="blazer",
        hem=0.84,
        drop=0.28,
    ),
    "coat": Cut(
        sleeve=0.52,
        cuff=0.095,
        shoulder=0.2,
        chest=0.2,
        bottom=0.25,
        collar="lapels",
        front="coat",
        hem=0.95,
        drop=0.22,
    ),
}


def draw_top(sketch: Sketch) -> None:
    """Draw a top with its middle at x = 0.5 and its shoulders at y = 0.215."""
    cut = _cut(sketch)
    if cut.collar == "hood":
        _hood(sketch)
    if cut.sleeve:
        sleeves(sketch, cut)
    if cut.drop > 0.02:
        _inside(sketch, cut)
    body = bodice(cut)
    sketch.painter.part(body, sketch.fill, volume=0.5)
    _drape(sketch, cut)
    if cut.ribbed:
        _hem_rib(sketch, cut)
    _FRONTS.get("" if sketch.back else cut.front, _no_front)(sketch, cut)
    _COLLARS[cut.collar](sketch, cut)


def _cut(sketch: Sketch) -> Cut:
    """The kind's cut, with the look's details and a little of the seed's own."""
    cut = TOPS[sketch.look.kind]
    changes: dict[str, float | str] = {}
    rng = sketch.rng
    if sketch.has("short-sleeved"):
        changes |= {"sleeve": 0.2, "cuff": 0.125}
    elif sketch.has("long-sleeved"):
        changes |= {"sleeve": 0.53, "cuff": 0.08}
    if sketch.has("V-neck"):
        changes |= {"collar": "v", "drop": 0.15}
    if sketch.has("turtleneck"):
        changes |= {"collar": "turtle", "drop": 0.01}
    if sketch.has("cropped"):
        changes |= {"hem": 0.62}
    if sketch.has("oversized"):
        changes |= {"chest": cut.chest + 0.035, "bottom": cut.bottom + 0.035, "shoulder": 0.21}
    if sketch.has("zipped"):
        changes |= {"front": "zip"}
    if sketch.has("buttoned"):
        changes |= {"front": "buttons", "collar": "shirt"}
    if sketch.has("hooded"):
        changes |= {"collar": "hood"}
    if sketch.back:
        kept = {"hood", "turtle", "stand"}
        collar = changes.get("collar", cut.collar)
        changes |= {"collar": collar if collar in kept else "back", "drop": 0.018}
    merged = {**cut.__dict__, **changes}
    merged["bottom"] += rng.uniform(-0.012, 0.018)
    merged["hem"] += rng.uniform(-0.02, 0.02)
    return Cut(**merged)


def bodice(cut: Cut) -> list[Point]:
    """The outline of the body of a top."""
    neck, sharp = 0.5 + cut.neck, cut.collar in {"v", "lapels"}
    middle = (0.5, 0.165 + cut.drop)
    opening = (
        (neck, 0.165)
        if sharp
        else (0.5 + cut.neck * 0.72, middle[1], neck - 0.012, 0.165 + cut.drop * 0.45, neck, 0.165)
    )
    shoulder = 0.5 + cut.shoulder
    chest, bottom = 0.5 + cut.chest, 0.5 + cut.bottom
    waist = 0.5 + (cut.chest + cut.bottom) / 2 - 0.012
    return symmetric(
        [
            middle,
            opening,
            ((neck + shoulder) / 2, 0.172, shoulder, SHOULDER_Y),
            (shoulder - 0.022, 0.3, chest, 0.4),
            (waist, 0.55, waist, (0.42 + cut.hem) / 2, bottom, cut.hem - 0.008),
            (bottom - 0.05, cut.hem + 0.006, 0.5, cut.hem + 0.006),
        ]
    )


def arm_angle(sketch: Sketch, *, short: bool) -> float:
    """How far arms and sleeves stand off, in radians from straight down."""
    if sketch.worn:
        return 0.16
    return 0.62 if short else 0.3


def sleeves(sketch: Sketch, cut: Cut) -> None:
    """Both sleeves, below the body whose edge is their seam."""
    angle = arm_angle(sketch, short=cut.sleeve < 0.3)
    right = _sleeve(cut, angle)
    fabric = sketch.turned(math.degrees(angle))
    other = sketch.turned(-math.degrees(angle))
    for outline, fill in ((right, fabric), (mirror(right), other)):
        sketch.painter.part(outline, fill, volume=0.55, tone=-5)
    for side in (flatten, mirror):
        band = side(_cuff_line(cut, angle))
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
            (sx + 0.045, sy + 0.012, sx + 0.04 + dx * cut.sleeve * 0.3, sy + dy * cut.sleeve * 0.4,
             ox, oy),
            (ix, iy),
            (0.5 + cut.chest - 0.01, 0.45, 0.5 + cut.chest - 0.02, 0.4),
            (sx - 0.05, sy + 0.08),
        ]
    )  # fmt: skip


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
    deep = ellipse(0.5, 0.168, cut.neck * 0.98, 0.02)
    opening = flatten(
        [
            (0.5 - cut.neck, 0.166),
            (0.5, 0.19, 0.5 + cut.neck, 0.166),
            (0.5 + cut.neck * 0.8, 0.17 + cut.drop + 0.02, 0.5, 0.17 + cut.drop + 0.02),
            (0.5 - cut.neck * 0.8, 0.17 + cut.drop + 0.02, 0.5 - cut.neck, 0.166),
        ]
    )
    del deep
    sketch.painter.part(opening, sketch.inside, volume=0.1)
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


def _neck_curve(cut: Cut, inset: float = 0.0) -> list[Point]:
    """The neck's edge, from left to right, moved down by `inset`."""
    if cut.collar == "v":
        return [
            (0.5 - cut.neck - inset * 0.3, 0.166 + inset * 0.4),
            (0.5, 0.165 + cut.drop + inset * 1.3),
            (0.5 + cut.neck + inset * 0.3, 0.166 + inset * 0.4),
        ]
    half = flatten(
        [
            (0.5, 0.165 + cut.drop + inset),
            (
                0.5 + cut.neck * 0.72, 0.165 + cut.drop + inset,
                0.5 + cut.neck - 0.012 + inset * 0.8, 0.165 + cut.drop * 0.45 + inset * 0.6,
                0.5 + cut.neck + inset * 0.6, 0.165,
            ),
        ]
    )  # fmt: skip
    return mirror(half)[::-1] + half


def _collar_rib(sketch: Sketch, cut: Cut) -> None:
    sketch.painter.line(_neck_curve(cut, 0.008), sketch.trim, 0.02)
    sketch.painter.line(_neck_curve(cut, 0.02), sketch.seam, 0.003)
    if cut.sleeve == 0:
        edge = flatten([(0.5 + cut.shoulder - 0.006, SHOULDER_Y),
                        (0.5 + cut.shoulder - 0.028, 0.3, 0.5 + cut.chest - 0.005, 0.4)])  # fmt: skip
        for line in (edge, mirror(edge)):
            sketch.painter.line(line, sketch.trim, 0.014)


def _collar_back(sketch: Sketch, cut: Cut) -> None:
    sketch.painter.line(_neck_curve(cut, 0.006), sketch.trim, 0.016)


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
    for outline in (point, mirror(point)):
        sketch.painter.part(outline, fill, volume=0.45, lift=0.55, tone=6)


def _collar_polo(sketch: Sketch, cut: Cut) -> None:
    placket = rounded(0.482, 0.2, 0.518, 0.36, 0.004)
    sketch.painter.part(placket, sketch.trim, volume=0.3, lift=0.25)
    for y in (0.25, 0.295, 0.34):
        sketch.painter.dot(0.5, y, 0.007, contrast(sketch.base, 0.5))
    _collar_points(sketch, cut)


def _hood(sketch: Sketch) -> None:
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


def _collar_hood(sketch: Sketch, cut: Cut) -> None:
    if sketch.back:
        hood = symmetric(
            [(0.5, 0.06), (0.61, 0.05, 0.625, 0.15, 0.61, 0.2), (0.57, 0.31, 0.5, 0.32)]
        )
        sketch.painter.part(hood, sketch.fill, volume=0.7, lift=0.6)
        sketch.painter.line([(0.5, 0.07), (0.5, 0.315)], sketch.seam, 0.004)
        return
    edge = _neck_curve(cut, 0.012)
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


def _no_front(sketch: Sketch, cut: Cut) -> None:
    """Nothing on the front."""


_FRONTS: dict[str, Callable[[Sketch, Cut], None]] = {
    "buttons": _front_buttons,
    "zip": _front_zip,
    "pouch": _front_pouch,
    "blazer": _front_blazer,
    "coat": _front_coat,
}
_COLLARS: dict[str, Callable[[Sketch, Cut], None]] = {
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
