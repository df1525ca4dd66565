"""Fabrics: the patterns, as textures that fill the parts of a product."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageDraw

from vitrine.demo.drawing.palette import blend, contrast, tint
from vitrine.demo.drawing.seeds import seeded

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from vitrine.demo.drawing.palette import RGB

__all__ = ["PATTERNS", "texture"]


def texture(
    pattern: str, base: RGB, accent: RGB, rng: Random, *, pixels: int, zoom: float
) -> Image.Image | None:
    """A square RGB texture `pixels` wide, or None where one colour is all there is.

    `zoom` is how many pixels one unit of the product takes, over `pixels`.
    """
    maker = _TILES.get(pattern)
    if maker is None:
        return None
    unit = pixels * zoom
    tile = maker(base, accent, rng, unit)
    sheet = Image.new("RGB", (pixels, pixels))
    sheet.paste(tile)
    # What is filled doubles each time, first to the right, then downwards.
    width, height = tile.size
    while width < pixels:
        sheet.paste(sheet.crop((0, 0, width, height)), (width, 0))
        width *= 2
    while height < pixels:
        sheet.paste(sheet.crop((0, 0, pixels, height)), (0, height))
        height *= 2
    return sheet


def _striped(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    period = max(4, round(unit * rng.uniform(0.045, 0.1)))
    band = max(1, round(period * rng.uniform(0.25, 0.45)))
    tile = Image.new("RGB", (max(64, period), period), base)
    tile.paste(accent, (0, period - band, tile.width, period))
    if rng.random() < 0.35:
        fine = max(1, band // 4)
        tile.paste(blend(base, accent, 0.55), (0, fine, tile.width, 2 * fine))
    return tile.transpose(Image.Transpose.ROTATE_90) if rng.random() < 0.25 else tile


def _checked(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    period = max(6, round(unit * rng.uniform(0.055, 0.11)))
    band = max(2, round(period * rng.uniform(0.3, 0.42)))
    half = blend(base, accent, 0.45)
    tile = Image.new("RGB", (period, period), base)
    tile.paste(half, (0, 0, period, band))
    tile.paste(half, (0, 0, band, period))
    tile.paste(blend(base, accent, 0.92), (0, 0, band, band))
    if rng.random() < 0.5:
        fine = max(1, period // 14)
        middle = (band + period) // 2
        line = tint(accent, 0.25)
        tile.paste(line, (0, middle, period, middle + fine))
        tile.paste(line, (middle, 0, middle + fine, period))
    return tile


def _dotted(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    period = max(6, round(unit * rng.uniform(0.05, 0.095)))
    radius = period * rng.uniform(0.14, 0.23)
    tile = Image.new("RGB", (period, period), base)
    draw = ImageDraw.Draw(tile)
    corners = [(x, y) for x in (0, period) for y in (0, period)]
    for x, y in [*corners, (period / 2, period / 2)]:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=accent)
    return tile


def _floral(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    period = max(24, round(unit * rng.uniform(0.2, 0.28)))
    tile = Image.new("RGB", (period, period), base)
    draw = ImageDraw.Draw(tile)
    leaf = blend(base, (70, 128, 84), 0.62)
    petals = [accent, tint(accent, 0.3), blend(accent, tint(base, 0.4), 0.4)]
    for column in range(3):
        for row in range(3):
            x = (column + 0.5 + rng.uniform(-0.22, 0.22)) * period / 3
            y = (row + 0.5 + rng.uniform(-0.22, 0.22)) * period / 3
            size = period * rng.uniform(0.06, 0.1)
            turn = rng.uniform(0, math.tau)
            for dx, dy in [(0, 0), *_wraps(x, y, 2.2 * size, period)]:
                _flower(draw, (x + dx, y + dy), size, turn, (rng.choice(petals), leaf))
    return tile


def _wraps(x: float, y: float, reach: float, period: int) -> list[tuple[int, int]]:
    """Shifts at which a thing at (x, y) also shows, because the tile repeats."""
    xs = [0, *([period] if x < reach else []), *([-period] if x > period - reach else [])]
    ys = [0, *([period] if y < reach else []), *([-period] if y > period - reach else [])]
    return [(dx, dy) for dx in xs for dy in ys if dx or dy]


def _flower(
    draw: ImageDraw.ImageDraw,
    center: tuple[float, float],
    size: float,
    turn: float,
    colors: tuple[RGB, RGB],
) -> None:
    x, y = center
    petal, leaf = colors
    for angle in (turn, turn + 2.4):
        lx, ly = x + math.cos(angle) * size * 1.5, y + math.sin(angle) * size * 1.5
        r = size * 0.5
        draw.ellipse((lx - r, ly - r, lx + r, ly + r), fill=leaf)
    for step in range(5):
        angle = turn + step * math.tau / 5
        px, py = x + math.cos(angle) * size * 0.8, y + math.sin(angle) * size * 0.8
        r = size * 0.62
        draw.ellipse((px - r, py - r, px + r, py + r), fill=petal)
    r = size * 0.42
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(244, 206, 96))


def _zigzag(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    period = max(8, round(unit * rng.uniform(0.06, 0.1)))
    tile = Image.new("RGB", (period, period), base)
    draw = ImageDraw.Draw(tile)
    thick = max(1, round(period * rng.uniform(0.16, 0.26)))
    for shift in (-period, 0, period):
        points = [
            (-period, shift + period),
            (-period / 2, shift + period / 2),
            (0, shift + period),
            (period / 2, shift + period / 2),
            (period, shift + period),
            (1.5 * period, shift + period / 2),
        ]
        draw.line(points, fill=accent, width=thick, joint="curve")
    return tile


def _heathered(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    del accent, rng
    noise = _noise(max(96, round(unit / 3)))
    light, dark = contrast(base, 0.34), base
    tile = Image.new("RGB", noise.size, dark)
    tile.paste(light, mask=noise)
    return tile


def _camouflage(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    period = max(32, round(unit * 0.34))
    tile = Image.new("RGB", (period, period), base)
    draw = ImageDraw.Draw(tile)
    for color in (tint(base, -0.32), tint(base, 0.3), blend(base, accent, 0.5)):
        for _ in range(4):
            x, y = rng.uniform(0, period), rng.uniform(0, period)
            for _ in range(3):
                x += rng.uniform(-0.09, 0.09) * period
                y += rng.uniform(-0.06, 0.06) * period
                rx, ry = rng.uniform(0.06, 0.12) * period, rng.uniform(0.04, 0.08) * period
                for dx, dy in [(0, 0), *_wraps(x, y, rx, period)]:
                    box = (x + dx - rx, y + dy - ry, x + dx + rx, y + dy + ry)
                    draw.ellipse(box, fill=color)
    return tile


def _knitted(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    """Rows of V-shaped stitches, with a cable every few."""
    del accent
    stitch = max(4, round(unit * rng.uniform(0.018, 0.028)))
    cables = rng.choice((0, 4, 6))
    tile = Image.new("RGB", (stitch * max(1, cables), stitch), tint(base, -0.04))
    draw = ImageDraw.Draw(tile)
    dark, light = contrast(base, 0.2), tint(base, 0.1)
    thick = max(1, stitch // 5)
    for column in range(max(1, cables)):
        x = column * stitch
        if cables and column % cables == 0:
            draw.rectangle((x, 0, x + stitch, stitch), fill=light)
            draw.line((x, 0, x + stitch, stitch), fill=dark, width=thick)
            draw.line((x, 0, x, stitch), fill=dark, width=thick)
            continue
        for y in (-stitch // 2, stitch // 2):
            draw.line((x, y, x + stitch / 2, y + stitch / 2), fill=dark, width=thick)
            draw.line((x + stitch / 2, y + stitch / 2, x + stitch, y), fill=dark, width=thick)
    return tile


def _denim(base: RGB, accent: RGB, rng: Random, unit: float) -> Image.Image:
    """Twill: fine diagonal threads of uneven strength."""
    del accent
    noise = _noise(max(96, round(unit / 3))).transpose(Image.Transpose.ROTATE_90)
    tile = Image.new("RGB", noise.size, base)
    tile.paste(tint(base, 0.3), mask=noise.point([v * 2 // 5 for v in range(256)]))
    gap = max(3, round(unit * 0.008))
    draw = ImageDraw.Draw(tile)
    dark = tint(base, -rng.uniform(0.1, 0.2))
    for shift in range(-tile.height, tile.width, gap):
        draw.line((shift, tile.height, shift + tile.height, 0), fill=dark)
    return tile


@lru_cache(maxsize=8)
def _noise(pixels: int) -> Image.Image:
    """A tile of short, soft horizontal fibres, 0..255."""
    rng = seeded(pixels)
    grain = Image.frombytes("L", (pixels, pixels), rng.randbytes(pixels * pixels))
    smeared = ImageChops.blend(grain, ImageChops.offset(grain, 1, 0), 0.5)
    smeared = ImageChops.blend(smeared, ImageChops.offset(smeared, 2, 0), 0.5)
    return smeared.point([min(255, max(0, (v - 96) * 3)) for v in range(256)])


_TILES: dict[str, Callable[[RGB, RGB, Random, float], Image.Image]] = {
    "striped": _striped,
    "checked": _checked,
    "dotted": _dotted,
    "floral": _floral,
    "zigzag": _zigzag,
    "heathered": _heathered,
    "camouflage": _camouflage,
    "knitted": _knitted,
    "denim": _denim,
}
PATTERNS: tuple[str, ...] = ("plain", *_TILES)
