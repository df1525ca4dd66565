"""`vitrine database`: the embedded PostgreSQL's URL, and its stop."""

from __future__ import annotations

import typer

from vitrine.cli._options import DatabaseUrl, connection_settings
from vitrine.embedded import stop_embedded
from vitrine.settings import load_settings

commands = typer.Typer(help="The database in use: its URL, and the embedded server's stop.")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(commands, name="database")


@commands.command()
def url(database_url: DatabaseUrl = None) -> None:
    """Print the URL in use; starts the embedded server if there is no other."""
    found, _ = connection_settings(database_url, None)
    typer.echo(found)


@commands.command()
def stop() -> None:
    """Stop the embedded server."""
    settings = load_settings()
    stopped = stop_embedded(settings.home, settings.embedded_version)
    typer.echo("stopped" if stopped else "the embedded server was not running")
