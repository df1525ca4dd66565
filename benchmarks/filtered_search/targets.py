"""What Vitrine promises of filtered search, and where the figures miss it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["failures", "slowness"]

Row = Mapping[str, Any]

LEAST_MEAN, LEAST_WORST = 0.98, 0.7  # recall
MOST_MS = {100_000: 8.0, 1_000_000: 30.0}  # p95, for up to so many pictures
SCANS, SCAN_MS, TIMES = ("pgvector-strict", "pgvector-relaxed"), 10.0, 5.0


def failures(figures: Sequence[Row]) -> list[str]:
    """Where answers are not good enough: recall, k rows whenever k match, no wrong row."""
    return [
        f"{_name(row)}: mean recall {row['recall']:.3f}, worst {row['worst']:.2f}, "
        f"{row['short_queries']} answers too short, {row['wrong_rows']} wrong rows"
        for row in figures
        if row["engine"] == "vitrine"
        and (
            row["recall"] < LEAST_MEAN
            or row["worst"] < LEAST_WORST
            or row["short_queries"]
            or row["wrong_rows"]
        )
    ]


def slowness(figures: Sequence[Row], pictures: int, plans: Sequence[Row] = ()) -> list[str]:
    """Where it is slower than promised, by itself or beside an engine of the same run.

    Engines count where their recall is no higher than Vitrine's, which is what they are slower or
    quicker at; plain pgvector's iterative scans where they need over 10 ms.
    """
    by_place = {(row["engine"], row["filter"], row["k"]): row for row in figures}
    ours = [row for row in figures if row["engine"] == "vitrine"]
    slow = [line for row in ours for line in _slow(row, by_place, pictures)]
    return slow + [
        f"{_name(row)}: {row['chosen_ms']:.1f} ms by the router, {row['bound_ms']:.1f} would do"
        for row in plans
        if row["bound_ms"] is not None and row["chosen_ms"] > row["bound_ms"]
    ]


def _slow(ours: Row, by_place: Mapping[tuple[str, str, int], Row], pictures: int) -> Iterator[str]:
    most = next((ms for rows, ms in MOST_MS.items() if pictures <= rows), None)
    if most is not None and ours["p95_ms"] > most:
        yield f"{_name(ours)}: p95 {ours['p95_ms']:.1f} ms, the target is {most:g}"
    lance = by_place.get(("lancedb", ours["filter"], ours["k"]))
    if lance and ours["recall"] >= lance["recall"] and ours["p50_ms"] > lance["p50_ms"]:
        yield f"{_name(ours)}: {ours['p50_ms']:.1f} ms, lancedb {lance['p50_ms']:.1f}"
    for engine in SCANS:
        scan = by_place.get((engine, ours["filter"], ours["k"]))
        if scan and scan["p50_ms"] > SCAN_MS and scan["recall"] <= ours["recall"]:
            times = scan["p50_ms"] / ours["p50_ms"]
            if times < TIMES:
                yield f"{_name(ours)}: {times:.1f} times as fast as {engine}, the target is 5"


def _name(row: Row) -> str:
    return f"{row['filter']}, k {row['k']}"
