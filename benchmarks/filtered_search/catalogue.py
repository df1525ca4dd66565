"""A made-up shop around vectors: products of one to three pictures, categories, brands, prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.filtered_search.groups import Array, centroids, nearest

__all__ = ["Catalogue", "Dataset", "make_dataset"]

DEPARTMENTS, CATEGORIES = 10, 100  # categories in all
BRANDS, BRAND_FALL = 200, 1.45  # brand n is as common as n ** -1.45: the first keeps 38 %
COLOURS, SIZES, MATERIALS = 20, 6, 30
SHUFFLED = 0.2  # of the products lie in any category
PICTURES = (0.65, 0.2, 0.15)  # shares of products with one, two and three pictures: 1.5 each
MOST_CELLS = 4_096


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Columns by product; product n of the arrays is product_id n + 1 in every engine."""

    first: Array  # (products + 1,) where each product's vectors begin
    category: Array  # leaf category, 0 to 99; its department is category // 10
    brand: Array
    cents: Array
    colour: Array
    size: Array
    material: Array
    centres: Array  # (100, d) what each category's vectors lie around

    @property
    def products(self) -> int:
        return len(self.category)

    @property
    def owner(self) -> Array:
        """The product of each vector (vectors,)."""
        return np.repeat(np.arange(self.products), np.diff(self.first))


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Vectors, one picture each, the shop that owns them and the queries."""

    name: str
    vectors: Array  # (pictures, d) float16, unit length
    queries: Array  # (queries, d) float16, unit length
    catalogue: Catalogue

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def fingerprint(self) -> str:
        """What tells two data sets apart that a kept engine may hold."""
        total = float(self.vectors[:: max(len(self.vectors) // 1000, 1)].astype(np.float64).sum())
        return f"{self.name} {self.vectors.shape} {self.catalogue.products} {total:.6f}"


def make_dataset(
    name: str, vectors: Array, queries: Array, *, several_pictures: bool = False, seed: int = 3
) -> Dataset:
    """Give each vector a product (or some products two or three alike ones), and those a shop."""
    rng = np.random.default_rng(seed)
    if several_pictures:
        order, first = _shared(vectors, rng)
        vectors = vectors[order]
    else:
        first = np.arange(len(vectors) + 1)
    return Dataset(
        name=name,
        vectors=vectors,
        queries=queries,
        catalogue=_catalogue(vectors[first[:-1]], first, rng),
    )


def _catalogue(leading: Array, first: Array, rng: np.random.Generator) -> Catalogue:
    """Columns for products whose first pictures are `leading` (products, d)."""
    count = len(leading)
    centres = _departments(centroids(leading, CATEGORIES, seed=1))
    category = nearest(leading, centres)
    shuffled = rng.random(count) < SHUFFLED
    category[shuffled] = rng.integers(0, CATEGORIES, shuffled.sum())
    weights: Array = np.arange(1, BRANDS + 1) ** -BRAND_FALL
    return Catalogue(
        first=first,
        category=category.astype(np.int32),
        brand=rng.choice(BRANDS, count, p=weights / weights.sum()).astype(np.int32),
        cents=np.round(np.exp(rng.normal(3.3, 0.8, count)) * 100).astype(np.int32),
        colour=rng.integers(0, COLOURS, count, dtype=np.int32),
        size=rng.integers(0, SIZES, count, dtype=np.int32),
        material=rng.integers(0, MATERIALS, count, dtype=np.int32),
        centres=centres,
    )


def _departments(centres: Array) -> Array:
    """Order the centres so that each ten lie near each other: departments of ten categories."""
    left = list(range(len(centres)))
    order: list[int] = []
    middle = centres.mean(axis=0)
    while left:
        outer = min(left, key=lambda one: float(centres[one] @ middle))
        likeness = centres[left] @ centres[outer]
        ten = [left[i] for i in np.argsort(-likeness)[: len(centres) // DEPARTMENTS]]
        order += ten
        left = [one for one in left if one not in ten]
    return centres[order]


def _shared(vectors: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """An order of the vectors in which each product's lie together, and where each begins.

    Vectors of a small cell that are next to each other along a direction become one product's.
    """
    cells = centroids(vectors, min(MOST_CELLS, max(len(vectors) // 25, 1)), seed=2, rounds=3)
    direction = rng.normal(size=(vectors.shape[1],))
    place = vectors.astype(np.float32) @ direction.astype(np.float32)
    alike = np.lexsort((place, nearest(vectors, cells)))
    sizes = rng.choice([1, 2, 3], len(vectors), p=PICTURES)
    sizes = sizes[: int(np.searchsorted(sizes.cumsum(), len(vectors))) + 1]
    sizes[-1] -= sizes.sum() - len(vectors)
    starts = np.concatenate(([0], sizes.cumsum()))
    mixed = rng.permutation(len(sizes))  # products lie in the shop in no order of likeness
    order = np.concatenate([alike[starts[p] : starts[p + 1]] for p in mixed])
    return order, np.concatenate(([0], sizes[mixed].cumsum()))
