"""K-means groups of unit vectors, for categories and for the pictures of one product."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "centroids", "farthest", "nearest", "unit"]

Array = NDArray[Any]

BLOCK = 20_000  # rows of one matrix product


def unit(vectors: Array) -> Array:
    """Rows (n, d) scaled to length 1, as float32."""
    vectors = vectors.astype(np.float32)
    length: Array = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, np.maximum(length, 1e-12))


def centroids(
    vectors: Array, count: int, seed: int, sample: int = 60_000, rounds: int = 10
) -> Array:
    """Spherical k-means: unit centroids (count, d) of at most `sample` of the vectors (n, d)."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(vectors), min(sample, len(vectors)), replace=False)
    used = vectors[rows].astype(np.float32)
    centres = used[:count].copy()
    for _ in range(rounds):
        group = nearest(used, centres)
        order = np.argsort(group, kind="stable")
        present, starts = np.unique(group[order], return_index=True)
        centres[present] = unit(np.add.reduceat(used[order], starts))
    return centres


def nearest(vectors: Array, centres: Array) -> Array:
    """The number of the nearest centre of each vector, int64 (n,)."""
    return _by_block(vectors, centres, "argmax")


def farthest(vectors: Array, centres: Array) -> Array:
    """The number of the least similar centre of each vector, int64 (n,)."""
    return _by_block(vectors, centres, "argmin")


def _by_block(vectors: Array, centres: Array, choose: str) -> Array:
    parts = []
    for start in range(0, len(vectors), BLOCK):
        similarity = vectors[start : start + BLOCK].astype(np.float32) @ centres.T
        parts.append(getattr(np, choose)(similarity, axis=1))
    return np.concatenate(parts)
