"""`vitrine retry`: give dead letters another chance."""

from __future__ import annotations

from typing import Annotated

import typer

from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.database import connect, driver_errors
from vitrine.work_queue import retry_dead


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(retry)


def retry(
    reason: Annotated[
        str | None, typer.Option(help="Only those of one reason, such as not_found.")
    ] = None,
    product: Annotated[
        str | None, typer.Option(help="Only those of one product, by its external_id or a SKU.")
    ] = None,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Queue what failed for good once more, with all its attempts."""
    url, settings = connection_settings(database_url, schema)
    with connect(url, settings.db_schema) as connection, driver_errors():
        count = retry_dead(connection, reason=reason, product=product)
    typer.echo(f"{count:,} dead letters queued again")
