"""The report in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vitrine.evaluate.intervals import Interval
from vitrine.evaluate.report import Difference, Report, Section

__all__ = ["difference_text", "interval_text", "report_table"]

COLOURS = {"better": "green", "worse": "red", "undecided": "dim"}


def report_table(report: Report) -> RenderableType:
    """All cases by every measure, then one measure for every cut."""
    main = f"nDCG@{report.k}"
    parts: list[RenderableType] = [
        Text(f"{report.source}; {_counted(report.whole)}"),
        _measures(report),
        Text(""),
        _cuts(report, main),
    ]
    shares = ", ".join(
        f"{name} {share:.1%}"
        for name, share in zip(report.variations, report.coverage, strict=True)
    )
    parts.append(Text(f"coverage@{report.k} of {report.products:,} products: {shares}"))
    parts += [
        Text(f"left out: {count:,} {reason}", "yellow") for reason, count in report.left_out.items()
    ]
    return Group(*parts)


def interval_text(interval: Interval | None) -> str:
    """A mean with its bounds."""
    if interval is None:
        return "–"
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def difference_text(difference: Difference | None) -> str:
    """A difference with its bounds, and what it is in percent."""
    if difference is None:
        return "–"
    found = difference.interval
    percent = "" if difference.percent is None else f" ({difference.percent:+.1f} %)"
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]{percent}"


def _measures(report: Report) -> Table:
    table = _empty("all cases", report)
    for measured in report.whole.measures:
        if any(value is not None for value in measured.values):
            table.add_row(measured.name, *_cells(measured.values, measured.differences))
    return table


def _cuts(report: Report, main: str) -> Table:
    table = _empty(main, report)
    kind = ""
    for section in report.sections:
        if section.kind != kind and kind:
            table.add_section()
        kind = section.kind
        measured = section.measure(main)
        label = section.name if kind in ("all", "items") else f"{kind}: {section.name}"
        table.add_row(
            f"{label} ({_counted(section)})", *_cells(measured.values, measured.differences)
        )
    return table


def _empty(first: str, report: Report) -> Table:
    table = Table(first, box=None, pad_edge=False)
    for name in report.variations:
        table.add_column(Text(name), justify="right")
    for name in report.variations[1:]:
        table.add_column(Text(f"{name} − {report.variations[0]}"), justify="right")
    return table


def _cells(
    values: Sequence[Interval | None], differences: Sequence[Difference | None]
) -> list[Text]:
    return [
        *(Text(interval_text(value)) for value in values),
        *(
            Text(difference_text(d), COLOURS[d.verdict] if d is not None else "")
            for d in differences
        ),
    ]


def _counted(section: Section) -> str:
    cases = "1 case" if section.cases == 1 else f"{section.cases:,} cases"
    shoppers = "1 shopper" if section.shoppers == 1 else f"{section.shoppers:,} shoppers"
    return f"{cases} of {shoppers}"
