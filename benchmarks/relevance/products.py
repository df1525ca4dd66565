"""What is sold in the judged shop: each style in each colour, or in all of its colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.relevance.magento import Style

__all__ = ["UNITS", "Product", "halves", "make_products"]

UNITS = ("colour", "style")


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product of the judged shop; its key says nothing about it."""

    key: str
    style: Style
    colours: tuple[str, ...]

    @property
    def pictures(self) -> tuple[str, ...]:
        return tuple(file for colour in self.colours for file in self.style.pictures[colour])


def halves(styles: Sequence[Style], seed: int) -> tuple[list[Style], list[Style]]:
    """Two halves of the styles, each with as much of every department and category."""
    shuffled = Random(seed).sample(list(styles), len(styles))
    shuffled.sort(key=lambda style: (style.department, style.category, style.kinds))
    return shuffled[::2], shuffled[1::2]


def make_products(styles: Sequence[Style], unit: str, seed: int) -> list[Product]:
    """The products of some styles, in an order (and so with keys) that tells nothing."""
    parts = [
        (style, colours)
        for style in styles
        for colours in (
            [(colour,) for colour in style.pictures]
            if unit == "colour"
            else [tuple(style.pictures)]
        )
    ]
    Random(seed).shuffle(parts)
    return [
        Product(key=f"P{number:04}", style=style, colours=colours)
        for number, (style, colours) in enumerate(parts, 1)
    ]
