"""`vitrine upgrade`: create the shop's schema or bring it up to date."""

from __future__ import annotations

import typer
from rich.console import Console

from vitrine.cli._options import DatabaseUrl, Schema, connection_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(upgrade)


def upgrade(database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Create the shop's schema or bring it up to date; safe to repeat."""
    from vitrine import migrate

    url, settings = connection_settings(database_url, schema)
    for note in migrate.upgrade(url, settings.db_schema):
        Console(stderr=True).print(f"note: {note}", markup=False)
    Console().print(f"schema {settings.db_schema} is up to date", markup=False)
