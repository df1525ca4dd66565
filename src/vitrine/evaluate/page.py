"""The report as one HTML file that needs nothing else: no script, no network."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vitrine.evaluate.plots import COLOURS, report_plots
from vitrine.evaluate.report import Difference, Report
from vitrine.evaluate.table import difference_text, interval_text

__all__ = ["report_page"]


def report_page(report: Report) -> str:
    """The page; every text in it is escaped, whoever wrote it."""
    template = _environment().from_string(
        files("vitrine.evaluate").joinpath("report.jinja").read_text(encoding="utf-8")
    )
    # The plots are ours and hold no text, only the outlines of letters.
    plots = {name: Markup(svg) for name, svg in _prefixed(report_plots(report)).items()}  # noqa: S704
    return template.render(
        report=report,
        main=f"nDCG@{report.k}",
        plots=plots,
        colours=COLOURS,
        headline=[_headline(d) for d in report.whole.measure(f"nDCG@{report.k}").differences],
    )


def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"interval": interval_text, "difference": difference_text}
    return environment


def _prefixed(plots: dict[str, str]) -> dict[str, str]:
    """Ids differ between the plots of one page, so that none draws with another's parts."""
    return {
        name: svg.replace('id="', f'id="p{number}-')
        .replace('"#', f'"#p{number}-')
        .replace("url(#", f"url(#p{number}-")
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
