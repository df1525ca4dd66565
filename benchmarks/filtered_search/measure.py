"""One client asks every engine in turn, a block of queries at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.engines import Engine
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.truth import Score, Truth, score

__all__ = ["Cell", "ask", "measure"]

BLOCK = 20  # queries between two turns
FIRST_WARM_UP, WARM_UP = 100, 10  # queries that are not counted, before the first and each filter


@dataclass(kw_only=True)
class Cell:
    """One engine, one filter and one k: what each query cost and found."""

    engine: str
    filter: str
    k: int
    share: float  # of the products that the filter keeps, in the mean
    milliseconds: list[float] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Milliseconds (p50, p95), mean recall, the worst query's, rows; of how many queries."""
        recall = np.array([s.recall for s in self.scores])
        return {
            "engine": self.engine,
            "filter": self.filter,
            "k": self.k,
            "share": self.share,
            "queries": len(self.scores),
            "p50_ms": float(np.percentile(self.milliseconds, 50)),
            "p95_ms": float(np.percentile(self.milliseconds, 95)),
            "recall": float(recall.mean()),
            "worst": float(recall.min()),
            "rows": float(np.mean([s.rows for s in self.scores])),
            "short_queries": sum(s.missing > 0 for s in self.scores),
            "wrong_rows": sum(s.wrong for s in self.scores),
        }


def measure(
    data: Dataset,
    engines: Sequence[Engine],
    filters: Mapping[str, Sequence[Filter]],
    truths: Mapping[str, Truth],
    ks: Sequence[int],
    patience: float,
) -> list[Cell]:
    """All cells; an engine that spent `patience` seconds on one asks no more of its queries."""
    cells: list[Cell] = []
    for name, wanted in filters.items():
        share = float(truths[name].matching.mean()) / data.catalogue.products
        row = {
            (engine.name, k): Cell(engine=engine.name, filter=name, k=k, share=share)
            for engine in engines
            for k in ks
        }
        for engine in engines:
            warm_up = WARM_UP if cells else FIRST_WARM_UP
            ask(data, engine, wanted, range(min(warm_up, len(wanted))), ks[-1], patience / 4)
        for turn, start in enumerate(range(0, len(wanted), BLOCK)):
            numbers = range(start, min(start + BLOCK, len(wanted)))
            for engine in _rotated(engines, turn):
                for k in ks:
                    cell = row[engine.name, k]
                    left = patience - sum(cell.milliseconds) / 1000
                    asked = ask(data, engine, wanted, numbers, k, left)
                    for number, (milliseconds, found) in zip(numbers, asked, strict=False):
                        cell.milliseconds.append(milliseconds)
                        cell.scores.append(
                            score(data, number, wanted[number], truths[name], k, found)
                        )
        cells += row.values()
        print(f"{name}: measured", flush=True)
    return cells


def ask(
    data: Dataset,
    engine: Engine,
    wanted: Sequence[Filter],
    numbers: range,
    k: int,
    seconds: float,
) -> list[tuple[float, list[int]]]:
    """Milliseconds and products (numbers from 0) of some queries, until the seconds are over."""
    asked = []
    for number in numbers:
        if seconds <= 0:
            break
        began = time.perf_counter()
        found = engine.search(number, data.queries[number], wanted[number], k)
        took = time.perf_counter() - began
        seconds -= took
        asked.append((took * 1000, found))
    return asked


def _rotated(engines: Sequence[Engine], turn: int) -> list[Engine]:
    at = turn % len(engines)
    return [*engines[at:], *engines[:at]]
