"""LanceDB: IVF_HNSW_SQ with prefilter and refine factor 4, scalar indexes on the filter columns."""

from __future__ import annotations

from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.engines.flat import distinct_products, flat_columns, rows_for
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.groups import Array
from benchmarks.filtered_search.workplace import Workplace, timed

__all__ = ["LanceEngine"]

TABLE = "flat"
BITMAPS = ("category", "department", "brand", "colour", "material")
BLOCK = 100_000
REFINE = 4


class LanceEngine:
    """A table in a folder, read by this process; vectors as float32."""

    def __init__(self, *, name: str, place: Workplace) -> None:
        self.name = name
        self._place = place

    def build(self, data: Dataset) -> dict[str, float]:
        database = lancedb.connect(self._place.folder / "lancedb")
        seconds = self._place.build_once(self.name, data.fingerprint, lambda: _load(database, data))
        self._table: Any = database.open_table(TABLE)
        self._most = rows_for(data)
        return seconds

    def search(self, number: int, vector: Array, wanted: Filter, k: int) -> list[int]:  # noqa: ARG002
        query = (
            self._table.search(vector.astype(np.float32))
            .distance_type("dot")
            .select(["product_id", "_distance"])
            .limit(self._most(k))
            .refine_factor(REFINE)
        )
        condition = wanted.as_sql()
        if condition:
            query = query.where(condition, prefilter=True)
        return distinct_products(query.to_arrow()["product_id"].to_pylist(), k)


def _load(database: lancedb.DBConnection, data: Dataset) -> dict[str, float]:
    seconds: dict[str, float] = {}
    columns = flat_columns(data)
    with timed(seconds, "vectors"):
        table: Any = None
        for start in range(0, len(data.vectors), BLOCK):
            part = slice(start, start + BLOCK)
            numbers = pa.array(data.vectors[part].astype(np.float32).ravel())
            rows = pa.table({
                **{name: values[part] for name, values in columns.items()},
                "vector": pa.FixedSizeListArray.from_arrays(numbers, data.dimension),
            })  # fmt: skip
            if table is None:
                table = database.create_table(TABLE, rows, mode="overwrite")
            else:
                table.add(rows)
    with timed(seconds, "index"):
        table.create_index(metric="dot", vector_column_name="vector", index_type="IVF_HNSW_SQ")
    with timed(seconds, "filter columns"):
        for column in BITMAPS:
            table.create_scalar_index(column, index_type="BITMAP")
        table.create_scalar_index("cents", index_type="BTREE")
        table.optimize()
    return seconds
