"""Brings a shop's schema to this version: migrations once, functions and grants every time."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import psycopg
import sqlalchemy
from alembic import command, op
from alembic.config import Config
from psycopg import sql

from vitrine import sql_files
from vitrine.database import Connection, check_server, driver_errors, set_search_path
from vitrine.errors import DatabaseError

__all__ = ["autogenerate_options", "run_schema_file", "upgrade"]

logger = logging.getLogger(__name__)

# Made while the shop runs, so they belong to no revision: vectors per space, history per month.
RUNTIME_TABLE = re.compile(r"^((image|caption)_vector_\d+|(query|event)_\d{4}_\d{2})$")


def upgrade(url: str, schema: str = "vitrine") -> list[str]:
    """Create the schema or bring it up to date; safe to repeat and to run beside another.

    Touches the schema, the extension and the three roles, nothing else. Returns what the operator
    should read: warnings about the server and steps that were skipped.

    Raises:
        DatabaseError: the server is too old, lacks pgvector, or a right is missing.
    """
    with driver_errors(), psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = 0; SET client_min_messages = warning")
        notes = check_server(connection)
        # One lock for the whole database: two shops share the extension.
        connection.execute("SELECT pg_advisory_lock(hashtextextended('vitrine.upgrade', 0))")
        with connection.transaction():
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute(
                sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema))
            )
        set_search_path(connection, schema)
        notes += _create_roles(connection, schema)
        path = connection.execute("SHOW search_path").fetchone()
        assert path is not None
        with _alembic_connection(url, path[0]) as alembic_connection:
            configuration = alembic_configuration(alembic_connection, schema)
            command.upgrade(configuration, "head")
            _replay(alembic_connection)
    return notes


def alembic_configuration(connection: sqlalchemy.Connection, schema: str) -> Config:
    """Alembic's configuration on an open connection to one shop's schema."""
    configuration = Config()
    configuration.set_main_option("script_location", str(files("vitrine.migrations")))
    configuration.attributes["connection"] = connection
    configuration.attributes["schema"] = schema
    return configuration


def autogenerate_options(schema: str) -> dict[str, Any]:
    """What alembic compares: the models against this schema, without what the shop makes itself."""
    from vitrine.models import Base

    def include_name(name: str | None, kind: str, _parents: dict[str, Any]) -> bool:
        if kind == "schema":
            return name == schema
        if kind == "table":
            return name != "alembic_version" and not RUNTIME_TABLE.match(name or "")
        return True

    return {
        "target_metadata": Base.metadata,
        "include_schemas": True,
        "include_name": include_name,
        "compare_type": True,
        "compare_server_default": True,
    }


def run_schema_file(name: str) -> None:
    """Run one frozen schema file inside a migration, as the driver takes it: no bind, no `%`."""
    _run(op.get_bind(), name)


@contextmanager
def _alembic_connection(url: str, search_path: str) -> Iterator[sqlalchemy.Connection]:
    """One SQLAlchemy connection in one transaction: a failed upgrade leaves nothing behind."""
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url),
        poolclass=sqlalchemy.pool.NullPool,
    )
    try:
        with engine.connect() as connection, connection.begin():
            driver: Connection = connection.connection.driver_connection
            driver.execute("SELECT set_config('search_path', %s, true)", (search_path,))
            driver.execute("SET LOCAL client_min_messages = warning")
            yield connection
    except sqlalchemy.exc.DBAPIError as error:
        raise DatabaseError(f"the upgrade failed and changed nothing: {error.orig}") from error
    finally:
        engine.dispose()


def _replay(connection: sqlalchemy.Connection) -> None:
    """Replace every function, then the grants on all that there is now."""
    for name in [*sql_files.names("functions"), *sql_files.names("grants")]:
        _run(connection, name)
    connection.exec_driver_sql("SELECT ensure_partitions()")


def _run(connection: sqlalchemy.Connection, name: str) -> None:
    driver: Connection = connection.connection.driver_connection
    logger.debug("running %s.sql", name)
    driver.execute(sql_files.read(name).encode())


def _create_roles(connection: Connection, schema: str) -> list[str]:
    """Create the three roles that are missing; say so where the login may not."""
    skipped = []
    for suffix in ("app", "worker", "analyst"):
        role = f"{schema}_{suffix}"
        found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        if found is not None:
            continue
        try:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        except psycopg.errors.DuplicateObject:
            continue
        except psycopg.errors.InsufficientPrivilege:
            skipped.append(role)
    if not skipped:
        return []
    return [
        f"skipped the roles {', '.join(skipped)}: this login lacks CREATEROLE; "
        "create them (NOLOGIN) as an administrator and run `vitrine upgrade` again"
    ]
