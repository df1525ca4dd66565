"""`vitrine privacy`: what is stored of one shopper, and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.errors import QueryError
from vitrine.shop import Shop, connect

commands = typer.Typer(help="A shopper's data: export, forget, traces, opt-out, opt-in.")

Client = Annotated[str, typer.Argument(help="The client id, as the shop gives it to search.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(commands, name="privacy")


@commands.command()
def export(
    client: Client,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default the terminal.")
    ] = None,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Write everything that is stored of a client as JSON."""
    with _shop(database_url, schema) as shop:
        data = shop.export(client)
    text = json.dumps(data, indent=2, ensure_ascii=False)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise QueryError(f"{output} cannot be written: {exc.strerror}") from exc
    typer.echo(f"{sum(map(len, data['tables'].values()))} rows in {output}")


@commands.command()
def forget(
    client: Client,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Remove everything that is stored of a client; it cannot be undone."""
    with _shop(database_url, schema) as shop:
        if not yes:
            typer.confirm(f"Forget {client} for good?", abort=True)
        removed = shop.forget(client)
    _print(removed, "nothing was stored")


@commands.command()
def traces(client: Client, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """List where a client is still found."""
    with _shop(database_url, schema) as shop:
        found = shop.traces(client)
    _print(found, "no trace")


@commands.command()
def opt_out(client: Client, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Write no history of a client from now on."""
    with _shop(database_url, schema) as shop:
        shop.opt_out(client)
    typer.echo("opted out; what there was before goes with `vitrine privacy forget`")


@commands.command()
def opt_in(client: Client, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Write history of a client again."""
    with _shop(database_url, schema) as shop:
        shop.opt_in(client)
    typer.echo("opted in")


@contextmanager
def _shop(database_url: str | None, schema: str | None) -> Iterator[Shop]:
    url, settings = connection_settings(database_url, schema)
    with connect(url, schema=settings.db_schema, pool_size=1) as shop:
        yield shop


def _print(counts: Mapping[str, int], nothing: str) -> None:
    for place, count in counts.items():
        typer.echo(f"{place}: {count}")
    if not counts:
        typer.echo(nothing)
