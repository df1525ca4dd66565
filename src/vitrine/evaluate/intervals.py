"""How sure a mean is: intervals by resampling shoppers, whose cases rise and fall together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import QueryError
from vitrine.evaluate.measures import Numbers

__all__ = ["RESAMPLES", "Interval", "check_seed", "resampled_means"]

RESAMPLES = 2_000
CHUNK = 100
BOUNDS = (2.5, 97.5)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over cases, and the bounds between which 95 of 100 resamples have theirs."""

    mean: float
    low: float
    high: float


def check_seed(seed: int) -> None:
    """Refuse what numpy's generators would, before there is anything to resample."""
    if seed < 0:
        raise QueryError(f"the seed is {seed}: give a whole number, 0 or more")


def resampled_means(
    values: Numbers, shoppers: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Interval | None]:
    """The mean of each column of cases × columns with its interval; None where all are NaN.

    Percentile bootstrap over shoppers (Efron and Tibshirani 1993, ch. 13): each resample draws as
    many shoppers as there are, with replacement, and takes all cases of each. All columns see the
    same resamples, so a column of differences is a paired comparison. One shopper has no interval:
    its bounds are the mean.
    """
    places = {shopper: place for place, shopper in enumerate(dict.fromkeys(shoppers))}
    member = np.array([places[shopper] for shopper in shoppers], dtype=np.intp)
    known = ~np.isnan(values)
    sums = _by_shopper(np.where(known, values, 0.0), member, len(places))
    counts = _by_shopper(known.astype(np.float64), member, len(places))
    means = _means(_drawn(sums, counts, len(places), seed, resamples))
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = sums.sum(axis=0) / counts.sum(axis=0)
    low, high = _percentiles(means)
    low, high = np.minimum(low, whole), np.maximum(high, whole)
    return [
        None
        if np.isnan(mean)
        else Interval(mean=float(mean), low=float(low[i]), high=float(high[i]))
        for i, mean in enumerate(whole)
    ]


def _by_shopper(values: Numbers, member: NDArray[np.intp], shoppers: int) -> Numbers:
    total = np.zeros((shoppers, values.shape[1]))
    np.add.at(total, member, values)
    return total


def _drawn(
    sums: Numbers, counts: Numbers, shoppers: int, seed: int, resamples: int
) -> tuple[Numbers, Numbers]:
    """Sums and counts of each resample (resamples × columns)."""
    rng = np.random.default_rng(seed)
    drawn_sums, drawn_counts = [], []
    for first in range(0, resamples, CHUNK):
        rows = min(CHUNK, resamples - first)
        picks = rng.integers(0, shoppers, size=(rows, shoppers))
        picks += np.arange(rows)[:, None] * shoppers
        times = np.bincount(picks.ravel(), minlength=rows * shoppers).reshape(rows, shoppers)
        drawn_sums.append(times @ sums)
        drawn_counts.append(times @ counts)
    return np.concatenate(drawn_sums), np.concatenate(drawn_counts)


def _means(drawn: tuple[Numbers, Numbers]) -> Numbers:
    sums, counts = drawn
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Numbers = sums / np.where(counts > 0, counts, np.nan)
    return means


def _percentiles(means: Numbers) -> Numbers:
    """The bounds of each column; a resample without a value of a column does not count for it."""
    empty = np.isnan(means).all(axis=0)
    bounds: Numbers = np.nanpercentile(np.where(empty, 0.0, means), BOUNDS, axis=0)
    return bounds
