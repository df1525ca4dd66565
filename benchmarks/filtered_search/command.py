"""Filtered visual search, measured: recall and milliseconds per filter, engines in turn.

    python -m benchmarks.filtered_search [--dataset sentences] [--rows 100000] [--queries 1000]
    python benchmarks/filtered_search --quick

A data set's vectors get a made-up shop, every engine gets both, and one client asks each of them
the same queries under the same filters. The truth is exact: distinct products over the vectors as
stored, ties counted as hits.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.filtered_search.catalogue import Dataset, make_dataset
from benchmarks.filtered_search.engines import ENGINES, Engine, make_engines
from benchmarks.filtered_search.engines.vitrine_engine import VitrineEngine
from benchmarks.filtered_search.filters import named_filters
from benchmarks.filtered_search.measure import measure
from benchmarks.filtered_search.plans import plan_figures, plan_table
from benchmarks.filtered_search.report import figure_table, markdown, save_plot
from benchmarks.filtered_search.router import router_figures, router_table
from benchmarks.filtered_search.targets import failures, slowness
from benchmarks.filtered_search.truth import find_truth
from benchmarks.filtered_search.vectors import DATASETS, make_vectors
from benchmarks.filtered_search.workplace import Workplace, open_workplace
from platformdirs import user_cache_path
from rich.console import Console

__all__ = ["main"]

QUICK = {"dataset": "clusters", "rows": 10_000, "queries": 20, "dimension": 64, "k": [10, 24]}
QUICK_ENGINES = ["vitrine", "pgvector", "pgvector-strict", "pgvector-relaxed", "pgvector-exact"]


def main(arguments: Sequence[str] | None = None) -> None:
    args = _arguments(arguments)
    vectors, queries = make_vectors(
        args.dataset, args.rows, args.queries, args.cache, args.dimension
    )
    name = f"{args.dataset}-pictures" if args.pictures else args.dataset
    data = make_dataset(name, vectors, queries, several_pictures=args.pictures)
    with open_workplace(args.keep, args.postgres, rebuild=args.rebuild) as place:
        report = _run(args, data, place)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    _show(args, report)
    missed = failures(report["figures"])
    for line in missed:
        print(f"missed: {line}")
    for line in slowness(report["figures"], len(data.vectors), report["plans"]):
        print(f"slow: {line}")
    if args.quick and missed:
        raise SystemExit(1)


def _run(args: argparse.Namespace, data: Dataset, place: Workplace) -> dict[str, Any]:
    """Everything that was measured, ready for JSON."""
    engines = make_engines(args.engines, place)
    builds = {engine.name: _build(engine, data) for engine in engines}
    filters = named_filters(data.catalogue, data.queries)
    if args.filters:
        filters = {name: filters[name] for name in args.filters}
    truths = find_truth(data, filters, args.k)
    cells = measure(data, engines, filters, truths, args.k, args.patience)
    shop = data.catalogue
    router = [
        router_figures(engine.explain, filters, truths, shop.products, args.k[0])
        for engine in engines
        if hasattr(engine, "explain")
    ]
    return {
        "title": f"{data.name}: {len(data.vectors):,} pictures of {shop.products:,} products, "
        f"{data.dimension} dimensions, {len(data.queries):,} queries per filter",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, PostgreSQL {args.postgres}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "build_seconds": builds,
        "figures": [cell.figures() for cell in cells if cell.scores],
        "router": [row for rows in router for row in rows],
        "plans": [
            row
            for engine in engines
            if args.plans and isinstance(engine, VitrineEngine)
            for row in plan_figures(engine, data, filters, truths, args.k[0])
        ],
    }


def _build(engine: Engine, data: Dataset) -> dict[str, float]:
    seconds = engine.build(data)
    steps = ", ".join(f"{step} {took:.1f}" for step, took in seconds.items())
    print(f"{engine.name}: built in {sum(seconds.values()):.1f} s ({steps})", flush=True)
    return seconds


def _show(args: argparse.Namespace, report: dict[str, Any]) -> None:
    """Tables on the terminal; the Markdown and the plot where files were asked for."""
    title, figures = report["title"], report["figures"]
    console = Console()
    console.width = max(console.width, 120, 40 + 20 * len(report["build_seconds"]))
    for k in args.k:
        console.print(figure_table(figures, k, title))
    print("a cell: p50 (p95) milliseconds; mean recall, worst query's; rows where too few")
    if report["router"]:
        console.print(router_table(report["router"]))
    if report["plans"]:
        console.print(plan_table(report["plans"]))
    if args.markdown:
        parts = [f"{title}; {report['machine']}, {report['date']}\n"]
        parts += [f"k = {k}:\n\n{markdown(figures, k)}" for k in args.k]
        args.markdown.write_text("\n".join(parts))
    if args.plot:
        save_plot(figures, f"{title}\n{report['machine']}, {report['date']}", args.plot)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="filtered_search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="under a minute; fails where Vitrine misses recall")
    add("--dataset", choices=list(DATASETS), default="sentences")
    add("--rows", type=int, default=100_000, help="vectors, one picture each")
    add("--queries", type=int, default=1_000, help="per filter")
    add("--k", type=int, nargs="+", default=[10, 24])
    add("--engines", type=_names(ENGINES), default=list(ENGINES), help=", ".join(ENGINES))
    add("--filters", type=lambda text: text.split(";"), help="some of them, split by ;")
    add("--pictures", action="store_true", help="some products own two or three pictures")
    add("--dimension", type=int, default=384, help="of clusters")
    add("--plans", action="store_true", help="also each of Vitrine's plans alone")
    add("--patience", type=float, default=60.0, help="seconds for an engine, a filter and a k")
    add("--postgres", type=int, default=18)
    add("--cache", type=Path, default=user_cache_path("vitrine") / "benchmarks")
    add("--keep", type=Path, help="a folder in which the engines stay built for the next run")
    add("--rebuild", action="store_true", help="build again what is kept")
    add("--json", type=Path, help="a file for all figures")
    add("--markdown", type=Path, help="a file for the tables")
    add("--plot", type=Path, help="a file for the plot, for example plot.svg")
    given = parser.parse_args(arguments)
    if given.quick:
        parser.set_defaults(**QUICK, engines=QUICK_ENGINES)
        given = parser.parse_args(arguments)
    return given


def _names(known: Sequence[str] | dict[str, Any]) -> Any:
    """A reader of names split by commas, which must all be known."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return read
