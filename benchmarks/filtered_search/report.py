"""The figures as tables on the terminal and in Markdown, and the plot of recall over latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

__all__ = ["figure_table", "markdown", "save_plot"]

Figures = Sequence[Mapping[str, Any]]

MARKERS = "osD^v<>Pp*hXd8H1234+x"


def figure_table(figures: Figures, k: int, title: str) -> Table:
    """Filters by engines: p50 (p95) in milliseconds, mean recall, the worst query's recall."""
    engines = _engines(figures)
    table = Table("filter keeps", *engines, title=f"{title}, k = {k}", show_lines=True)
    for heading, cells in _rows(figures, k):
        table.add_row(heading, *(_cell(cells[e], "\n") if e in cells else "" for e in engines))
    return table


def markdown(figures: Figures, k: int) -> str:
    """The same table in Markdown."""
    engines = _engines(figures)
    lines = [f"| filter keeps | {' | '.join(engines)} |", "|---" * (len(engines) + 1) + "|"]
    for heading, cells in _rows(figures, k):
        shown = (_cell(cells[e], ", ") if e in cells else "" for e in engines)
        lines.append(f"| {heading} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def save_plot(figures: Figures, title: str, file: Path) -> None:
    """Recall over p50 milliseconds: a colour per engine, a marker per filter, a panel per k."""
    figures = [row for row in figures if row["share"]]  # nothing to find says nothing of recall
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    ks = sorted({row["k"] for row in figures})
    engines, filters = _engines(figures), list(dict.fromkeys(row["filter"] for row in figures))
    colours = {name: f"C{number}" for number, name in enumerate(engines)}
    figure, panels = pyplot.subplots(1, len(ks), figsize=(6 * len(ks) + 3, 6), squeeze=False)
    for k, panel in zip(ks, panels[0], strict=True):
        for row in (r for r in figures if r["k"] == k):
            marker = MARKERS[filters.index(row["filter"]) % len(MARKERS)]
            panel.scatter(row["p50_ms"], row["recall"], color=colours[row["engine"]], marker=marker)
        panel.set(xscale="log", xlabel="milliseconds, p50", ylabel=f"mean recall@{k}")
        panel.set_title(f"k = {k}")
        panel.grid(alpha=0.3)
    handles = [
        Line2D([], [], color=colours[e], marker="o", linestyle="", label=e) for e in engines
    ] + [
        Line2D([], [], color="black", marker=MARKERS[n % len(MARKERS)], linestyle="", label=f)
        for n, f in enumerate(filters)
    ]
    figure.suptitle(title)
    figure.legend(handles=handles, loc="center right", fontsize="small")
    figure.tight_layout(rect=(0, 0, 1 - 2.8 / (6 * len(ks) + 3), 1))
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    pyplot.close(figure)


def _engines(figures: Figures) -> list[str]:
    return list(dict.fromkeys(row["engine"] for row in figures))


def _rows(figures: Figures, k: int) -> list[tuple[str, dict[str, Mapping[str, Any]]]]:
    """Per filter its name with the real share, and each engine's figures."""
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in (r for r in figures if r["k"] == k):
        heading = f"{row['filter']} ({row['share']:.2%})"
        rows.setdefault(heading, {})[row["engine"]] = row
    return list(rows.items())


def _cell(row: Mapping[str, Any], between: str) -> str:
    shown = (
        f"{row['p50_ms']:.1f} ({row['p95_ms']:.1f}) ms{between}"
        f"{row['recall']:.3f}, {row['worst']:.2f}"
    )
    if row["short_queries"]:
        shown += f"{between}{row['rows']:.1f} rows"
    if row["wrong_rows"]:
        shown += f"{between}{row['wrong_rows']} WRONG"
    return shown
