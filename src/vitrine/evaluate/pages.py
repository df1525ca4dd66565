"""Measures of pages that need no judgements: coverage, diversity, novelty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from psycopg import sql

from vitrine import sql_files
from vitrine.database import Connection
from vitrine.evaluate.answering import Answer
from vitrine.evaluate.measures import Numbers

__all__ = ["coverage", "diversity", "load_vectors", "novelty"]

Vectors = Mapping[int, Numbers]
AT_ONCE = 5_000


def coverage(answers: Sequence[Answer], k: int, products: int) -> float:
    """The share of the shop's active products that stood on any of the pages."""
    shown = {key for answer in answers for key in answer.keys[:k]}
    return len(shown) / products if products else 0.0


def diversity(answers: Sequence[Answer], k: int, vectors: Vectors) -> Numbers:
    """The mean cosine distance of two products of a page (Ziegler et al. 2005); NaN under two.

    Products without a vector do not count.
    """
    return np.array([_spread(answer.product_ids[:k], vectors) for answer in answers])


def novelty(
    answers: Sequence[Answer], k: int, information: Mapping[str, float], most: float | None
) -> Numbers:
    """The mean self-information of a page's products, in bits (Zhou et al. 2010)."""
    if most is None:
        return np.full(len(answers), np.nan)
    bits = [[information.get(key, most) for key in answer.keys[:k]] for answer in answers]
    return np.array([float(np.mean(page)) if page else np.nan for page in bits])


def load_vectors(connection: Connection, product_ids: Sequence[int]) -> dict[int, Numbers]:
    """A unit vector of each product that has one in the active space: of a picture or a caption."""
    row = connection.execute("SELECT space_id FROM space WHERE status = 'active'").fetchone()
    if row is None:
        return {}
    found: dict[int, Numbers] = {}
    # Pictures last, so that they stand where a product has both.
    for kind in ("caption", "image"):
        statement = sql.SQL(sql_files.read("evaluate/vectors")).format(
            vectors=sql.Identifier(f"{kind}_vector_{row[0]}"), key=sql.Identifier(f"{kind}_id")
        )
        for first in range(0, len(product_ids), AT_ONCE):
            wanted = [*product_ids[first : first + AT_ONCE]]
            for product_id, values in connection.execute(statement, (wanted,)).fetchall():
                vector = np.array(values, dtype=np.float64)
                found[product_id] = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return found


def _spread(product_ids: Sequence[int], vectors: Vectors) -> float:
    rows = [vectors[product_id] for product_id in product_ids if product_id in vectors]
    count = len(rows)
    if count < 2:
        return float("nan")
    # The length of the sum of unit vectors holds the sum of all their cosines.
    cosines = float(np.square(np.sum(rows, axis=0)).sum()) - count
    return 1 - cosines / (count * (count - 1))
