"""Vitrine's router beside each of its plans alone, in the same run and by the same search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.engines.vitrine_engine import VitrineEngine
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.measure import ask
from benchmarks.filtered_search.truth import Truth, score
from rich.table import Table

__all__ = ["PLANS", "plan_figures", "plan_table"]

CHOSEN = ""  # by the router
PLANS = ("districts", "cells", "prices", "terms")
ASKED, BLOCK = 40, 10  # queries per filter, and between two turns
EQUAL = 0.005  # of recall
TIMES, MORE_MS = 1.2, 0.5  # what a router may cost beside the best plan

COLUMNS = {
    "filter": "{}",
    "chosen_ms": "{:.1f}",
    "chosen_recall": "{:.3f}",
    **{f"{plan}_ms": "{:.1f}" for plan in PLANS},
    **{f"{plan}_recall": "{:.3f}" for plan in PLANS},
    "bound_ms": "{:.1f}",
}


def plan_figures(
    engine: VitrineEngine,
    data: Dataset,
    filters: Mapping[str, Sequence[Filter]],
    truths: Mapping[str, Truth],
    k: int,
) -> list[dict[str, Any]]:
    """Per filter: p50 milliseconds and mean recall of the router and of each plan that serves.

    `bound_ms` is 1.2 times the quickest plan of at least the router's recall (less 0.005), and half
    a millisecond.
    """
    with engine.plans_by_hand():
        return [
            _figures(engine, data, name, wanted[:ASKED], truths[name], k)
            for name, wanted in filters.items()
        ]


def plan_table(figures: Sequence[Mapping[str, Any]]) -> Table:
    """The figures as a table; a plan that cannot serve a filter is left empty."""
    table = Table(
        *(name.replace("_", " ") for name in COLUMNS), title="Vitrine's plans, one by one"
    )
    for row in figures:
        table.add_row(*(
            form.format(row[name]) if row.get(name) is not None else ""
            for name, form in COLUMNS.items()
        ))  # fmt: skip
    return table


def _figures(
    engine: VitrineEngine,
    data: Dataset,
    name: str,
    wanted: Sequence[Filter],
    truth: Truth,
    k: int,
) -> dict[str, Any]:
    plans = [CHOSEN, *(plan for plan in PLANS if engine.serves(plan, wanted[0], k))]
    took: dict[str, list[float]] = {plan: [] for plan in plans}
    recall: dict[str, list[float]] = {plan: [] for plan in plans}
    for start in range(0, len(wanted), BLOCK):
        numbers = range(start, min(start + BLOCK, len(wanted)))
        for plan in plans[:: 1 if start // BLOCK % 2 else -1]:
            engine.force(plan)
            ask(data, engine, wanted, numbers, k, seconds=60)  # its pages, into the caches
            asked = ask(data, engine, wanted, numbers, k, seconds=60)
            for number, (milliseconds, found) in zip(numbers, asked, strict=False):
                took[plan].append(milliseconds)
                recall[plan].append(score(data, number, wanted[number], truth, k, found).recall)
    row: dict[str, Any] = {"filter": name, "k": k}
    for plan in plans:
        row[f"{plan or 'chosen'}_ms"] = float(np.median(took[plan]))
        row[f"{plan or 'chosen'}_recall"] = float(np.mean(recall[plan]))
    as_good = [
        row[f"{plan}_ms"]
        for plan in plans
        if plan and row[f"{plan}_recall"] >= row["chosen_recall"] - EQUAL
    ]
    row["bound_ms"] = TIMES * min(as_good) + MORE_MS if as_good else None
    return row
