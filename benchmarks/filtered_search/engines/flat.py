"""What the engines without products share: one row per picture, with its product's columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.filters import PER_DEPARTMENT
from benchmarks.filtered_search.groups import Array

__all__ = ["distinct_products", "flat_columns", "rows_for"]


def flat_columns(data: Dataset) -> dict[str, Array]:
    """Columns by picture, int32: small numbers, the quickest that a user could have."""
    shop, owner = data.catalogue, data.catalogue.owner
    return {
        "product_id": owner.astype(np.int32),
        "category": shop.category[owner],
        "department": shop.category[owner] // PER_DEPARTMENT,
        "brand": shop.brand[owner],
        "colour": shop.colour[owner],
        "size": shop.size[owner],
        "material": shop.material[owner],
        "cents": shop.cents[owner],
    }


def rows_for(data: Dataset) -> Callable[[int], int]:
    """How many pictures to ask for, so that k products are sure to be among them."""
    most = int(np.diff(data.catalogue.first).max())
    return lambda k: k * most


def distinct_products(owners: Iterable[int], k: int) -> list[int]:
    """The first k different products of pictures in order."""
    return list(dict.fromkeys(int(owner) for owner in owners))[:k]
