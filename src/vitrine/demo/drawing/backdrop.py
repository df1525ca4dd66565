"""What lies behind a product: studio paper, a soft sweep of light, a table or a cloth."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from vitrine.demo.drawing.palette import tint

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from vitrine.demo.drawing.palette import RGB

__all__ = ["BACKGROUNDS", "backdrop"]


def backdrop(background: str, rng: Random, size: int) -> Image.Image:
    """An RGB picture `size` pixels wide of one of `BACKGROUNDS`."""
    return _MAKERS[background](rng, size)


def _white(rng: Random, size: int) -> Image.Image:
    level = rng.choice((255, 255, 253, 250))
    return Image.new("RGB", (size, size), (level, level, level))


def _light_gray(rng: Random, size: int) -> Image.Image:
    level = rng.randint(228, 244)
    return _sweep((level + 6, level + 6, level + 6), (level - 8, level - 8, level - 7), size)


def _soft(rng: Random, size: int) -> Image.Image:
    return Image.new("RGB", (size, size), _pale(rng))


def _gradient(rng: Random, size: int) -> Image.Image:
    color = _pale(rng)
    return _sweep(tint(color, 0.45), tint(color, -0.09), size)


def _studio(rng: Random, size: int) -> Image.Image:
    """A wall and a floor that meet in a soft line."""
    wall = _pale(rng)
    horizon = rng.uniform(0.66, 0.76)
    column = Image.new("RGB", (1, 32), tint(wall, 0.25))
    for row in range(32):
        at = (row + 0.5) / 32
        if at > horizon:
            column.putpixel((0, row), tint(wall, -0.1 + 0.16 * (at - horizon) / (1 - horizon)))
        else:
            column.putpixel((0, row), tint(wall, 0.4 - 0.3 * at))
    return column.resize((size, size), Image.Resampling.BICUBIC)


def _wood(rng: Random, size: int) -> Image.Image:
    base = tint((186, 148, 108), rng.uniform(-0.35, 0.45))
    picture = Image.new("RGB", (size, size), base)
    draw = ImageDraw.Draw(picture)
    plank = size * rng.uniform(0.14, 0.3)
    x = -rng.uniform(0, plank)
    while x < size:
        draw.rectangle((x, 0, x + plank, size), fill=tint(base, rng.uniform(-0.09, 0.09)))
        for _ in range(5):
            grain = x + rng.uniform(0, plank)
            slant = rng.uniform(-0.02, 0.02) * size
            draw.line((grain, 0, grain + slant, size), fill=tint(base, rng.uniform(-0.14, 0.02)))
        draw.line((x, 0, x, size), fill=tint(base, -0.35), width=max(1, size // 160))
        x += plank
    return picture


def _cloth(rng: Random, size: int) -> Image.Image:
    """A bed sheet or a rug: any muted colour, uneven light."""
    red, green, blue = colorsys.hsv_to_rgb(
        rng.random(), rng.uniform(0.0, 0.4), rng.uniform(0.35, 0.95)
    )
    base = round(red * 255), round(green * 255), round(blue * 255)
    small = Image.new("RGB", (8, 8), base)
    for x in range(8):
        for y in range(8):
            small.putpixel((x, y), tint(base, rng.uniform(-0.16, 0.12)))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def _pale(rng: Random) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(
        rng.random(), rng.uniform(0.03, 0.13), rng.uniform(0.9, 0.97)
    )
    return round(red * 255), round(green * 255), round(blue * 255)


def _sweep(center: RGB, edge: RGB, size: int) -> Image.Image:
    """A round pool of light a little above the middle."""
    small = Image.new("RGB", (12, 12), edge)
    for x in range(12):
        for y in range(12):
            away = min(1.0, (((x - 5.5) / 6.5) ** 2 + ((y - 4.6) / 7.0) ** 2) ** 0.5)
            small.putpixel((x, y), _mix(center, edge, away))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def _mix(one: RGB, other: RGB, share: float) -> RGB:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


_MAKERS: dict[str, Callable[[Random, int], Image.Image]] = {
    "white": _white,
    "light gray": _light_gray,
    "soft": _soft,
    "gradient": _gradient,
    "studio": _studio,
    "wood": _wood,
    "cloth": _cloth,
}
BACKGROUNDS: tuple[str, ...] = tuple(_MAKERS)
