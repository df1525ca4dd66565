"""The report as one HTML file that needs nothing else: no script, no network."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vitrine.evaluate.plots import COLOURS, report_plots
from vitrine.evaluate.report import Difference, Report
from vitrine.evaluate.table import difference_text, interval_text

__all__ = ["report_page"]


def report_page(*reports: Report, title: str = "Search quality") -> str:
    """The page of one report or of several; every text in it is escaped, whoever wrote it."""
    template = _environment().from_string(
        files("vitrine.evaluate").joinpath("report.jinja").read_text(encoding="utf-8")
    )
    parts = [_part(number, report) for number, report in enumerate(reports)]
    return template.render(title=title, parts=parts, colours=COLOURS)


def _part(number: int, report: Report) -> dict[str, Any]:
    """What the template needs of one report."""
    main = f"nDCG@{report.k}"
    # The plots are ours and hold no text, only the outlines of letters.
    plots = {
        name: Markup(svg)  # noqa: S704
        for name, svg in _prefixed(report_plots(report), f"r{number}").items()
    }
    headline = [_headline(d) for d in report.whole.measure(main).differences]
    return {"report": report, "main": main, "plots": plots, "headline": headline}


def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"interval": interval_text, "difference": difference_text}
    return environment


def _prefixed(plots: dict[str, str], part: str) -> dict[str, str]:
    """Ids differ between the plots of one page, so that none draws with another's parts."""
    return {
        name: svg.replace('id="', f'id="{part}p{number}-')
        .replace('"#', f'"#{part}p{number}-')
        .replace("url(#", f"url(#{part}p{number}-")
        for number, (name, svg) in enumerate(plots.items())
    }


def _headline(difference: Difference | None) -> str:
    """What a difference means, in words."""
    if difference is None:
        return "nothing to compare"
    return {
        "better": "better: the whole interval lies above 0",
        "worse": "worse: the whole interval lies below 0",
        "undecided": "undecided: the interval holds 0",
    }[difference.verdict]
