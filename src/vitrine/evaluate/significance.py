"""Tests of a difference between two groups of shoppers, fixed in time or valid whenever looked at.

scipy computes the tests; the always-valid bound is the mixture sequential test of Johari, Koomen,
Pekelis and Walsh (2017), which is written out here because no library that we know keeps it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vitrine.evaluate.measures import Numbers

__all__ = [
    "Comparison",
    "Preference",
    "always_valid",
    "compare_means",
    "compare_shares",
    "prefer",
    "sample_ratio",
]

ALPHA = 0.05
# The prior of the mixture: effects of about a tenth of a standard deviation are looked for, and
# of three tenths between interleaved answers, which differ more and need fewer shoppers.
MIXTURE, MIXTURE_INTERLEAVED = 0.1, 0.3
RESAMPLES = 2_000
MOST_RESAMPLED = 20_000


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A second group's mean less the first's.

    `p` and the bounds hold for one look at a moment that was fixed before; `always_p` and its
    bounds for any number of looks. `bootstrap` are bounds by resampling shoppers (None: too many).
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    always_low: float
    always_high: float
    always_p: float
    bootstrap: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Preference:
    """Of shoppers who chose more of one team: how many prefer each; `p` by the exact binomial."""

    first: int
    second: int
    ties: int
    p: float
    always_p: float
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share of those with a preference who prefer the second."""
        decided = self.first + self.second
        return self.second / decided if decided else 0.5


def compare_shares(first: Numbers, second: Numbers) -> Comparison:
    """Two proportions of 0s and 1s: chi-square, or Fisher's exact test where counts are small."""
    table = np.array(
        [[group.sum(), len(group) - group.sum()] for group in (first, second)], dtype=np.float64
    )
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    if (table.sum(axis=0) == 0).any():
        p = 1.0
    elif (expected < 5).any():
        p = float(stats.fisher_exact(table.astype(np.int64)).pvalue)
    else:
        p = float(stats.chi2_contingency(table, correction=False).pvalue)
    return _compared(first, second, p)


def compare_means(first: Numbers, second: Numbers, *, seed: int = 0) -> Comparison:
    """Two means: Welch's test, and bounds by resampling where sums are skewed."""
    spread = float(first.var() + second.var())
    p = float(stats.ttest_ind(second, first, equal_var=False).pvalue) if spread > 0 else 1.0
    resampled = None
    if spread > 0 and max(len(first), len(second)) <= MOST_RESAMPLED:
        found = stats.bootstrap(
            (second, first),
            lambda b, a, axis: b.mean(axis=axis) - a.mean(axis=axis),
            n_resamples=RESAMPLES,
            method="percentile",
            batch=100,
            rng=np.random.default_rng(seed),
        ).confidence_interval
        resampled = (float(found.low), float(found.high))
    return _compared(first, second, p, resampled)


def always_valid(
    difference: float, variance: float, deviation: float, mixture: float = MIXTURE
) -> tuple[float, float, float]:
    """Bounds and p of a difference that hold at every look, by a normal mixture over effects.

    `variance` is that of the difference, `deviation` that of one shopper. Under no effect the
    chance that p ever falls under 0.05 is at most 0.05, as far as means are normal.
    """
    if variance <= 0:
        return difference, difference, 1.0
    mixed = (mixture * deviation) ** 2
    ratio = (variance + mixed) / variance
    evidence = mixed * difference**2 / (2 * variance * (variance + mixed))
    p = min(1.0, math.sqrt(ratio) * math.exp(-min(evidence, 700.0)))
    half = math.sqrt(
        variance * (variance + mixed) / mixed * (math.log(ratio) + 2 * math.log(1 / ALPHA))
    )
    return difference - half, difference + half, p


def prefer(first: Numbers, second: Numbers) -> Preference:
    """Choices of each team by shopper: who prefers which, against a fair coin."""
    wins, losses = int((second > first).sum()), int((second < first).sum())
    decided = wins + losses
    if decided == 0:
        return Preference(first=0, second=0, ties=len(first), p=1.0, always_p=1.0, low=0, high=1)
    test = stats.binomtest(wins, decided)
    bounds = test.proportion_ci(method="wilson")
    always_p = always_valid(wins / decided - 0.5, 0.25 / decided, 0.5, MIXTURE_INTERLEAVED)[2]
    return Preference(
        first=losses,
        second=wins,
        ties=len(first) - decided,
        p=float(test.pvalue),
        always_p=always_p,
        low=float(bounds.low),
        high=float(bounds.high),
    )


def sample_ratio(counts: Numbers, shares: Numbers) -> float:
    """P that groups of these sizes come of these shares; small: somebody is missing in one."""
    if counts.sum() == 0:
        return 1.0
    return float(stats.chisquare(counts, counts.sum() * shares / shares.sum()).pvalue)


def _compared(
    first: Numbers, second: Numbers, p: float, resampled: tuple[float, float] | None = None
) -> Comparison:
    difference = float(second.mean() - first.mean())
    variances = [float(group.var(ddof=1)) if len(group) > 1 else 0.0 for group in (first, second)]
    variance = variances[0] / len(first) + variances[1] / len(second)
    half = float(stats.norm.ppf(1 - ALPHA / 2)) * math.sqrt(variance)
    deviation = math.sqrt(sum(variances) / 2)
    always_low, always_high, always_p = always_valid(difference, variance, deviation)
    return Comparison(
        first=float(first.mean()),
        second=float(second.mean()),
        difference=difference,
        low=difference - half,
        high=difference + half,
        p=p,
        always_low=always_low,
        always_high=always_high,
        always_p=always_p,
        bootstrap=resampled,
    )
