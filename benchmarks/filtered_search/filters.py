"""The filters of the benchmark: named, one per query, in Vitrine's JSON, in SQL and as a mask.

Independent of the query (price, brand, colour, material), correlated with it (the category into
which the query falls) and against it (the one that is farthest). Names give the intended share of
products kept; the report gives the real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.filtered_search.catalogue import CATEGORIES, DEPARTMENTS, Catalogue
from benchmarks.filtered_search.groups import Array, farthest, nearest

__all__ = ["Filter", "named_filters"]

PER_DEPARTMENT = CATEGORIES // DEPARTMENTS
PRICE_SHARES = (50, 20, 8, 1.7, 0.2)  # percent
NOBODYS_BRAND = 9_999
PLAIN = ("brand", "colour", "material")  # columns that are compared with one number


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A conjunction over the made-up shop's columns; what is None or empty asks nothing."""

    categories: tuple[int, ...] = ()
    department: int | None = None
    not_department: int | None = None
    brand: int | None = None
    colour: int | None = None
    material: int | None = None
    cents: tuple[int, int] | None = None  # from the first, below the second

    def as_json(self) -> dict[str, Any]:
        """The same in Vitrine's filter language."""
        made: dict[str, Any] = {}
        if self.categories:
            paths = [category_path(one) for one in self.categories]
            made["category"] = paths[0] if len(paths) == 1 else paths
        if self.department is not None:
            made["category"] = department_name(self.department)
        if self.not_department is not None:
            made["not"] = {"category": department_name(self.not_department)}
        if self.brand is not None:
            made["brand"] = brand_name(self.brand)
        if self.colour is not None:
            made["options"] = {"color": f"Colour {self.colour}"}
        if self.material is not None:
            made["attributes"] = {"material": f"Material {self.material}"}
        if self.cents is not None:
            made["price"] = {"gte": self.cents[0] / 100, "lt": self.cents[1] / 100}
        return made

    def as_sql(self) -> str:
        """The same as a condition on the flat table of the other engines; empty for none."""
        parts = []
        if self.categories:
            parts.append(f"category IN ({', '.join(map(str, self.categories))})")
        parts += [
            f"{column} = {getattr(self, column)}"
            for column in ("department", *PLAIN)
            if getattr(self, column) is not None
        ]
        if self.not_department is not None:
            parts.append(f"department <> {self.not_department}")
        if self.cents is not None:
            parts.append(f"cents >= {self.cents[0]} AND cents < {self.cents[1]}")
        return " AND ".join(parts)

    def mask(self, shop: Catalogue, rows: Array | slice = slice(None)) -> Array:
        """Which products it keeps, bool, of all or of some rows."""
        category = shop.category[rows]
        kept = np.ones(len(category), bool)
        if self.categories:
            kept &= np.isin(category, self.categories)
        if self.department is not None:
            kept &= category // PER_DEPARTMENT == self.department
        if self.not_department is not None:
            kept &= category // PER_DEPARTMENT != self.not_department
        for column in PLAIN:
            if getattr(self, column) is not None:
                kept &= getattr(shop, column)[rows] == getattr(self, column)
        if self.cents is not None:
            cents = shop.cents[rows]
            kept &= (cents >= self.cents[0]) & (cents < self.cents[1])
        return kept


def department_name(department: int) -> str:
    return f"department {department}"


def category_path(category: int) -> str:
    return f"{department_name(category // PER_DEPARTMENT)}/category {category}"


def brand_name(brand: int) -> str:
    return f"Brand {brand}"


def named_filters(shop: Catalogue, queries: Array, seed: int = 5) -> dict[str, list[Filter]]:
    """For each name one filter per query."""
    rng = np.random.default_rng(seed)
    brands = np.bincount(shop.brand, minlength=1) / shop.products
    tenth, hundredth = (int(np.abs(brands - share).argmin()) for share in (0.1, 0.01))
    own, far = nearest(queries, shop.centres), farthest(queries, shop.centres)
    like = np.argsort(-(shop.centres @ shop.centres.T), axis=1)[:, :5]  # itself and four more
    count = len(queries)
    made = {"all": [Filter()] * count}
    prices = np.sort(shop.cents)
    for percent in PRICE_SHARES:
        made[f"price {percent:g} %"] = [_prices(prices, percent / 100, rng) for _ in range(count)]
    made["brand 38 %"] = [Filter(brand=0)] * count
    made["brand 14 %"] = [Filter(brand=1)] * count
    made["brand 1 %"] = [Filter(brand=hundredth)] * count
    made["colour 5 %"] = [Filter(colour=int(c)) for c in rng.integers(0, 20, count)]
    made["attribute 3 %"] = [Filter(material=int(m)) for m in rng.integers(0, 30, count)]
    made["own department 10 %"] = [Filter(department=int(c) // PER_DEPARTMENT) for c in own]
    made["own five categories 5 %"] = [Filter(categories=tuple(like[c].tolist())) for c in own]
    made["own category 1 %"] = [Filter(categories=(int(c),)) for c in own]
    for brand, named in ((tenth, "0.1"), (hundredth, "0.01")):
        made[f"own category, brand {named} %"] = [
            Filter(categories=(int(c),), brand=brand) for c in own
        ]
    made["not own department 90 %"] = [Filter(not_department=int(c) // PER_DEPARTMENT) for c in own]
    made["far department 10 %"] = [Filter(department=int(c) // PER_DEPARTMENT) for c in far]
    made["far category 1 %"] = [Filter(categories=(int(c),)) for c in far]
    made["nothing"] = [Filter(brand=NOBODYS_BRAND)] * count
    return made


def _prices(prices: Array, share: float, rng: np.random.Generator) -> Filter:
    """A price range anywhere that keeps about this share."""
    start = rng.random() * (1 - share)
    low, high = (prices[int(part * (len(prices) - 1))] for part in (start, start + share))
    return Filter(cents=(int(low), max(int(high), int(low) + 1)))
