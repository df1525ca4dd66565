"""Colours by the plain words that shoppers use, each with the natural spread of its shades."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from random import Random

__all__ = ["COLORS", "RGB", "SKIN_TONES", "blend", "contrast", "shade_of", "tint"]

RGB: TypeAlias = tuple[int, int, int]
Span: TypeAlias = tuple[float, float]

# name: shades as (hue in degrees, saturation, value), each a span; the first is the usual one.
_SHADES: dict[str, tuple[tuple[Span, Span, Span], ...]] = {
    "black": (((0, 360), (0.0, 0.16), (0.09, 0.17)),),
    "white": (((20, 60), (0.0, 0.03), (0.93, 0.975)),),
    "gray": (((200, 230), (0.0, 0.07), (0.42, 0.62)), ((200, 230), (0.0, 0.05), (0.64, 0.76))),
    "red": (((-6, 5), (0.76, 0.94), (0.68, 0.88)), ((-12, -2), (0.7, 0.88), (0.48, 0.62))),
    "orange": (((20, 31), (0.78, 0.96), (0.88, 0.98)),),
    "yellow": (((46, 54), (0.62, 0.88), (0.92, 1.0)),),
    "green": (
        ((120, 155), (0.48, 0.82), (0.4, 0.66)),
        ((75, 110), (0.42, 0.68), (0.45, 0.7)),
    ),
    "blue": (
        ((208, 226), (0.64, 0.9), (0.6, 0.9)),
        ((200, 214), (0.38, 0.58), (0.82, 0.95)),
    ),
    "navy": (((216, 232), (0.55, 0.76), (0.22, 0.34)),),
    "purple": (
        ((264, 286), (0.45, 0.72), (0.42, 0.68)),
        ((262, 280), (0.28, 0.42), (0.74, 0.88)),
    ),
    "pink": (
        ((328, 350), (0.3, 0.5), (0.92, 1.0)),
        ((326, 340), (0.52, 0.72), (0.86, 0.96)),
    ),
    "brown": (((14, 28), (0.48, 0.68), (0.3, 0.48)),),
    "beige": (((32, 42), (0.15, 0.28), (0.84, 0.93)),),
    "teal": (((173, 186), (0.55, 0.86), (0.45, 0.66)),),
}
COLORS: tuple[str, ...] = tuple(_SHADES)

SKIN_TONES: tuple[RGB, ...] = (
    (246, 214, 190),
    (233, 190, 160),
    (212, 160, 124),
    (176, 122, 86),
    (134, 88, 60),
    (96, 62, 44),
)


def shade_of(color: str, rng: Random) -> RGB:
    """One natural shade of a colour word, in 0..255; two in three are the usual shade."""
    shades = _SHADES[color]
    hue, saturation, value = shades[0] if rng.random() < 0.66 else rng.choice(shades)
    red, green, blue = colorsys.hsv_to_rgb(
        rng.uniform(*hue) / 360 % 1.0, rng.uniform(*saturation), rng.uniform(*value)
    )
    return round(red * 255), round(green * 255), round(blue * 255)


def tint(color: RGB, amount: float) -> RGB:
    """Lighter for an amount in 0..1, darker for one in -1..0."""
    return blend(color, (255, 255, 255) if amount > 0 else (0, 0, 0), abs(amount))


def blend(one: RGB, other: RGB, share: float) -> RGB:
    """`one` with a `share` in 0..1 of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def contrast(color: RGB, amount: float = 0.22) -> RGB:
    """A tone that shows on `color`: darker on a light colour, lighter on a dark one."""
    luminance = 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2]
    return tint(color, -amount if luminance > 70 else amount)
