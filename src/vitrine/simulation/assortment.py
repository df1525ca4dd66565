"""What the simulated shoppers choose from: the products of a shop, as its database has them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from vitrine.database import Connection
from vitrine.errors import QueryError

__all__ = ["Assortment", "read_assortment"]

# A value that fewer products have says little, and the simulation would be slow with all of them.
LEAST_PRODUCTS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Assortment:
    """Products in rows; `values` names the columns of `held` (products x values, 0 or 1).

    `looks` (products x dimensions) are unit vectors of the pictures, without columns where the shop
    has none. `shelves` is each product's top category, `paths` those by number.
    """

    product_ids: NDArray[np.int64]
    external_ids: tuple[str, ...]
    values: tuple[str, ...]
    held: NDArray[np.float64]
    looks: NDArray[np.float64]
    shelves: NDArray[np.int64]
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.external_ids)


def read_assortment(connection: Connection) -> Assortment:
    """Read the active products that are in a category.

    Raises:
        QueryError: the shop has too few to choose from.

    """
    rows = connection.execute(
        "SELECT p.product_id, p.external_id, p.brand, p.attributes, "
        "array_agg(DISTINCT split_part(c.path, '/', 1)) FROM product p "
        "JOIN product_category pc USING (product_id) JOIN category c USING (category_id) "
        "WHERE p.status = 'active' GROUP BY p.product_id ORDER BY p.external_id"
    ).fetchall()
    if len(rows) < 20:
        raise QueryError(f"{len(rows)} products in categories are too few; import a catalogue")
    product_ids = np.array([row[0] for row in rows])
    values, held = _values([_named(row[2], row[3]) for row in rows])
    roots = _largest([row[4] for row in rows])
    paths = tuple(sorted(set(roots)))
    return Assortment(
        product_ids=product_ids,
        external_ids=tuple(str(row[1]) for row in rows),
        values=values,
        held=held,
        looks=_looks(connection, product_ids),
        shelves=np.array([paths.index(root) for root in roots]),
        paths=paths,
    )


def _largest(roots: list[list[str]]) -> list[str]:
    """Of each product's top categories the one with most products."""
    counts = Counter(root for each in roots for root in each)
    return [max(sorted(each), key=lambda root: counts[root]) for each in roots]


def _named(brand: str | None, attributes: dict[str, object]) -> set[str]:
    found = {f"brand={brand.lower()}"} if brand else set()
    for name, value in attributes.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                found.add(f"{name.lower()}={one.lower()}")
    return found


def _values(named: list[set[str]]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    counts: dict[str, int] = {}
    for each in named:
        for value in each:
            counts[value] = counts.get(value, 0) + 1
    kept = tuple(sorted(value for value, n in counts.items() if n >= LEAST_PRODUCTS))
    return kept, np.array([[float(value in each) for value in kept] for each in named])


def _looks(connection: Connection, product_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    space = connection.execute("SELECT max(space_id) FROM space WHERE status = 'active'").fetchone()
    if space is None or space[0] is None:
        return np.zeros((len(product_ids), 0))
    rows = connection.execute(
        sql.SQL(
            "SELECT product_id, avg(embedding::vector)::text FROM {} GROUP BY product_id"
        ).format(sql.Identifier(f"image_vector_{space[0]}"))
    ).fetchall()
    if not rows:
        return np.zeros((len(product_ids), 0))
    known = {int(product_id): json.loads(vector) for product_id, vector in rows}
    middle = np.mean(list(known.values()), axis=0)
    # What all pictures have alike tells no taste from another.
    looks = np.array([known.get(int(number), middle) for number in product_ids]) - middle
    lengths = np.linalg.norm(looks, axis=1, keepdims=True)
    return np.asarray(looks / np.maximum(lengths, 1e-9))
