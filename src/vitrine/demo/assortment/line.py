"""A line of products: one kind, with its shelves, sizes, prices, materials and makers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BRANDS", "NO_SIZES", "Line"]

_LETTERS = ("XS", "S", "M", "L", "XL")
_CHILDREN = ("98", "110", "122", "134")
NO_SIZES: tuple[str, ...] = ()

# group: who makes such things, and how dear the maker is.
BRANDS: dict[str, tuple[tuple[str, float], ...]] = {
    "clothes": (
        ("Norrvik", 1.1),
        ("Calla & Reed", 1.25),
        ("Tamsin Row", 0.85),
        ("Oakfell", 1.0),
        ("Lune Atelier", 1.6),
        ("Ferncote", 0.8),
        ("Saltmarsh", 0.95),
    ),
    "sport": (("Kestrel Works", 1.15), ("Veldtline", 0.9), ("Norrvik", 1.1)),
    "shoes": (("Aldermoor", 1.2), ("Kestrel Works", 1.0), ("Pacefield", 0.8)),
    "bags": (("Marrow & Finch", 1.3), ("Copperhill", 1.0), ("Saltmarsh", 0.8)),
    "extras": (("Tidewell", 1.0), ("Solenne", 1.4), ("Juniper Lane", 0.8), ("Oakfell", 1.0)),
    "home": (
        ("Hollow Pine", 1.1),
        ("Quill & Ember", 1.3),
        ("Pomelo Studio", 0.85),
        ("Brightwater", 1.0),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of products: all of one kind of drawing.

    `shelves` are category paths; a shelf under `Kids` sells children's sizes at a lower price.
    `share` is how many of some seven hundred products are of this line.
    """

    kind: str
    code: str
    shelves: tuple[str, ...]
    price: tuple[float, float]
    materials: tuple[str, ...]
    seasons: tuple[str, ...] = ("All Seasons",)
    sizes: tuple[str, ...] = _LETTERS
    brands: str = "clothes"
    share: int = 16

    def sizes_on(self, shelf: str) -> tuple[str, ...]:
        """The sizes sold on one of the shelves."""
        return _CHILDREN if shelf.startswith("Kids/") and self.sizes != NO_SIZES else self.sizes
