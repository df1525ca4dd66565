"""hnswlib with a filter function, which it calls for every vector that it visits."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.engines.flat import distinct_products, rows_for
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.groups import Array
from benchmarks.filtered_search.workplace import Workplace, timed

hnswlib: Any = importlib.import_module("hnswlib")  # it has no types

__all__ = ["HnswlibEngine"]

EF_SEARCH = 100


class HnswlibEngine:
    """The mask of the filter is computed per query, as a user without a database has to."""

    def __init__(self, *, name: str, place: Workplace) -> None:
        self.name = name
        self._place = place

    def build(self, data: Dataset) -> dict[str, float]:
        file = str(self._place.folder / "hnswlib.index")
        seconds = self._place.build_once(self.name, data.fingerprint, lambda: _make(data, file))
        self._index = hnswlib.Index(space="ip", dim=data.dimension)
        self._index.load_index(file)
        self._index.set_num_threads(1)
        self._shop, self._owner, self._most = data.catalogue, data.catalogue.owner, rows_for(data)
        return seconds

    def search(self, number: int, vector: Array, wanted: Filter, k: int) -> list[int]:  # noqa: ARG002
        asked = self._most(k)
        self._index.set_ef(max(EF_SEARCH, asked))
        kept = None
        if wanted != Filter():
            mask = wanted.mask(self._shop)[self._owner]
            # It raises when it finds fewer than it was asked for.
            asked = min(asked, int(np.count_nonzero(mask)))
            kept = mask.__getitem__
        if not asked:
            return []
        query = vector.astype(np.float32)[None]
        try:
            rows, _ = self._index.knn_query(query, k=asked, filter=kept)
        except RuntimeError:
            return []
        return distinct_products(self._owner[rows[0]], k)


def _make(data: Dataset, file: str) -> dict[str, float]:
    seconds: dict[str, float] = {}
    with timed(seconds, "index"):
        index = hnswlib.Index(space="ip", dim=data.dimension)
        index.init_index(len(data.vectors), M=16, ef_construction=64)
        index.add_items(data.vectors.astype(np.float32))
    index.save_index(file)
    return seconds
