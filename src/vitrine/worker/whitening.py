"""Whitening: what is special in a picture, beside what is usual in the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pgvector import Vector
from psycopg import sql

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vitrine.database import Connection

__all__ = ["inverse_covariance", "typical_height", "whiten"]

MOST = 4000  # vectors; more tell little more
MOST_CAPTIONS = 256
SHRINKAGE = 0.1  # of the mean variance, added to each direction: few vectors know few directions


def inverse_covariance(
    vectors: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (D) and inverse of the shrunken covariance (D, D) of vectors (N, D).

    A vector less the mean, times the inverse, is the direction that tells its picture from the
    others (Hariharan, Malik and Ramanan, 2012).
    """
    exact = vectors.astype(np.float64)
    mean = exact.mean(axis=0)
    covariance = np.cov(exact, rowvar=False, bias=True)
    dimension = covariance.shape[0]
    covariance += SHRINKAGE * np.trace(covariance) / dimension * np.eye(dimension)
    inverse = np.linalg.inv(covariance)
    inverse /= np.abs(inverse).max()  # only its direction counts
    return mean.astype(np.float32), inverse.astype(np.float32)


def typical_height(pictures: NDArray[np.float32], captions: NDArray[np.float32]) -> float | None:
    """What a query that the shop can answer looks like: the median over captions (M, D).

    Of each, by how much the nearest of the pictures (N, D) is more similar than they all are on
    the average. None without captions.
    """
    if not len(captions):
        return None
    similarities = captions @ pictures.T  # (M, N)
    return float(np.median(similarities.max(axis=1) - similarities.mean(axis=1)))


def whiten(connection: Connection, space_id: int) -> bool:
    """Learn a space's whitening if it is due; whether it was."""
    [(due,)] = connection.execute("SELECT whitening_due(%s)", (space_id,)).fetchall()
    if not due:
        return False
    pictures = _sample(connection, "image", space_id, MOST)
    mean, factors = inverse_covariance(pictures)
    height = typical_height(pictures, _sample(connection, "caption", space_id, MOST_CAPTIONS))
    connection.execute(
        sql.SQL(
            "INSERT INTO whitening (space_id, trained_on, mean, factors, height) "
            "SELECT %s, count(*), %s::vector, %s::text[]::vector[], %s FROM {} "
            "ON CONFLICT (space_id) DO UPDATE SET trained_on = excluded.trained_on, "
            "mean = excluded.mean, factors = excluded.factors, height = excluded.height"
        ).format(sql.Identifier(f"image_vector_{space_id}")),
        (space_id, Vector(mean).to_text(), [Vector(row).to_text() for row in factors], height),
    )
    return True


def _sample(
    connection: Connection, kind: str, space_id: int, most: int
) -> NDArray[np.float32]:  # (N, D)
    """Some vectors of a space, always the same ones while it does not change."""
    rows = connection.execute(
        sql.SQL("SELECT embedding::vector::text FROM {} ORDER BY hashint8({}) LIMIT %s").format(
            sql.Identifier(f"{kind}_vector_{space_id}"), sql.Identifier(f"{kind}_id")
        ),
        (most,),
    ).fetchall()
    return np.array([Vector.from_text(row[0]).to_list() for row in rows], dtype=np.float32)
