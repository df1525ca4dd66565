"""`vitrine evaluate`: how good the answers are, from judgements or from events."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from vitrine.cli._extras import needs_extra, quiet_progress
from vitrine.cli._hits import open_shop
from vitrine.cli._options import DatabaseUrl, Schema
from vitrine.errors import QueryError

if TYPE_CHECKING:
    from vitrine.evaluate import Cases, Report, Split
    from vitrine.shop import Shop


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evaluate)


def evaluate(
    *,
    judgements: Annotated[
        Path | None,
        typer.Option(help="CSV or JSON lines: query, external_id, grade[, filters, shopper]."),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="A name and options of search: 'personal={\"strength\": 1}'. Repeatable; the "
            "first is what the others are compared with."
        ),
    ] = None,
    cut: Annotated[
        str,
        typer.Option(help="Events: the share that lies before the cut, or its moment."),
    ] = "0.8",
    until: Annotated[str | None, typer.Option(help="Events: the last moment that counts.")] = None,
    action: Annotated[
        list[str] | None,
        typer.Option(help="Events: an action that makes a product relevant; repeatable."),
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="Where a page ends.")] = 10,
    depth: Annotated[int, typer.Option(help="How many products of each answer count.")] = 200,
    cases: Annotated[int, typer.Option(help="At most so many cases of a kind.")] = 1_000,
    candidates: Annotated[
        int, typer.Option(help="Fewest products of a category that makes a case.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="Draws shoppers and resamples.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write the report with its plots.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every figure as JSON; - prints it.")
    ] = None,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Measure the answers of search, by judgements of a file or by what shoppers chose."""
    with needs_extra("evaluate"):
        from vitrine.evaluate import Split, read_judgements
        from vitrine.evaluate.compared import parse_variations
        from vitrine.evaluate.history import GRADES
    variations = parse_variations(compare or ["search"])
    split = Split(
        cut=_cut(cut),
        until=None if until is None else _moment(until, "--until"),
        actions=tuple(action or GRADES),
        most=cases,
        candidates=candidates,
        seed=seed,
    )
    judged = None if judgements is None else read_judgements(judgements)
    if html is not None:
        _check_writable(html, "report.html")
    if json_file is not None and json_file != Path("-"):
        _check_writable(json_file, "figures.json")
    with open_shop(database_url, schema) as shop:
        asked = judged or _from_events(shop, split)
        with quiet_progress() as progress:
            task = progress.add_task("asking", total=len(asked.cases))
            from vitrine.evaluate import evaluate as run

            report = run(
                shop,
                asked,
                variations,
                k=k,
                depth=depth,
                seed=seed,
                tick=lambda: progress.advance(task),
            )
    _write(report, html, json_file)


def _from_events(shop: Shop, split: Split) -> Cases:
    from vitrine.evaluate import cases_from_events
    from vitrine.evaluate.reading import reading

    with reading(shop) as connection:
        return cases_from_events(connection, split)


def _write(report: Report, html: Path | None, json_file: Path | None) -> None:
    from vitrine.evaluate.page import report_page
    from vitrine.evaluate.table import report_table

    if json_file == Path("-"):
        typer.echo(report.to_json())
    else:
        Console(highlight=False).print(report_table(report))
        if json_file is not None:
            _write_file(json_file, report.to_json())
    if html is not None:
        _write_file(html, report_page(report))


def _check_writable(path: Path, example: str) -> None:
    """Said before minutes of work, not after; what is there already stays until the report is."""
    try:
        if path.is_dir():
            raise QueryError(f"{path} is a folder: name a file, such as {path / example}")
        if not path.absolute().parent.is_dir():
            raise QueryError(f"{path} cannot be written: there is no folder {path.parent}")
        there = path.exists() or path.is_symlink()
        # A pipe that is opened and closed would end for whoever reads it.
        if not there or path.is_file():
            path.open("ab").close()
            if not there:
                path.unlink()
    except OSError as exc:
        raise QueryError(f"{path} cannot be written: {exc.strerror}") from exc


def _write_file(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise QueryError(f"{path} cannot be written: {exc.strerror}") from exc


def _cut(text: str) -> datetime | float:
    try:
        return float(text)
    except ValueError:
        return _moment(text, "--cut")


def _moment(text: str, name: str) -> datetime:
    """A moment in ISO form; without a zone it is this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as exc:
        raise QueryError(f"{name} is {text}: give a moment such as 2027-11-26T00:00+01:00") from exc
