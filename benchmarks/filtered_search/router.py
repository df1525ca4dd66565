"""What Vitrine's router did and expected, beside what is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.truth import Truth
from rich.table import Table

__all__ = ["router_figures", "router_table"]

Explain = Callable[[int, Filter, int], dict[str, Any]]

ASKED = 100  # queries per filter: an explanation is asked for beside what is timed
COLUMNS = {
    "filter": "{}",
    "share": "{:.3%}",
    "estimated_share": "{:.3%}",
    "error_p50": "{:.2f}",
    "error_p95": "{:.2f}",
    "plans": "{}",
    "scanned": "{:,.0f}",
    "compared": "{:,.0f}",
    "again": "{:.0%}",
}


def router_figures(
    explain: Explain,
    filters: Mapping[str, Sequence[Filter]],
    truths: Mapping[str, Truth],
    products: int,
    k: int,
) -> list[dict[str, Any]]:
    """Per filter: plans taken, what they read (p50), and how wrong the estimate was.

    Scanned are sketches, compared are vectors of the last attempt. An error of 2 is an estimate
    twice or half of what is true, one product more than each counted; `again` is the share of the
    queries whose first plan did not find enough.
    """
    return [
        _figures(name, wanted, truths[name], explain, products, k)
        for name, wanted in filters.items()
    ]


def router_table(figures: Sequence[Mapping[str, Any]]) -> Table:
    """The figures as a table; a figure that no query had is left empty."""
    table = Table(*(name.replace("_", " ") for name in COLUMNS), title="Vitrine's router")
    for row in figures:
        cells = [
            form.format(row[name]) if row[name] is not None else ""
            for name, form in COLUMNS.items()
        ]
        table.add_row(*cells)
    return table


def _figures(
    name: str,
    wanted: Sequence[Filter],
    truth: Truth,
    explain: Explain,
    products: int,
    k: int,
) -> dict[str, Any]:
    numbers = range(min(ASKED, len(wanted)))
    said = [explain(number, wanted[number], k) for number in numbers]
    pairs = [  # products that the router expected, and those that match
        (float(one["matching"]) / max(float(one["rows"]), 1) * products, truth.matching[number])
        for number, one in zip(numbers, said, strict=True)
        if "matching" in one and "rows" in one
    ]
    errors = [max((a + 1) / (b + 1), (b + 1) / (a + 1)) for a, b in pairs]
    plans = Counter(str(one["plan"]) for one in said if "plan" in one)
    return {
        "filter": name,
        "share": float(truth.matching.mean()) / products,
        "estimated_share": _middle([a / products for a, _ in pairs]),
        "error_p50": _middle(errors),
        "error_p95": _middle(errors, 95),
        "plans": ", ".join(f"{plan} {count}" for plan, count in plans.most_common()),
        "scanned": _middle([one["scanned"] for one in said if "scanned" in one]),
        "compared": _middle([one["compared"] for one in said if "compared" in one]),
        "again": _middle([one.get("attempts", 1) > 1 for one in said if "plan" in one], None),
    }


def _middle(values: Sequence[float], percent: float | None = 50) -> float | None:
    """A percentile, or the mean for None."""
    if not values:
        return None
    return float(np.mean(values) if percent is None else np.percentile(values, percent))
