"""A sketch in progress: the look, its painter and its colours, shared by all that draw kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.demo.drawing.fabric import texture
from vitrine.demo.drawing.palette import blend, contrast, tint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from PIL import Image

    from vitrine.demo.drawing.geometry import Point
    from vitrine.demo.drawing.look import Look
    from vitrine.demo.drawing.painter import Fill, Painter
    from vitrine.demo.drawing.palette import RGB

__all__ = ["Sketch"]


@dataclass(kw_only=True)
class Sketch:
    """What a function that draws one kind needs; `back` asks for the other side.

    `arm` is how far the arms of a figure stand off, in radians.
    """

    look: Look
    painter: Painter
    rng: Random
    base: RGB
    accent: RGB
    worn: bool = False
    back: bool = False
    arm: float = 0.16
    cloth: Image.Image | None = None

    def __post_init__(self) -> None:
        painter = self.painter
        self.cloth = texture(
            self.look.pattern,
            self.base,
            self.accent,
            self.rng,
            pixels=painter.pixels,
            zoom=painter.frame.scale,
        )

    @property
    def fill(self) -> Fill:
        """The product's own fabric."""
        return self.cloth or self.base

    @property
    def seam(self) -> RGB:
        """The colour of a seam or a stitch on the product; on denim it is copper thread."""
        if self.look.pattern == "denim":
            return (206, 148, 84)
        return contrast(self.base, 0.26)

    @property
    def trim(self) -> RGB:
        """The colour of ribbing and bands: a tone of the product, or its pattern's accent."""
        if self.cloth and self.look.pattern in {"striped", "dotted", "zigzag"}:
            return blend(self.accent, self.base, 0.15)
        return contrast(self.base, 0.12)

    @property
    def inside(self) -> RGB:
        """The inside of the product, in shadow."""
        return tint(self.base, -0.38) if sum(self.base) > 150 else tint(self.base, 0.07)

    def has(self, detail: str) -> bool:
        """Whether the look asks for a detail."""
        return detail in self.look.details

    def turned(self, degrees: float) -> Fill:
        """The fabric turned, as on a sleeve or a trouser leg."""
        return self.cloth.rotate(degrees) if self.cloth else self.base

    def folds(self, lines: Sequence[Sequence[Point]], strength: int = 16) -> None:
        """Soft folds, each a dark line with a light one beside it."""
        for line in lines:
            self.painter.fold(line, -strength * 5 // 3, 0.022)
            self.painter.fold([(x + 0.02, y - 0.006) for x, y in line], strength * 6 // 5, 0.016)
