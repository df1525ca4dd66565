"""A simple stylised person to wear a garment, in neutral clothes where the garment is not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.demo.drawing.geometry import both, ellipse, flatten, limb, symmetric
from vitrine.demo.drawing.palette import RGB, SKIN_TONES, tint

if TYPE_CHECKING:
    from random import Random

    from vitrine.demo.drawing.geometry import Path, Point, both
    from vitrine.demo.drawing.painter import Painter

__all__ = ["Figure", "body_above", "body_below", "choose_figure"]

_HAIR: tuple[RGB, ...] = (
    (38, 28, 26),
    (78, 52, 36),
    (126, 86, 50),
    (196, 156, 96),
    (146, 142, 142),
)
# Neutral, so that a colour word can only mean the garment.
_OTHER: tuple[RGB, ...] = (
    (62, 64, 70),
    (34, 34, 38),
    (206, 204, 200),
    (168, 164, 158),
    (122, 122, 126),
)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Who wears the garment, what else they wear, and how far their arms stand off (radians)."""

    skin: RGB
    hair: RGB
    other: RGB
    shoes: RGB
    long_hair: bool
    bare_legs: bool
    arm: float


def choose_figure(rng: Random) -> Figure:
    """Anyone."""
    return Figure(
        skin=rng.choice(SKIN_TONES),
        hair=rng.choice(_HAIR),
        other=rng.choice(_OTHER),
        shoes=rng.choice(_OTHER),
        long_hair=rng.random() < 0.5,
        bare_legs=rng.random() < 0.3,
        arm=rng.uniform(0.1, 0.3),
    )


_BODY_BELOW_CHEST: Path = (
    (0.5, 0.12),
    (0.55, 0.12),
    (0.552, 0.165, 0.62, 0.19),
    (0.69, 0.2, 0.695, 0.25),
    (0.64, 0.42),
    (0.625, 0.56, 0.655, 0.72),
    (0.5, 0.73),
)
_BODY_BELOW_NECK: Path = (
    (0.5, 0.06),
    (0.542, 0.06),
    (0.54, 0.15, 0.556, 0.18),
    (0.53, 0.21, 0.5, 0.21),
)


def body_below(painter: Painter, person: Figure, part: str, *, shirt: bool) -> None:
    """What the garment covers; `part` is `top`, `dress` or `bottom`.

    With `shirt` there is a neutral one under an open collar, else skin.
    """
    if part == "bottom":
        _legs(painter, person, waist=0.13, foot=0.97)
        _torso(painter, person)
        return
    if person.long_hair:
        mane = symmetric([(0.5, -0.09), (0.6, -0.09, 0.61, 0.02, 0.605, 0.2), (0.5, 0.24)])
        painter.part(mane, tint(person.hair, -0.1), volume=0.6)
    if part == "top":
        _hips(painter, person)
    else:
        _legs(painter, person, waist=0.5, foot=1.2)
    _arms(painter, person, (0.655, 0.235))
    chest = symmetric(_BODY_BELOW_CHEST)
    painter.part(chest, person.other if shirt else person.skin, volume=0.4)
    neck = symmetric(_BODY_BELOW_NECK)
    painter.part(neck, tint(person.skin, -0.07), volume=0.35)


_LONG_FRINGE: Path = (
    (0.5, -0.1),
    (0.6, -0.1, 0.598, 0.03),
    (0.592, 0.1, 0.585, 0.14),
    (0.585, 0.03, 0.55, -0.02),
    (0.53, -0.035, 0.5, -0.03),
)
_SHORT_FRINGE: Path = (
    (0.5, -0.105),
    (0.598, -0.105, 0.59, 0.0),
    (0.582, 0.03),
    (0.575, -0.02, 0.555, -0.032),
    (0.5, -0.036),
)


def body_above(painter: Painter, person: Figure, *, back: bool) -> None:
    """The head, over the garment's collar."""
    head = symmetric([(0.5, -0.085), (0.585, -0.085, 0.585, 0.02), (0.58, 0.1, 0.5, 0.118)])
    painter.part(head, person.skin, volume=0.5, lift=0.4)
    if back:
        long = 0.24 if person.long_hair else 0.09
        hair = symmetric([(0.5, -0.105), (0.605, -0.105, 0.6, 0.02), (0.595, long, 0.5, long)])
        painter.part(hair, person.hair, volume=0.7)
        return
    fringe = symmetric(_LONG_FRINGE if person.long_hair else _SHORT_FRINGE)
    painter.part(fringe, person.hair, volume=0.5)
    for x in (0.472, 0.528):
        painter.dot(x, 0.03, 0.0075, tint(person.skin, -0.75))
    mouth = flatten([(0.482, 0.076), (0.5, 0.087, 0.518, 0.076)])
    painter.line(mouth, tint(person.skin, -0.4), 0.006)


def _arms(painter: Painter, person: Figure, shoulder: Point) -> None:
    x, y = shoulder
    hand_x = x + math.sin(person.arm) * 0.57
    hand_y = y + math.cos(person.arm) * 0.57
    arm = limb(shoulder, person.arm, 0.55, (0.074, 0.044), 0.008)
    hand = ellipse(hand_x, hand_y, 0.025, 0.042, -person.arm)
    for outline in (*both(arm), *both(hand)):
        painter.part(outline, person.skin, volume=0.6)


def _hips(painter: Painter, person: Figure) -> None:
    """Trousers, or shorts over bare legs, from the waist out of the picture."""
    if person.bare_legs:
        _legs(painter, person, waist=0.75, foot=1.6)
    hem = 0.98 if person.bare_legs else 1.5
    half = [
        (0.5, 0.7),
        (0.665, 0.7),
        (0.69, 0.8, 0.68, 0.9),
        (0.66, hem),
        (0.53, hem),
        (0.5, 0.93),
    ]
    for outline in both(flatten(half)):
        painter.part(outline, person.other, volume=0.5)


def _legs(painter: Painter, person: Figure, *, waist: float, foot: float) -> None:
    """Bare legs with thighs and calves, and shoes."""
    length = foot - waist
    knee, calf = waist + length * 0.52, waist + length * 0.68
    half = [
        (0.5, waist),
        (0.625, waist),
        (0.65, waist + length * 0.2, 0.618, knee),
        (0.632, calf, 0.602, foot),
        (0.566, foot),
        (0.548, calf, 0.552, knee),
        (0.53, waist + length * 0.36, 0.5, waist + length * 0.3),
    ]
    for leg in both(flatten(half)):
        painter.part(leg, person.skin, volume=0.55)
    for shoe in both(ellipse(0.592, foot, 0.05, 0.027)):
        painter.part(shoe, person.shoes, volume=0.4)


def _torso(painter: Painter, person: Figure) -> None:
    """A neutral top above trousers or a skirt, out of the picture at the chest."""
    _arms(painter, person, (0.645, -0.31))
    half = [
        (0.5, -0.4),
        (0.655, -0.4),
        (0.63, -0.2, 0.618, -0.1),
        (0.61, 0.0, 0.64, 0.155),
        (0.5, 0.17),
    ]
    painter.part(symmetric(half), person.other, volume=0.5)
