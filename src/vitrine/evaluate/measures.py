"""Measures of one answer beside what is relevant; ir-measures computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ir_measures
import numpy as np
from ir_measures import AP, RR, IPrec, P, R, Success, nDCG
from numpy.typing import NDArray

from vitrine.evaluate.answering import Answer

__all__ = ["GRID", "Numbers", "precision_at_recall", "ranked_measures", "relevant_at", "roc"]

Numbers = NDArray[np.float64]
Grades = Mapping[str, int]
GRID: Numbers = np.linspace(0, 1, 101)
RECALLS = tuple(place / 10 for place in range(11))


def ranked_measures(
    grades: Sequence[Grades], answers: Sequence[Answer], k: int
) -> dict[str, Numbers]:
    """Each measure of each case, in the order of the cases.

    MRR, MAP and ROC AUC look at the whole list; what was not listed counts as ranked below it,
    in no order. Accuracy is the share of all matching products on the right side of the line
    below position k.
    """
    asked = [nDCG @ k, RR, AP, P @ k, R @ k, Success @ k]
    found = _by_library(grades, answers, asked)
    precision, recall = found[str(P @ k)], found[str(R @ k)]
    both = precision + recall
    return {
        f"nDCG@{k}": found[str(nDCG @ k)],
        "MRR": found[str(RR)],
        "MAP": found[str(AP)],
        f"precision@{k}": precision,
        f"recall@{k}": recall,
        f"F1@{k}": 2 * precision * recall / np.where(both > 0, both, 1.0),
        f"hit rate@{k}": found[str(Success @ k)],
        f"accuracy@{k}": np.array(
            [_accuracy(g, a, k) for g, a in zip(grades, answers, strict=True)]
        ),
        "ROC AUC": np.array([_area(g, a) for g, a in zip(grades, answers, strict=True)]),
    }


def precision_at_recall(grades: Sequence[Grades], answers: Sequence[Answer]) -> Numbers:
    """Cases × 11 recalls from 0 to 1: the best precision at that recall or beyond."""
    asked = [IPrec @ recall for recall in RECALLS]
    found = _by_library(grades, answers, asked)
    return np.stack([found[str(measure)] for measure in asked], axis=1)


def roc(grades: Sequence[Grades], answers: Sequence[Answer]) -> Numbers:
    """Cases × the grid of false positive rates: the true positive rates, NaN where undefined."""
    curves = np.full((len(grades), len(GRID)), np.nan)
    for place, (judged, answer) in enumerate(zip(grades, answers, strict=True)):
        relevant, others = _rates(judged, answer)
        if relevant is not None and others is not None:
            curves[place] = np.interp(GRID, others, relevant)
    return curves


def relevant_at(grades: Sequence[Grades], answers: Sequence[Answer], k: int) -> Numbers:
    """Cases × positions 1 to k: whether the product there is relevant; NaN beyond the end."""
    found = np.full((len(grades), k), np.nan)
    for place, (judged, answer) in enumerate(zip(grades, answers, strict=True)):
        hits = [float(judged.get(key, 0) > 0) for key in answer.keys[:k]]
        found[place, : len(hits)] = hits
    return found


def _by_library(
    grades: Sequence[Grades], answers: Sequence[Answer], asked: Sequence[ir_measures.Measure]
) -> dict[str, Numbers]:
    """The values of the library's measures by their names, in the order of the cases."""
    judged = [
        ir_measures.Qrel(str(number), key, grade)
        for number, judged in enumerate(grades)
        for key, grade in judged.items()
    ]
    run = [
        ir_measures.ScoredDoc(str(number), key, -float(place))
        for number, answer in enumerate(answers)
        for place, key in enumerate(answer.keys)
    ]
    values = {str(measure): np.zeros(len(grades)) for measure in asked}
    for metric in ir_measures.iter_calc(asked, judged, run):
        values[str(metric.measure)][int(metric.query_id)] = metric.value
    return values


def _accuracy(judged: Grades, answer: Answer, k: int) -> float:
    shown = answer.keys[:k]
    found = sum(judged.get(key, 0) > 0 for key in shown)
    relevant = sum(grade > 0 for grade in judged.values())
    total = max(answer.total, len(shown) + relevant - found)
    wrong = (len(shown) - found) + (relevant - found)
    return 1 - wrong / total if total else 0.0


def _area(judged: Grades, answer: Answer) -> float:
    relevant, others = _rates(judged, answer)
    if relevant is None or others is None:
        return float("nan")
    return float(np.trapezoid(relevant, others))


def _rates(judged: Grades, answer: Answer) -> tuple[Numbers | None, Numbers | None]:
    """The shares of relevant and of all other products found so far, from 0 to 1 down the list.

    What was not listed comes in one last step: in no order, so halfway on the average. None where
    there is no such product.
    """
    wanted = sum(grade > 0 for grade in judged.values())
    hits = np.array([judged.get(key, 0) > 0 for key in answer.keys], dtype=np.float64)
    unwanted = max(answer.total, len(hits) + wanted - int(hits.sum())) - wanted
    found = np.concatenate([[0.0], np.cumsum(hits), [wanted]])
    passed = np.concatenate([[0.0], np.cumsum(1 - hits), [unwanted]])
    return found / wanted if wanted else None, passed / unwanted if unwanted else None
