"""Exact answers: distinct products over the vectors as stored, and how an answer compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.groups import Array

__all__ = ["Score", "Truth", "find_truth", "score"]

TIE = 1e-4  # similarities this close to the k-th best count as hits
CLOSEST = 20_000  # products that are looked at before all the matching ones are
BLOCK_NUMBERS = 30_000_000  # similarities in memory at once


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Of one filter: how many products match each query's, and the k-th best similarity."""

    matching: Array  # (queries,)
    floors: Mapping[int, Array]  # k → (queries,), the least similarity of a hit


@dataclass(frozen=True, kw_only=True)
class Score:
    """One answer: share of the true products found, rows given, rows that should not be there."""

    recall: float
    rows: int
    missing: int  # rows fewer than match, up to k
    wrong: int  # products that the filter excludes, or given twice


def find_truth(
    data: Dataset, filters: Mapping[str, Sequence[Filter]], ks: Sequence[int]
) -> dict[str, Truth]:
    """The exact answers of every filter and query."""
    count = len(data.queries)
    found = {
        name: Truth(
            matching=np.zeros(count, np.int64),
            floors={k: np.full(count, -np.inf, np.float32) for k in ks},
        )
        for name in filters
    }
    vectors = data.vectors.astype(np.float32)
    block = max(BLOCK_NUMBERS // len(vectors), 1)
    for start in range(0, count, block):
        similarity = data.queries[start : start + block].astype(np.float32) @ vectors.T
        for number, row in enumerate(similarity, start=start):
            best = np.maximum.reduceat(row, data.catalogue.first[:-1])
            _answer_query(data, number, best, filters, found)
    return found


def _answer_query(
    data: Dataset,
    number: int,
    best: Array,
    filters: Mapping[str, Sequence[Filter]],
    found: Mapping[str, Truth],
) -> None:
    """Fill in one query's row of every filter's truth from each product's best similarity."""
    closest = np.argpartition(-best, CLOSEST)[:CLOSEST] if len(best) > CLOSEST else slice(None)
    near = best[closest]
    for name, truth in found.items():
        kept = filters[name][number].mask(data.catalogue)
        truth.matching[number] = matching = np.count_nonzero(kept)
        for k, floors in truth.floors.items():
            wanted = min(k, int(matching))
            among = near[kept[closest]]
            if len(among) < wanted:
                among = best[kept]
            if wanted:
                floors[number] = np.partition(among, -wanted)[-wanted]


def score(
    data: Dataset, number: int, wanted: Filter, truth: Truth, k: int, products: Sequence[int]
) -> Score:
    """Compare an answer (product numbers from 0) with the truth; nothing to find is found."""
    expected = min(k, int(truth.matching[number]))
    distinct = np.unique(np.asarray(products, np.int64))
    kept = distinct[wanted.mask(data.catalogue, distinct)] if len(distinct) else distinct
    query, first = data.queries[number].astype(np.float32), data.catalogue.first
    floor = truth.floors[k][number] - TIE
    hits = sum(
        bool((data.vectors[first[p] : first[p + 1]].astype(np.float32) @ query).max() >= floor)
        for p in kept
    )
    return Score(
        recall=min(hits / expected, 1.0) if expected else 1.0,
        rows=len(products),
        missing=max(expected - len(products), 0),
        wrong=len(products) - len(kept),
    )
