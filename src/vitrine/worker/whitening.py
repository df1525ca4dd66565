"""Whitening: what is special in a picture, beside what is usual in the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pgvector import Vector
from psycopg import sql

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vitrine.database import Connection

__all__ = ["inverse_covariance", "whiten"]

MOST = 4000  # vectors; more tell little more
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


def whiten(connection: Connection, space_id: int) -> bool:
    """Learn a space's whitening if it is due; whether it was."""
    [(due,)] = connection.execute("SELECT whitening_due(%s)", (space_id,)).fetchall()
    if not due:
        return False
    rows = connection.execute(
        sql.SQL(
            "SELECT embedding::vector::text, count(*) OVER () FROM {} ORDER BY hashint8(image_id)"
            " LIMIT %s"
        ).format(sql.Identifier(f"image_vector_{space_id}")),
        (MOST,),
    ).fetchall()
    vectors = np.stack([Vector.from_text(row[0]).to_numpy() for row in rows])  # (N, D)
    mean, factors = inverse_covariance(vectors)
    connection.execute(
        "INSERT INTO whitening (space_id, trained_on, mean, factors) "
        "VALUES (%s, %s, %s::vector, %s::text[]::vector[]) ON CONFLICT (space_id) DO UPDATE "
        "SET trained_on = excluded.trained_on, mean = excluded.mean, factors = excluded.factors",
        (space_id, rows[0][1], Vector(mean).to_text(), [Vector(row).to_text() for row in factors]),
    )
    return True
