"""Milvus Lite: brute force (FLAT) over the rows that pass, INVERTED indexes on the filter columns.

It has HNSW and IVF too, which are FAISS's with a selector: they answer narrow filters with too few
rows. Under a far category of 5,000 rows HNSW's recall was 0.11 with ef 100 and 0.66 with ef 1,000,
IVF's 0.05 with a twentieth of its lists and 0.27 with a quarter; FLAT's is 1. Whatever the index
and the filter, a query passes over every row in Python: expect 80 to 140 ms at 100,000 rows.

The engine runs in this process through its own classes: no server, no port, no telemetry. Through
`pymilvus` it would be the same engine behind gRPC. Its import takes some 0.4 s.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.engines.flat import distinct_products, flat_columns, rows_for
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.groups import Array
from benchmarks.filtered_search.workplace import Workplace, timed
from milvus_lite import Collection, CollectionSchema, DataType, FieldSchema, MilvusLite

__all__ = ["MilvusEngine"]

COLLECTION = "flat"
METRIC = "IP"
INVERTED = ("category", "department", "brand", "colour", "material", "cents")
EQUAL = ("department", "brand", "colour", "material")
BLOCK = 2_000  # rows of one insert, which takes them as Python's own numbers


class MilvusEngine:
    """A collection in a folder, which this process locks and holds in memory; float32."""

    def __init__(self, *, name: str, place: Workplace) -> None:
        self.name = name
        self._place = place

    def build(self, data: Dataset) -> dict[str, float]:
        folder = self._place.folder / self.name
        seconds = self._place.build_once(self.name, data.fingerprint, lambda: _load(folder, data))
        database = self._place.closing.enter_context(MilvusLite(str(folder)))
        self._collection = database.get_collection(COLLECTION)
        self._collection.load()
        self._most = rows_for(data)
        return seconds

    def search(self, number: int, vector: Array, wanted: Filter, k: int) -> list[int]:  # noqa: ARG002
        [hits] = self._collection.search(
            [vector.astype(np.float32)],
            top_k=self._most(k),
            metric_type=METRIC,
            expr=_expression(wanted),
            output_fields=["product_id"],
        )
        return distinct_products((hit["entity"]["product_id"] for hit in hits), k)


def _expression(wanted: Filter) -> str:
    """The filter in Milvus's language; empty for none."""
    parts = []
    if wanted.categories:
        parts.append(f"category in {list(wanted.categories)}")
    parts += [
        f"{column} == {getattr(wanted, column)}"
        for column in EQUAL
        if getattr(wanted, column) is not None
    ]
    if wanted.not_department is not None:
        parts.append(f"department != {wanted.not_department}")
    if wanted.cents is not None:
        parts.append(f"cents >= {wanted.cents[0]} and cents < {wanted.cents[1]}")
    return " and ".join(parts)


def _load(folder: Path, data: Dataset) -> dict[str, float]:
    """Closing the database between the steps waits for what it does in the background."""
    seconds: dict[str, float] = {}
    with timed(seconds, "vectors"), MilvusLite(str(folder)) as database:
        if database.has_collection(COLLECTION):
            database.drop_collection(COLLECTION)
        _insert(database.create_collection(COLLECTION, _schema(data)), data)
    with timed(seconds, "index"), MilvusLite(str(folder)) as database:
        collection = database.get_collection(COLLECTION)
        collection.create_index("vector", {"index_type": "FLAT", "metric_type": METRIC})
        for column in INVERTED:
            collection.create_index(column, {"index_type": "INVERTED"})
        collection.load()
    return seconds


def _schema(data: Dataset) -> CollectionSchema:
    return CollectionSchema(
        fields=[
            FieldSchema(name="id", dtype=DataType.INT64, is_primary=True),
            FieldSchema(name="vector", dtype=DataType.FLOAT_VECTOR, dim=data.dimension),
            *(FieldSchema(name=name, dtype=DataType.INT32) for name in flat_columns(data)),
        ]
    )


def _insert(collection: Collection, data: Dataset) -> None:
    columns = {"id": np.arange(len(data.vectors)), **flat_columns(data), "vector": data.vectors}
    for start in range(0, len(data.vectors), BLOCK):
        part = [values[start : start + BLOCK].tolist() for values in columns.values()]
        rows = zip(*part, strict=True)
        collection.insert([dict(zip(columns, row, strict=True)) for row in rows])
