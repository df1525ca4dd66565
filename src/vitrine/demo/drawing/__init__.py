"""Seeded drawings of products: a look in words becomes a picture, and a picture has its words.

>>> look = random_look(Random(1))
>>> picture, caption = draw(look, 192), describe(look)
"""

from __future__ import annotations

from vitrine.demo.drawing.backdrop import BACKGROUNDS
from vitrine.demo.drawing.fabric import PATTERNS
from vitrine.demo.drawing.look import KINDS, WORN_KINDS, Look, describe, random_look
from vitrine.demo.drawing.palette import COLORS
from vitrine.demo.drawing.studio import VIEWS, draw

__all__ = [
    "BACKGROUNDS",
    "COLORS",
    "KINDS",
    "PATTERNS",
    "VIEWS",
    "WORN_KINDS",
    "Look",
    "describe",
    "draw",
    "random_look",
]
