"""What the demo shop sells."""

from __future__ import annotations

from vitrine.demo.assortment.clothes import CLOTHES
from vitrine.demo.assortment.line import BRANDS, Line
from vitrine.demo.assortment.things import THINGS

__all__ = ["ASSORTMENT", "BRANDS", "Line"]

ASSORTMENT: tuple[Line, ...] = CLOTHES + THINGS
