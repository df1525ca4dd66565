"""`vitrine events`: bring events into the history, and see what could not be taken as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vitrine.cli._hits import AsJson
from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.cli.import_ import Encoding, Map, Rejects, pairs
from vitrine.database import Connection, connect
from vitrine.errors import QueryError

commands = typer.Typer(help="Events: import files, see the quarantine and unknown products.")

SHOWN = 1000  # records of the quarantine that a table shows


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(commands, name="events")


@commands.command("import")
def import_file(  # noqa: PLR0917 - typer takes options as arguments
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines or Parquet.")],
    map_: Map = None,
    action: Annotated[
        str | None, typer.Option(help="action_name of the rows that have none, such as purchase.")
    ] = None,
    rejects: Rejects = None,
    encoding: Encoding = "utf-8",
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Import a file of events; the same file again writes nothing twice, a stopped one goes on."""
    from vitrine.event_files import EventImport, EventReport, import_events

    options = EventImport(
        mapping=pairs("--map", map_), action=action, rejects=rejects, encoding=encoding
    )
    url, settings = connection_settings(database_url, schema)
    with Console(stderr=True).status("reading") as status:
        report: EventReport = import_events(
            url,
            settings.db_schema,
            file,
            options,
            lambda rows: status.update(f"{rows:,} rows"),
        )
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{report.rows:,} rows in {report.seconds:.1f} s "
        f"({report.rows / report.seconds:,.0f} rows/s): {report.written:,} events written, "
        f"{report.skipped:,} were there or may not be kept"
    )
    if report.ignored:
        console.print(f"columns that mean nothing here: {', '.join(report.ignored)}")
    if report.quarantined:
        console.print(
            f"{report.quarantined:,} with absurd dates: see `vitrine events quarantine`",
            style="bold yellow",
        )
    if report.rejects_file:
        console.print(f"{report.rejects:,} rejects: see {report.rejects_file}", style="bold yellow")
    else:
        console.print("0 rejects")


@commands.command()
def quarantine(
    reason: Annotated[
        str | None, typer.Option(help="Only future, too old or past retention.")
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """List the records with absurd dates, which wait to be released or dropped."""
    from vitrine.quarantine import list_quarantine, quarantine_reasons

    with _shop(database_url, schema) as connection:
        found = list_quarantine(connection, reason=reason, limit=None if as_json else SHOWN)
        others = {} if found else quarantine_reasons(connection)
    if as_json:
        typer.echo(
            json.dumps([asdict(r) for r in found], indent=2, ensure_ascii=False, default=str)
        )
        return
    if not found:
        there = ", ".join(f"{name} ({count:,})" for name, count in others.items())
        typer.echo(
            f"nothing in quarantine has the reason {reason}; the reasons there are: {there}"
            if there
            else "nothing is in quarantine"
        )
        return
    table = Table("id", "what", "dated", "reason", "action or words", "since")
    for held in found:
        what = held.record.get("action_name") or held.record.get("user_query") or ""
        table.add_row(
            str(held.quarantine_id), held.relation, held.timestamp, held.reason,
            Text(str(what)[:60]), held.quarantined_at.isoformat(" ", "minutes"),
        )  # fmt: skip
    Console().print(table)


Ids = Annotated[list[int], typer.Argument(help="Ids that `vitrine events quarantine` lists.")]


@commands.command()
def release(
    ids: Ids,
    timestamp: Annotated[
        str | None, typer.Option(help="When it was, such as 2026-11-21T14:05+01:00.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(help="Or by how many days to shift the date, such as -365.")
    ] = None,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Write quarantined records into the history, with a better date if one is given."""
    from vitrine.quarantine import release_quarantined

    if timestamp is not None and days is not None:
        raise QueryError("--timestamp and --days are different things: give one of them")
    try:
        moment = datetime.fromisoformat(timestamp).astimezone() if timestamp is not None else None
        shift = timedelta(days=days) if days is not None else None
    except (ValueError, OverflowError) as exc:
        raise QueryError(f"--timestamp or --days cannot be used: {exc}") from exc
    with _shop(database_url, schema) as connection:
        number = release_quarantined(connection, ids, timestamp=moment, shift=shift)
    typer.echo(f"{number:,} released")


@commands.command()
def drop(ids: Ids, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Remove quarantined records for good."""
    from vitrine.quarantine import drop_quarantined

    with _shop(database_url, schema) as connection:
        typer.echo(f"{drop_quarantined(connection, ids):,} dropped")


@commands.command()
def unknown(database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """List the products that events name and the catalogue lacks, the most frequent first."""
    with _shop(database_url, schema) as connection:
        rows = connection.execute(
            "SELECT object_id, events, first_at::text, last_at::text FROM unknown_object "
            "ORDER BY events DESC, object_id LIMIT %s",
            (SHOWN,),
        ).fetchall()
    table = Table("object_id", "events", "first", "last")
    for object_id, events, first, last in rows:
        table.add_row(Text(object_id), f"{events:,}", first, last)
    Console().print(table if rows else "every product of the events is known")


@contextmanager
def _shop(database_url: str | None, schema: str | None) -> Iterator[Connection]:
    url, settings = connection_settings(database_url, schema)
    with connect(url, settings.db_schema) as connection:
        yield connection
