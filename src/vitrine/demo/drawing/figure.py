"""A simple stylised person to wear a garment, in neutral clothes where the garment is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.demo.drawing.geometry import ellipse, flatten, limb, mirror, rounded, symmetric
from vitrine.demo.drawing.palette import SKIN_TONES, RGB, tint

if TYPE_CHECKING:
    from random import Random

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
    """Who wears the garment, and what else they wear."""

    skin: RGB
    hair: RGB
    other: RGB
    shoes: RGB
    long_hair: bool
    bare_legs: bool


def choose_figure(rng: Random) -> Figure:
    """Anyone."""
    return Figure(
        skin=rng.choice(SKIN_TONES),
        hair=rng.choice(_HAIR),
        other=rng.choice(_OTHER),
        shoes=rng.choice(_OTHER),
        long_hair=rng.random() < 0.5,
        bare_legs=rng.random() < 0.3,
    )


def body_below(painter: Painter, person: Figure, part: str) -> None:
    """What the garment covers; `part` is `top`, `dress` or `bottom`."""
    if part == "bottom":
        _legs(painter, person.skin, waist=0.1, foot=0.97, width=0.05)
        _shoes(painter, person.shoes, 0.97)
        _torso(painter, person.other)
        return
    if person.long_hair:
        mane = symmetric([(0.5, -0.09), (0.6, -0.09, 0.61, 0.02, 0.605, 0.2), (0.5, 0.24)])
        painter.part(mane, tint(person.hair, -0.1), volume=0.6)
    if part == "top":
        _hips(painter, person)
    else:
        _legs(painter, person.skin, waist=0.5, foot=1.2, width=0.045)
        _shoes(painter, person.shoes, 1.2)
    for side in (flatten, mirror):
        arm = side(limb((0.678, 0.235), 0.14, 0.56, (0.078, 0.05), 0.012))
        painter.part(arm, person.skin, volume=0.6)
        painter.part(side(ellipse(0.762, 0.805, 0.026, 0.042, 0.1)), person.skin, volume=0.5)
    chest = symmetric(
        [
            (0.5, 0.12),
            (0.55, 0.12),
            (0.552, 0.165, 0.62, 0.19),
            (0.69, 0.2, 0.695, 0.25),
            (0.64, 0.42),
            (0.5, 0.44),
        ]
    )
    painter.part(chest, person.skin, volume=0.4)


def body_above(painter: Painter, person: Figure, part: str) -> None:
    """The head, over the garment's collar."""
    if part == "bottom":
        return
    neck = symmetric(
        [(0.5, 0.07), (0.542, 0.07), (0.54, 0.15, 0.552, 0.172), (0.53, 0.2, 0.5, 0.2)]
    )
    painter.part(neck, tint(person.skin, -0.08), volume=0.4)
    head = symmetric([(0.5, -0.085), (0.585, -0.085, 0.585, 0.02), (0.58, 0.1, 0.5, 0.118)])
    painter.part(head, person.skin, volume=0.5, lift=0.4)
    if person.long_hair:
        fringe = symmetric(
            [
                (0.5, -0.1),
                (0.6, -0.1, 0.598, 0.03),
                (0.592, 0.1, 0.585, 0.14),
                (0.585, 0.03, 0.55, -0.02),
                (0.53, -0.035, 0.5, -0.03),
            ]
        )
    else:
        fringe = symmetric(
            [
                (0.5, -0.105),
                (0.598, -0.105, 0.59, 0.0),
                (0.582, 0.03),
                (0.575, -0.02, 0.555, -0.032),
                (0.5, -0.036),
            ]
        )
    painter.part(fringe, person.hair, volume=0.5)
    eye = tint(person.skin, -0.7)
    for x in (0.472, 0.528):
        painter.dot(x, 0.03, 0.007, eye)
    painter.line(
        flatten([(0.482, 0.078), (0.5, 0.088, 0.518, 0.078)]), tint(person.skin, -0.35), 0.005
    )


def _hips(painter: Painter, person: Figure) -> None:
    """Trousers, or shorts over bare legs, from the waist out of the picture."""
    if person.bare_legs:
        _legs(painter, person.skin, waist=0.75, foot=1.5, width=0.06)
    hem = 0.98 if person.bare_legs else 1.5
    for side in (flatten, mirror):
        leg = side(
            flatten(
                [
                    (0.5, 0.7),
                    (0.665, 0.7),
                    (0.69, 0.8, 0.68, 0.9),
                    (0.66, hem),
                    (0.53, hem),
                    (0.5, 0.93),
                ]
            )
        )
        painter.part(leg, person.other, volume=0.5)


def _legs(painter: Painter, skin: RGB, *, waist: float, foot: float, width: float) -> None:
    for side in (flatten, mirror):
        outline = side(limb((0.565, waist), 0.02, foot - waist, (width * 2.4, width), 0.0))
        painter.part(outline, skin, volume=0.55)


def _shoes(painter: Painter, color: RGB, foot: float) -> None:
    for side in (flatten, mirror):
        painter.part(side(ellipse(0.59, foot, 0.05, 0.026)), color, volume=0.4)


def _torso(painter: Painter, color: RGB) -> None:
    """A neutral top above trousers or a skirt, out of the picture at the chest."""
    painter.part(rounded(0.36, -0.4, 0.64, 0.16, 0.02), color, volume=0.5)
