"""FAISS with a selector: HNSW or inverted lists over float32 in memory, columns beside them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.engines.flat import distinct_products, rows_for
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.groups import Array
from benchmarks.filtered_search.workplace import Workplace, timed

faiss: Any = importlib.import_module("faiss")  # its types know half of it

__all__ = ["FaissEngine"]

EF_SEARCH = 100
PROBED = 0.05  # of the inverted lists


class FaissEngine:
    """The mask of the filter is computed per query, as a user without a database has to."""

    def __init__(self, *, name: str, place: Workplace, kind: str) -> None:
        self.name = name
        self._place = place
        self._kind = kind

    def build(self, data: Dataset) -> dict[str, float]:
        file = self._place.folder / f"{self.name}.faiss"
        seconds = self._place.build_once(
            self.name, data.fingerprint, lambda: self._make(data, str(file))
        )
        self._index = faiss.read_index(str(file))
        self._shop, self._owner, self._most = data.catalogue, data.catalogue.owner, rows_for(data)
        return seconds

    def search(self, number: int, vector: Array, wanted: Filter, k: int) -> list[int]:  # noqa: ARG002
        given: dict[str, Any] = {}
        if wanted != Filter():
            mask = np.packbits(wanted.mask(self._shop)[self._owner], bitorder="little")
            given["sel"] = faiss.IDSelectorBitmap(mask)
        if self._kind == "hnsw":
            parameters = faiss.SearchParametersHNSW(efSearch=EF_SEARCH, **given)
        else:
            probed = max(int(self._index.nlist * PROBED), 8)
            parameters = faiss.SearchParametersIVF(nprobe=probed, **given)
        query = vector.astype(np.float32)[None]
        _, rows = self._index.search(query, self._most(k), params=parameters)
        return distinct_products(self._owner[rows[0][rows[0] >= 0]], k)

    def _make(self, data: Dataset, file: str) -> dict[str, float]:
        seconds: dict[str, float] = {}
        lists = int(4 * len(data.vectors) ** 0.5)
        description = "HNSW16,Flat" if self._kind == "hnsw" else f"IVF{lists},Flat"
        vectors = data.vectors.astype(np.float32)
        with timed(seconds, "index"):
            index = faiss.index_factory(data.dimension, description, faiss.METRIC_INNER_PRODUCT)
            if self._kind == "hnsw":
                index.hnsw.efConstruction = 64
            index.train(vectors)
            index.add(vectors)
        faiss.write_index(index, file)
        return seconds
