"""`vitrine tune`: weights of personal search, learned from events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from psycopg import sql
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vitrine.cli._extras import needs_extra, quiet_progress
from vitrine.cli._hits import AsJson, open_shop
from vitrine.cli._options import DatabaseUrl, Schema
from vitrine.errors import QueryError
from vitrine.search import search_errors
from vitrine.shop import Shop

if TYPE_CHECKING:
    from vitrine.evaluate.tuning import Tuned

MOST_DAYS = 36_525  # a hundred years, the longest history that the settings believe


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tune)


def tune(
    *,
    list_versions: Annotated[bool, typer.Option("--list", help="List the kept versions.")] = False,
    activate: Annotated[
        int | None, typer.Option(min=1, max=2**31 - 1, help="Put this version in force.")
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Take the last activation back.")] = False,
    days: Annotated[int, typer.Option(help="Learn from so many days.")] = 90,
    until: Annotated[str | None, typer.Option(help="The last moment to learn from.")] = None,
    share: Annotated[
        float, typer.Option(help="Part of the time to fit on; the rest judges.")
    ] = 0.7,
    pages: Annotated[int, typer.Option(help="Learn from at most so many shown pages.")] = 5_000,
    clip: Annotated[float, typer.Option(help="The most that one choice counts.")] = 10.0,
    k: Annotated[int, typer.Option("--k", "-k", help="Where a page ends.")] = 10,
    seed: Annotated[int, typer.Option(help="Draws pages, and which shoppers judge.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Keep nothing.")] = False,
    note: Annotated[str | None, typer.Option(help="A remark for colleagues.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Fit the weights of personal search to events; kept only if they win on held-out shoppers."""
    if sum([list_versions, activate is not None, back]) > 1:
        raise QueryError("--list, --activate and --back are different things: give one of them")
    with open_shop(database_url, schema) as shop:
        if list_versions:
            _list(shop, as_json=as_json)
        elif activate is not None:
            _call(shop, "activate_weights", activate)
            typer.echo(f"version {activate} is in force")
        elif back:
            version = _call(shop, "restore_weights")
            typer.echo(
                "the defaults are in force" if version is None else f"version {version} is in force"
            )
        else:
            with needs_extra("evaluate"):
                from vitrine.evaluate.tuning import keep
                from vitrine.evaluate.tuning import tune as run
            first, last = _times(days, until)
            with quiet_progress() as progress:
                task = progress.add_task("reading", total=None)
                tuned = run(
                    shop,
                    since=first,
                    until=last,
                    share=share,
                    most=pages,
                    k=k,
                    clip=clip,
                    seed=seed,
                    tick=lambda total: (
                        progress.update(task, total=total) if total else progress.advance(task)
                    ),
                )
            version = keep(shop, tuned, note) if tuned.wins and not dry_run else None
            _show(tuned, version, as_json=as_json)


def _show(tuned: Tuned, version: int | None, *, as_json: bool) -> None:
    if as_json:
        said = {**tuned.evidence(), "wins": tuned.wins, "version": version}
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False, default=str))
        return
    console = Console(highlight=False, soft_wrap=True)
    fitted = tuned.fitted
    console.print(
        f"fitted on {fitted.pages:,} pages ({fitted.pairs:,} pairs) until {tuned.cut:%Y-%m-%d}, "
        f"judged on {tuned.pages:,} later pages of {tuned.shoppers:,} other shoppers"
    )
    # Without the console's soft_wrap, which would cut what is too wide.
    console.print(trials_table(tuned), soft_wrap=False)
    if fitted.examination is None:
        console.print(
            f"only {fitted.explored:,} impressions were drawn by chance: what positions do cannot "
            "be told from what shoppers like, so these figures favour the present order; log pages "
            'of searches with the option "explore"',
            style="yellow",
        )
    if version is not None:
        console.print(f"kept as version {version}, in force now; `vitrine tune --back` undoes it")
    else:
        verdict = "better, but not kept" if tuned.wins else "not kept: no win with confidence"
        console.print(verdict)


def trials_table(tuned: Tuned) -> Table:
    """The weights and figures of each trial, side by side: a column a trial fits 80 characters."""
    from vitrine.evaluate.table import interval_text

    table = Table("", box=None, pad_edge=False, collapse_padding=True)
    for trial in tuned.trials:
        table.add_column(trial.name, justify="right")
    for name in tuned.fitted.weights:
        table.add_row(name, *(f"{trial.weights[name]:.3f}" for trial in tuned.trials))
    table.add_row(f"nDCG@{tuned.k}", *(interval_text(trial.ndcg) for trial in tuned.trials))
    differences = [trial.difference for trial in tuned.trials]
    table.add_row("difference", *("" if d is None else interval_text(d) for d in differences))
    return table


def _list(shop: Shop, *, as_json: bool) -> None:
    statement = sql.SQL(
        "SELECT version, active, created_at, activated_at, weights, note, evidence "
        "FROM {} ORDER BY version DESC"
    ).format(sql.Identifier(shop.schema, "rerank_weights"))
    with shop.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement).fetchall()
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False, default=str))
        return
    table = Table("version", "in force", "kept", "weights", "note", box=None)
    for row in rows:
        table.add_row(
            str(row["version"]),
            "yes" if row["active"] else "",
            f"{row['created_at']:%Y-%m-%d %H:%M}",
            Text(", ".join(f"{name} {value}" for name, value in row["weights"].items())),
            Text(row["note"] or ""),
        )
    Console().print(table if rows else "no version is kept: the defaults are in force")


def _call(shop: Shop, function: str, *arguments: int) -> object:
    statement = sql.SQL("SELECT {}({})").format(
        sql.Identifier(shop.schema, function),
        sql.SQL(", ").join(sql.Placeholder() for _ in arguments),
    )
    with shop.connection() as connection, search_errors():
        row = connection.execute(statement, arguments).fetchone()
    return row[0] if row else None


def _times(days: int, until: str | None) -> tuple[datetime, datetime]:
    """From when until when to learn."""
    if not 1 <= days <= MOST_DAYS:
        raise QueryError(f"--days is {days}: give 1 to {MOST_DAYS:,}")
    last = _moment(until)
    try:
        return last - timedelta(days=days), last
    except OverflowError as exc:
        raise QueryError(
            f"--until is {until}: {days:,} days before it there is no date; give a later moment"
        ) from exc


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as exc:
        raise QueryError(
            f"--until is {text}: give a moment such as 2027-11-26T00:00+01:00"
        ) from exc
