"""The painter: puts parts of a product on a picture with light, folds and soft shadows.

Colour is laid down on a picture `supersample` times as large, flat and with hard edges; light is
kept apart in a picture of the final size, where 128 means unlit. Both meet once, at the end.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from vitrine.demo.drawing.palette import tint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.demo.drawing.geometry import Point
    from vitrine.demo.drawing.palette import RGB

__all__ = ["Fill", "Frame", "Painter"]

Fill: TypeAlias = "RGB | Image.Image"

_UNLIT = 128


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where the unit square lands in the picture, itself measured as a unit square."""

    x: float = 0.5
    y: float = 0.5
    scale: float = 1.0
    turn: float = 0.0
    flip: bool = False

    def place(self, points: Sequence[Point], size: int) -> list[Point]:
        """Unit points to pixels of a picture `size` pixels wide."""
        cosine = math.cos(self.turn) * self.scale * size
        sine = math.sin(self.turn) * self.scale * size
        cx, cy = self.x * size, self.y * size
        side = -1.0 if self.flip else 1.0
        placed = []
        for x, y in points:
            dx, dy = (x - 0.5) * side, y - 0.5
            placed.append((cx + dx * cosine - dy * sine, cy + dx * sine + dy * cosine))
        return placed


class Painter:
    """Paints parts in unit coordinates; `picture` joins colour, light, shadow and backdrop."""

    def __init__(self, size: int, supersample: int, frame: Frame) -> None:
        self.size = size
        self.supersample = supersample
        self.frame = frame
        self.pixels = size * supersample
        self._color = Image.new("RGB", (self.pixels, self.pixels))
        self._alpha = Image.new("L", (self.pixels, self.pixels))
        self._light = Image.new("L", (size, size), _UNLIT)
        self._folds = Image.new("L", (size, size), _UNLIT)
        self._color_draw = ImageDraw.Draw(self._color)
        self._alpha_draw = ImageDraw.Draw(self._alpha)
        self._folds_draw = ImageDraw.Draw(self._folds)

    def part(
        self,
        outline: Sequence[Point],
        fill: Fill,
        *,
        volume: float = 0.5,
        lift: float = 0.0,
        tone: int = 0,
    ) -> None:
        """Paint a closed outline.

        `volume` rounds its edges off, `lift` throws a soft shadow on the parts below, `tone`
        makes it lighter or darker (-60..60).
        """
        points = self.frame.place(outline, self.size)
        soft = max(2, round(self.size * 0.035 * self.frame.scale))
        box = self._bounds(points, 2 * soft)
        if box is None:
            return
        self._lay(points, fill, box)
        inside = _mask(points, box)
        if lift:
            self._cast(inside, box, lift)
        blurred = inside.filter(ImageFilter.BoxBlur(soft))
        # Light comes from the upper left, so the lower right edge is the darker one.
        blurred = ImageChops.offset(blurred, -soft // 2, -soft // 2)
        level = _UNLIT + tone
        lit = blurred.point([round(level + volume * 0.42 * (v - 225)) for v in range(256)])
        self._light.paste(lit, box, inside)

    def line(self, points: Sequence[Point], color: RGB, width: float, *, dash: float = 0.0) -> None:
        """A line of `width` (unit) over what is painted: a seam, a stitch, a lace.

        With `dash`, every other stretch of that length is left out.
        """
        pixels = self.frame.place(points, self.pixels)
        thick = max(1, round(width * self.pixels * self.frame.scale))
        if not dash:
            self._color_draw.line(pixels, fill=color, width=thick, joint="curve")
            return
        for start, end in _dashes(pixels, dash * self.pixels * self.frame.scale):
            self._color_draw.line([start, end], fill=color, width=thick)

    def cord(self, points: Sequence[Point], color: RGB, width: float) -> None:
        """A line that is a part of its own, also where nothing lies below: a strap, a handle."""
        pixels = self.frame.place(points, self.pixels)
        thick = max(2, round(width * self.pixels * self.frame.scale))
        self._color_draw.line(pixels, fill=color, width=thick, joint="curve")
        self._alpha_draw.line(pixels, fill=255, width=thick, joint="curve")

    def dot(self, x: float, y: float, radius: float, color: RGB) -> None:
        """A small round thing: a button, an eyelet, a rivet."""
        ((px, py),) = self.frame.place([(x, y)], self.pixels)
        r = max(1.0, radius * self.pixels * self.frame.scale)
        self._color_draw.ellipse((px - r, py - r, px + r, py + r), fill=color)
        r *= 0.55
        self._color_draw.ellipse((px - r, py - r, px + r, py + r), fill=tint(color, -0.18))

    def fold(self, points: Sequence[Point], strength: int, width: float = 0.02) -> None:
        """A soft dark (negative) or light (positive) fold along a line."""
        pixels = self.frame.place(points, self.size)
        thick = max(1, round(width * self.size * self.frame.scale))
        self._folds_draw.line(pixels, fill=_UNLIT + strength, width=thick, joint="curve")

    def glow(self, outline: Sequence[Point], strength: int) -> None:
        """A soft patch of light or dark."""
        self._folds_draw.polygon(self.frame.place(outline, self.size), fill=_UNLIT + strength)

    def picture(self, backdrop: Image.Image, shadow: tuple[float, float, float]) -> Image.Image:
        """The finished RGB picture; `shadow` is its (dx, dy) in the unit and its strength."""
        alpha = self._alpha.reduce(self.supersample)
        ground = self._shadowed(backdrop, alpha, shadow)
        ground = ground.resize((self.pixels, self.pixels), Image.Resampling.NEAREST)
        ground.paste(self._color, mask=self._alpha)
        flat = ground.reduce(self.supersample)
        folds = self._folds.filter(ImageFilter.GaussianBlur(self.size * 0.011))
        # Light has hard edges between parts; a touch of blur makes them as smooth as the colour's.
        smooth = self._light.filter(ImageFilter.BoxBlur(0.6))
        light = ImageChops.add(smooth, folds, 1.0, -_UNLIT)
        light = Image.composite(light, Image.new("L", light.size, _UNLIT), alpha)
        return ImageChops.hard_light(Image.merge("RGB", (light, light, light)), flat)

    def _bounds(self, points: Sequence[Point], margin: int) -> tuple[int, int, int, int] | None:
        """The pixel box around the points, cut to the picture and its margin; None outside."""
        xs, ys = [x for x, _ in points], [y for _, y in points]
        left, top = max(-margin, int(min(xs)) - margin), max(-margin, int(min(ys)) - margin)
        right = min(self.size + margin, int(max(xs)) + margin + 1)
        bottom = min(self.size + margin, int(max(ys)) + margin + 1)
        return (left, top, right, bottom) if right > left and bottom > top else None

    def _lay(self, points: Sequence[Point], fill: Fill, box: tuple[int, int, int, int]) -> None:
        """Put down the colour, or the cloth, of an outline given in pixels of the final size."""
        s = self.supersample
        pixels = [(x * s, y * s) for x, y in points]
        self._alpha_draw.polygon(pixels, fill=255)
        if isinstance(fill, tuple):
            self._color_draw.polygon(pixels, fill=fill)
            return
        large = (box[0] * s, box[1] * s, box[2] * s, box[3] * s)
        self._color.paste(fill.crop(large), large, _mask(pixels, large))

    def _cast(self, mask: Image.Image, box: tuple[int, int, int, int], strength: float) -> None:
        """Darken what lies around a lifted part."""
        radius = max(1, round(self.size * 0.014 * self.frame.scale))
        near = ImageChops.offset(mask.filter(ImageFilter.BoxBlur(radius)), radius // 2, radius)
        dark = near.point([round(v * strength) for v in range(256)])
        self._light.paste(_UNLIT - 70, box, dark)

    def _shadowed(
        self, backdrop: Image.Image, alpha: Image.Image, shadow: tuple[float, float, float]
    ) -> Image.Image:
        dx, dy, strength = shadow
        # A quarter of the size is enough for what is blurred anyway.
        low = alpha.reduce(4)
        moved = Image.new("L", low.size)
        moved.paste(low, (round(dx * low.width), round(dy * low.height)))
        # A wide soft shadow, and a narrow one where the thing touches what it lies on.
        wide = moved.filter(ImageFilter.GaussianBlur(low.width * 0.035))
        near = low.filter(ImageFilter.BoxBlur(max(1.0, low.width * 0.008)))
        low = ImageChops.add(
            wide.point([round(v * strength) for v in range(256)]),
            near.point([round(v * strength * 0.6) for v in range(256)]),
        )
        mask = low.resize(alpha.size, Image.Resampling.BICUBIC)
        ground = backdrop.copy()
        ground.paste((52, 48, 56), mask=mask)
        return ground


def _mask(points: Sequence[Point], box: tuple[int, int, int, int]) -> Image.Image:
    """The inside of an outline, cut to a box."""
    mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
    ImageDraw.Draw(mask).polygon([(x - box[0], y - box[1]) for x, y in points], fill=255)
    return mask


def _dashes(points: Sequence[Point], length: float) -> list[tuple[Point, Point]]:
    """Every other stretch of `length` along a polyline."""
    dashes = []
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        distance = math.hypot(x1 - x0, y1 - y0)
        count = max(1, round(distance / (2 * length)))
        for index in range(count):
            a, b = index / count, (index + 0.55) / count
            dashes.append(
                (
                    (x0 + (x1 - x0) * a, y0 + (y1 - y0) * a),
                    (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b),
                )
            )
    return dashes
