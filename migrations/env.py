"""Alembic's entry: runs on the connection and schema that `vitrine.migrate` hands over."""

from __future__ import annotations

from alembic import context

from vitrine.migrate import autogenerate_options

configuration = context.config
connection = configuration.attributes["connection"]
schema = configuration.attributes["schema"]

context.configure(
    connection=connection,
    version_table="alembic_version",
    version_table_schema=schema,
    transaction_per_migration=False,
    **autogenerate_options(schema),
)
with context.begin_transaction():
    context.run_migrations()
