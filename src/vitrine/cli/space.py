"""`vitrine space`: list embedding spaces and choose the one that serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from vitrine import vectors
from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.database import Connection, connect, driver_errors
from vitrine.status import shop_status

commands = typer.Typer(help="Embedding spaces: one for each model, one of them serves.")

Name = Annotated[str, typer.Argument(help="Name of the space, as `vitrine space list` has it.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(commands, name="space")


@commands.command("list")
def list_spaces(database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """List every space with its model and coverage."""
    url, settings = connection_settings(database_url, schema)
    with connect(url, settings.db_schema) as connection:
        spaces = [space for space in shop_status(connection) if space.space]
    if not spaces:
        typer.echo("no embedding space yet: `vitrine work` makes one when it starts")
        return
    table = Table("name", "status", "model", "revision", "dimension", "encoded", "missing")
    for space in spaces:
        encoded = (space.images_encoded or 0) + (space.captions_encoded or 0)
        missing = (space.images or 0) + (space.captions or 0) - encoded
        revision = (space.revision or "")[:12]
        cells = (space.space, space.status, space.model, revision, space.dimension)
        table.add_row(*map(str, cells), f"{encoded:,}", f"{missing:,}")
    Console().print(table)


@commands.command()
def activate(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Even if vectors are missing.")] = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Let a space serve the searches; the one before is retired at the same moment."""

    def activate_it(connection: Connection) -> None:
        vectors.activate_space(connection, name, force=force)

    _change(activate_it, database_url, schema)
    typer.echo(f"{name} serves the searches")


@commands.command()
def retire(name: Name, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Stop work for a space that does not serve; its vectors stay."""
    _change(lambda connection: vectors.retire_space(connection, name), database_url, schema)
    typer.echo(f"{name} is retired")


@commands.command()
def reopen(name: Name, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Take a retired space up again; what changed meanwhile is queued."""
    _change(lambda connection: vectors.reopen_space(connection, name), database_url, schema)
    typer.echo(f"{name} is being built")


@commands.command()
def drop(name: Name, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Delete a retired space and all its vectors."""
    _change(lambda connection: vectors.drop_space(connection, name), database_url, schema)
    typer.echo(f"{name} is deleted")


def _change(
    action: Callable[[Connection], None], database_url: str | None, schema: str | None
) -> None:
    url, settings = connection_settings(database_url, schema)
    with connect(url, settings.db_schema) as connection, driver_errors():
        action(connection)
