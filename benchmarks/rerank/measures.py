"""nDCG of rankings, and how sure the difference between two is, over households."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np

__all__ = ["Difference", "difference", "ndcg"]

RESAMPLES = 4_000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two means over the same cases; the relative difference with the interval of 95 %."""

    cases: int
    mean: float
    baseline: float
    low: float
    high: float

    @property
    def relative(self) -> float:
        """Of the mean to the baseline."""
        return self.mean / self.baseline - 1

    def __str__(self) -> str:
        return (
            f"{self.mean:.4f} against {self.baseline:.4f}: {self.relative:+.1%} "
            f"[{self.low:+.1%}, {self.high:+.1%}], {self.cases:,} cases"
        )


def ndcg(ranking: Iterable[str], relevant: Set[str], k: int) -> float:
    """Of the first k; all that is relevant is equally so."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gained = sum(
        discount for discount, item in zip(discounts, ranking, strict=False) if item in relevant
    )
    return float(gained / discounts[: len(relevant)].sum())


def difference(
    values: Sequence[float], baselines: Sequence[float], households: Sequence[str], seed: int = 0
) -> Difference:
    """Resample households, whose cases rise and fall together."""
    places = {household: place for place, household in enumerate(dict.fromkeys(households))}
    member = [places[household] for household in households]
    sums = np.array([np.bincount(member, values), np.bincount(member, baselines)])
    drawn = np.random.default_rng(seed).multinomial(
        len(places), np.full(len(places), 1 / len(places)), size=RESAMPLES
    )
    means = drawn @ sums.T
    low, high = np.quantile(means[:, 0] / means[:, 1] - 1, [0.025, 0.975])
    return Difference(
        cases=len(values),
        mean=float(np.mean(values)),
        baseline=float(np.mean(baselines)),
        low=float(low),
        high=float(high),
    )
