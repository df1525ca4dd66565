"""A taste in words: what a shopper likes more than the rest of what there is."""

from __future__ import annotations

from collections import defaultdict
from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vitrine.demo.products import Product

__all__ = ["liked"]

FEWEST = 5  # products that share a word, or it tells a product and no taste
MOST = 3


def liked(products: Iterable[Product], tastes: Mapping[str, float]) -> Sequence[str]:
    """Up to three words, of a colour, a kind, a brand and so on at most one each, best first.

    `tastes` are by external_id; products that are not in it do not count. A word stands where the
    products that share it are liked more than the others most surely: by how much their mean lies
    above that of all, times the root of how many they are.
    """
    middle = fmean(tastes.values()) if tastes else 0.0
    shared: dict[tuple[str, str], list[float]] = defaultdict(list)
    for product in products:
        if product.sku in tastes:
            for said in dict.fromkeys(_said(product)):
                shared[said].append(tastes[product.sku])
    fewest = min(FEWEST, max((len(each) for each in shared.values()), default=0))
    ranked = sorted(
        ((middle - fmean(each)) * sqrt(len(each)), *said)
        for said, each in shared.items()
        if len(each) >= fewest and fmean(each) > middle
    )
    found: dict[str, str] = {}
    for _, field, word in ranked:
        found.setdefault(field, word)
    return list(found.values())[:MOST]


def _said(product: Product) -> Iterator[tuple[str, str]]:
    """What one sees of a product, or reads on it, by field."""
    for variant in product.variants:
        yield "color", variant.color.lower()
    yield "kind", product.categories[0].rpartition("/")[2].lower()
    attributes = dict(product.attributes)
    yield "brand", product.brand
    yield "material", attributes["material"].lower()
    if attributes["pattern"].lower() != "plain":
        yield "pattern", attributes["pattern"].lower()
