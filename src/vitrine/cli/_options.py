"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from vitrine.database import database_url as resolve_url
from vitrine.settings import Settings, load_settings

__all__ = ["DatabaseUrl", "Schema", "connection_settings"]

DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database-url", help="libpq URL; default VITRINE_DATABASE_URL, else embedded."),
]
Schema = Annotated[str | None, typer.Option(help="Schema of the shop; default VITRINE_SCHEMA.")]


def connection_settings(database_url: str | None, schema: str | None) -> tuple[str, Settings]:
    """The URL to connect to and the settings, from options first and the environment second."""
    settings = load_settings(database_url=database_url, db_schema=schema)
    return resolve_url(settings), settings
