"""Alembic's entry: on the connection that `vitrine upgrade` hands over, else on the settings'."""

from __future__ import annotations

import sqlalchemy
from alembic import context
from alembic.util import CommandError

from vitrine.database import database_url
from vitrine.migrate import autogenerate_options, open_schema
from vitrine.settings import load_settings


def run(connection: sqlalchemy.Connection, schema: str) -> None:
    context.configure(
        connection=connection,
        version_table="alembic_version",
        version_table_schema=schema,
        transaction_per_migration=False,
        **autogenerate_options(),
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise CommandError("the steps are plain SQL already: read the files under sql/schema")
attributes = context.config.attributes
if "connection" in attributes:
    run(attributes["connection"], attributes["schema"])
else:
    settings = load_settings()
    with open_schema(database_url(settings), settings.db_schema) as opened:
        run(opened, settings.db_schema)
