"""Measures of answers beside judgements, and how sure their means are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np
from benchmarks.relevance.judgements import Query
from ir_measures import nDCG
from numpy.typing import NDArray
from scipy.stats import bootstrap

__all__ = ["Interval", "interval", "interval_of_groups", "ndcg"]

RESAMPLES = 4_000


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds between which 95 of 100 resamples have theirs."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def ndcg(queries: Sequence[Query], answers: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """nDCG@10 of each query's answer, which lists keys of products, the best first."""
    names = [str(number) for number in range(len(queries))]
    judged = [
        ir_measures.Qrel(name, key, grade)
        for name, query in zip(names, queries, strict=True)
        for key, grade in query.grades.items()
    ]
    run = [
        ir_measures.ScoredDoc(name, key, -float(place))
        for name, answer in zip(names, answers, strict=True)
        for place, key in enumerate(answer)
    ]
    found = {m.query_id: m.value for m in ir_measures.iter_calc([nDCG @ 10], judged, run)}
    return np.array([found.get(name, 0.0) for name in names])


def interval(values: NDArray[np.float64], seed: int = 0) -> Interval:
    """The mean over queries, and its interval by resampling queries."""
    return interval_of_groups(values, range(len(values)), seed)


def interval_of_groups(
    values: NDArray[np.float64], groups: Sequence[object], seed: int = 0
) -> Interval:
    """The same where values of one group (a style) rise and fall together: groups are resampled."""
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    member = np.array([places[group] for group in groups])
    sums = np.bincount(member, weights=values)
    counts = np.bincount(member)
    if len(places) < 2:
        return Interval(float(values.mean()), float(values.mean()), float(values.mean()))

    def mean(some: NDArray[np.intp], axis: int = -1) -> NDArray[np.float64]:
        resampled: NDArray[np.float64] = sums[some].sum(axis) / counts[some].sum(axis)
        return resampled

    bounds = bootstrap(
        (np.arange(len(places)),),
        mean,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(values.mean()), float(bounds.low), float(bounds.high))
