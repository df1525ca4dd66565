"""What the demo asks its shop: by words, by a picture, by a product, under filters."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vitrine.demo.drawing import Look, draw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vitrine.demo.products import Product

__all__ = ["Search", "draw_query", "showcase"]

# As a shopper might photograph it: a dress that the shop does not sell, on somebody.
_SNAPSHOT = Look(kind="dress", color="green", details=("short-sleeved", "midi", "belted"), seed=3)


@dataclass(frozen=True, kw_only=True)
class Search:
    """One search: exactly one of `words`, `picture` (a file) and `product` (its external_id).

    `title` and `small_print` say in words what is asked, `shown` is a picture of it.
    """

    title: str
    words: str | None = None
    picture: Path | None = None
    product: str | None = None
    shown: Path | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    small_print: tuple[str, ...] = ()

    @property
    def sort(self) -> str:
        """By what it searches."""
        if self.words is not None:
            return "words and filters" if self.filters else "words"
        if self.picture is not None:
            return "picture"
        return "similar, but" if self.filters else "similar"

    @property
    def command(self) -> str:
        """The arguments of `vitrine` that ask the same, quoted for a shell."""
        if self.words is not None:
            parts = ["search", self.words]
        elif self.picture is not None:
            parts = ["search", "--image", str(self.picture)]
        else:
            parts = ["similar", str(self.product)]
        if self.filters:
            parts += ["--filters", json.dumps(self.filters, ensure_ascii=False)]
        return shlex.join(parts)


def draw_query(target: Path) -> Path:
    """Draw the picture that the demo searches with; returns its file."""
    picture = draw(_SNAPSHOT, 320, "light gray", worn=True, jitter=0.3, supersample=3)
    picture.save(target, "JPEG", quality=90)
    return target


def showcase(products: Sequence[Product], images: Path, picture: Path) -> list[Search]:
    """The searches for a shop of these products, its pictures below `images`."""
    like = _in_one_color(products, "BP")
    other = "Red" if like.variants[0].color != "Red" else "Blue"
    shown = images / like.pictures[0].path
    return [
        Search(title="yellow dress", words="yellow dress"),
        Search(
            title="canvas sneakers",
            words="canvas sneakers",
            filters={
                "category": "Shoes",
                "price": {"lt": 120},
                "options": {"color": ["Red", "Pink", "Purple"], "size": "39"},
                "in_stock": True,
            },
            small_print=("red, pink or purple in size 39,", "under $120, in stock"),
        ),
        Search(title="brown leather handbag", words="brown leather handbag"),
        Search(
            title="a picture of one's own",
            picture=picture,
            shown=picture,
            small_print=("it is not in the catalogue",),
        ),
        Search(
            title=like.title,
            product=like.sku,
            shown=shown,
            small_print=(f"like product {like.sku}",),
        ),
        Search(
            title=like.title,
            product=like.sku,
            shown=shown,
            filters={"options": {"color": other}, "in_stock": True},
            small_print=(f"but in {other.lower()}, in stock",),
        ),
    ]


def _in_one_color(products: Sequence[Product], code: str) -> Product:
    """The first product in a single colour, of this line if the shop has any of it."""
    line = [product for product in products if product.sku.startswith(code)]
    return min(line or products, key=lambda one: len({each.color for each in one.variants}))
