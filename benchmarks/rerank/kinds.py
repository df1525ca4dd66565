"""Which new kind of product a household buys next: popularity and what its kinds are bought with.

In numpy, over the same histories: the shop has no function of its own for this.
"""

from __future__ import annotations

import numpy as np
from benchmarks.rerank.histories import Histories
from benchmarks.rerank.measures import Difference, difference, ndcg

__all__ = ["judge_kinds"]

K = 20
PRIOR = 50  # households that would have both kinds by chance, added to those that do
WEIGHT = 0.2  # of what each kind in the history says; they say much the same


def judge_kinds(histories: Histories) -> Difference:
    """nDCG@20 of the kinds not bought before, against popularity alone."""
    kinds = sorted(
        {
            histories.kinds[line.product]
            for line in histories.before
            if line.product in histories.kinds
        }
    )
    households = sorted({line.household for line in histories.before})
    known = np.zeros((len(households), len(kinds)))
    lines = np.zeros(len(kinds))
    row = {name: place for place, name in enumerate(households)}
    column = {name: place for place, name in enumerate(kinds)}
    for line in histories.before:
        if kind := histories.kinds.get(line.product):
            known[row[line.household], column[kind]] = 1
            lines[column[kind]] += 1
    counts = known.sum(0)
    lifts = np.log((known.T @ known + PRIOR) / (np.outer(counts, counts) / len(households) + PRIOR))
    np.fill_diagonal(lifts, 0)
    scores = np.log(np.maximum(counts, 0.5)) + WEIGHT * known @ lifts
    return _compared(histories, households, kinds, known, scores, np.log(np.maximum(lines, 0.5)))


def _compared(
    histories: Histories,
    households: list[str],
    kinds: list[str],
    known: np.ndarray,
    scores: np.ndarray,
    popularity: np.ndarray,
) -> Difference:
    bought: dict[str, set[str]] = {name: set() for name in households}
    for line in histories.after:
        kind = histories.kinds.get(line.product)
        if kind in kinds and line.household in bought:
            bought[line.household].add(str(kind))
    judged: list[tuple[float, float, str]] = []
    for place, household in enumerate(households):
        before = {kinds[n] for n in np.flatnonzero(known[place])}
        if not (relevant := bought[household] - before):
            continue
        found = []
        for ranked in (scores[place], popularity):
            order = np.argsort(-np.where(known[place] > 0, -np.inf, ranked), kind="stable")[:K]
            found.append(ndcg([kinds[n] for n in order], relevant, K))
        judged.append((found[0], found[1], household))
    personal, general, names = zip(*judged, strict=True)
    return difference(personal, general, names)
