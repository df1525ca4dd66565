"""How tops are cut: lengths and widths per kind, and the outlines that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.demo.drawing.geometry import flatten, mirror, symmetric

if TYPE_CHECKING:
    from vitrine.demo.drawing.geometry import Point
    from vitrine.demo.drawing.sketch import Sketch

__all__ = ["METAL", "SHOULDER_Y", "TOPS", "Cut", "bodice", "cut_for", "neck_curve", "neck_opening"]

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


def cut_for(sketch: Sketch) -> Cut:
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
    if sketch.has("graphic"):
        changes |= {"front": "print"}
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


def neck_opening(cut: Cut) -> list[Point]:
    """A patch behind the neck's opening, where the inside of the back shows."""
    bottom = 0.185 + cut.drop
    return symmetric(
        [
            (0.5, 0.178),
            (0.5 + cut.neck * 0.5, 0.176, 0.5 + cut.neck, 0.166),
            (0.5 + cut.neck, bottom - 0.02, 0.5 + cut.neck * 0.4, bottom),
            (0.5, bottom),
        ]
    )


def neck_curve(cut: Cut, inset: float = 0.0) -> list[Point]:
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
                0.5 + cut.neck * 0.72,
                0.165 + cut.drop + inset,
                0.5 + cut.neck - 0.012 + inset * 0.8,
                0.165 + cut.drop * 0.45 + inset * 0.6,
                0.5 + cut.neck + inset * 0.6,
                0.165,
            ),
        ]
    )
    return mirror(half)[::-1] + half
