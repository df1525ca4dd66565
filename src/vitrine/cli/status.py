"""`vitrine status`: coverage, queue, dead letters, workers, indexes and versions."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.database import connect
from vitrine.status import DeadLetter, ShopStatus, dead_letters, shop_status

LETTERS_SHOWN = 10
COLOURS = {"active": "green", "building": "yellow", "retired": "dim"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Show how much of the catalogue is encoded, what waits, what failed and who works."""
    url, settings = connection_settings(database_url, schema)
    with connect(url, settings.db_schema) as connection:
        spaces = shop_status(connection)
        letters = dead_letters(connection, LETTERS_SHOWN)
    if as_json:
        typer.echo(json.dumps([asdict(space) for space in spaces], default=_plain, indent=2))
        return
    console = Console()
    first = spaces[0]
    console.print(
        f"schema {settings.db_schema} (revision {first.schema_revision}), "
        f"{first.products:,} products, PostgreSQL {first.server_version}, "
        f"pgvector {first.pgvector_version}",
        markup=False,
        highlight=False,
    )
    if first.space is None:
        console.print("no embedding space yet: `vitrine work` makes one when it starts")
        return
    for space in spaces:
        console.print()
        console.print(_title(space), soft_wrap=True)
        console.print(_space_table(space))
        for line in _remarks(space):
            console.print(line)
    if letters:
        console.print()
        console.print(_letters_table(letters, sum(sum(s.dead_letters.values()) for s in spaces)))


def _title(space: ShopStatus) -> Text:
    model = f"{space.model}@{(space.revision or '')[:12]}, {space.dimension} dimensions"
    colour = COLOURS.get(str(space.status), "")
    return Text.assemble(
        (f"space {space.space} ", "bold"), (f"{space.status} ", colour), (model, "dim")
    )


def _space_table(space: ShopStatus) -> Table:
    """Coverage of one space, a row for pictures and one for captions."""
    table = Table()
    table.add_column("")
    for name in ("total", "encoded", "waiting", "failed", "coverage"):
        table.add_column(name, justify="right")
    for name in ("images", "captions"):
        total = getattr(space, name) or 0
        parts = [getattr(space, f"{name}_{part}") or 0 for part in ("encoded", "waiting", "failed")]
        # Rounded down: 100 % is said only when nothing is missing.
        share = f"{parts[0] * 1000 // total / 10:.1f} %" if total else "–"
        table.add_row(name, f"{total:,}", *(f"{part:,}" for part in parts), share)
    return table


def _remarks(space: ShopStatus) -> list[Text]:
    """What an operator should know besides the numbers."""
    remarks = []
    waiting = (space.images_waiting or 0) + (space.captions_waiting or 0)
    versions = ", ".join(space.worker_versions)
    if space.workers:
        remarks.append(Text(f"{space.workers} worker(s) ({versions}), {space.rate:.1f} items/s"))
    elif waiting and space.status != "retired":
        remarks.append(Text("no worker runs: start one with `vitrine work`", "bold red"))
    else:
        remarks.append(Text("no worker runs", "dim"))
    if space.oldest_waiting is not None:
        remarks.append(Text(f"oldest waiting for {_age(space.oldest_waiting)}"))
    if space.delays:
        remarks.append(Text(f"to be tried again after failing: {_counts(space.delays)}", "yellow"))
    if space.dead_letters:
        remarks.append(
            Text(f"dead letters: {_counts(space.dead_letters)} (`vitrine retry`)", "red")
        )
    if space.status == "building":
        remarks.append(Text(_how_to_activate(space, waiting), "yellow"))
    if not space.indexes_valid:
        names = ", ".join(space.invalid_indexes or []) or "a vector index is missing"
        remarks.append(Text(f"unusable indexes: {names}; rebuild with REINDEX INDEX", "bold red"))
    return remarks


def _how_to_activate(space: ShopStatus, waiting: int) -> str:
    """What lets this space serve: never by itself, because searches change with it."""
    command = f"`vitrine space activate {space.space}`"
    if waiting:
        return f"another space serves the searches; once this one is complete, run {command}"
    return f"complete, but another space serves the searches; to change over, run {command}"


def _letters_table(letters: list[DeadLetter], total: int) -> Table:
    table = Table(title=f"latest dead letters ({len(letters)} of {total})", title_justify="left")
    for name in ("product", "kind", "what", "reason", "detail"):
        table.add_column(name, overflow="fold")
    for letter in letters:
        what = (letter.what or "")[:60]
        cells = (letter.external_id, letter.kind, what, letter.reason, letter.detail or "")
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _counts(reasons: dict[str, int]) -> str:
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {count:,}" for reason, count in ordered)


def _age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds} s"


def _plain(value: object) -> object:
    """JSON for what has no JSON of its own: durations are seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else str(value)
