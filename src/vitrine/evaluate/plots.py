"""The report's plots as SVG: no display, no network, and no text that is read as markup."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vitrine.evaluate.report import Curve, Report, Section

__all__ = ["COLOURS", "report_plots"]

# Distinct for readers who do not see all colours (Okabe and Ito 2008), the first one quiet.
COLOURS = ("#6b7280", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
INK, QUIET, GRID_LINE = "#1f2937", "#6b7280", "#e5e7eb"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID_LINE,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "svg.fonttype": "path",
    "svg.hashsalt": "report",
}
SIZE = (5.2, 3.5)


def report_plots(report: Report) -> dict[str, str]:
    """Each plot by its title."""
    with mpl.rc_context(STYLE):
        main = f"nDCG@{report.k}"
        plots = {
            "Precision and recall": _precision_recall(report.curve("precision and recall")),
            "ROC": _roc(report.curve("ROC")),
            "Relevant by position": _by_position(report.curve("by position"), report.listed),
        }
        histories = report.of_kind("history")
        if histories:
            title = f"{main} by events before the cut"
            plots[title] = _by_group(histories, main)
        return plots


def _precision_recall(curve: Curve) -> str:
    figure, axes = _figure("recall", "precision")
    _lines(axes, curve, band=True)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    return _svg(figure)


def _roc(curve: Curve) -> str:
    figure, axes = _figure("false positive rate", "true positive rate")
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    _lines(axes, curve, band=True)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return _svg(figure)


def _by_position(curve: Curve, listed: str) -> str:
    figure, axes = _figure("position", f"share of relevant {listed}")
    _lines(axes, curve, band=True, marker="o")
    axes.set_xticks([int(x) for x in curve.x if len(curve.x) <= 12 or int(x) % 5 == 0])
    axes.set_ylim(bottom=0)
    return _svg(figure)


def _by_group(sections: Sequence[Section], main: str) -> str:
    figure, axes = _figure("events of the shopper before the cut", main)
    count = len(sections[0].measure(main).values)
    for number in range(count):
        found = [section.measure(main).values[number] for section in sections]
        shift = (number - (count - 1) / 2) * 0.14
        places = [place + shift for place, one in enumerate(found) if one is not None]
        known = [one for one in found if one is not None]
        axes.errorbar(
            places,
            [one.mean for one in known],
            yerr=[
                [one.mean - one.low for one in known],
                [one.high - one.mean for one in known],
            ],
            fmt="o",
            color=COLOURS[number],
            markersize=5.5,
            linewidth=1.6,
            capsize=0,
        )
    axes.set_xticks(
        range(len(sections)), [f"{section.name}\n{section.cases:,} cases" for section in sections]
    )
    axes.set_xlim(-0.5, len(sections) - 0.5)
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
    return _svg(figure)


def _figure(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.tick_params(length=0)
    return figure, axes


def _lines(axes: Axes, curve: Curve, *, band: bool, marker: str = "") -> None:
    for number, line in enumerate(curve.lines):
        colour = COLOURS[number]
        axes.plot(curve.x, line, color=colour, linewidth=2, marker=marker, markersize=4)
        if band and curve.bounds:
            low, high = zip(*curve.bounds[number], strict=True)
            axes.fill_between(curve.x, low, high, color=colour, alpha=0.13, linewidth=0)


def _svg(figure: Figure) -> str:
    """The figure as an element of a page: no prolog, no namespaces, as wide as its place."""
    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    text = written.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    return re.sub(r' width="[^"]*pt"| height="[^"]*pt"', "", text, count=2)
