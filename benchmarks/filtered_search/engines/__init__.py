"""The engines that are compared, by name; one whose package is missing is left out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.groups import Array
from benchmarks.filtered_search.workplace import Workplace

__all__ = ["ENGINES", "Engine", "make_engines"]


class Engine(Protocol):
    """What the benchmark asks of an engine; products are numbers from 0."""

    name: str

    def build(self, data: Dataset) -> dict[str, float]:
        """Load a data set and make it ready; seconds of each step."""

    def search(self, number: int, vector: Array, wanted: Filter, k: int) -> list[int]:
        """The nearest distinct products for query `number`, whose vector (d,) is float16."""


# Name → module below this package, class and its arguments.
ENGINES: dict[str, tuple[str, str, dict[str, object]]] = {
    "vitrine": ("vitrine_engine", "VitrineEngine", {}),
    "pgvector": ("pgvector_engines", "PgvectorEngine", {"mode": "default"}),
    "pgvector-strict": ("pgvector_engines", "PgvectorEngine", {"mode": "strict"}),
    "pgvector-relaxed": ("pgvector_engines", "PgvectorEngine", {"mode": "relaxed"}),
    "pgvector-exact": ("pgvector_engines", "PgvectorEngine", {"mode": "exact"}),
    "lancedb": ("lancedb_engine", "LanceEngine", {}),
    "faiss-hnsw": ("faiss_engine", "FaissEngine", {"kind": "hnsw"}),
    "faiss-ivf": ("faiss_engine", "FaissEngine", {"kind": "ivf"}),
    "milvus-lite": ("milvus_engine", "MilvusEngine", {}),
}


def make_engines(names: Sequence[str], place: Workplace) -> list[Engine]:
    """The engines of these names, in this order; says which cannot be had."""
    made = []
    for name in names:
        try:
            make = _maker(name)
        except ModuleNotFoundError as error:
            print(f"{name} is left out: {error.name} is not installed (see the extra bench)")
            continue
        made.append(make(name=name, place=place))
    return made


def _maker(name: str) -> Callable[..., Engine]:
    module, kind, arguments = ENGINES[name]
    found = importlib.import_module(f"{__name__}.{module}")
    return partial(getattr(found, kind), **arguments)
