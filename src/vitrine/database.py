"""Connections to the shop's PostgreSQL, and the checks before the first one is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from vitrine.embedded import start_embedded
from vitrine.errors import DatabaseError, DatabaseUnavailableError
from vitrine.settings import Settings

__all__ = [
    "Connection",
    "check_server",
    "connect",
    "database_url",
    "driver_errors",
    "set_search_path",
]

Connection = psycopg.Connection[tuple[Any, ...]]

MINIMUM_SERVER = 160_000
MINIMUM_PGVECTOR = (0, 8, 0)
CORRUPTING_PGVECTOR = ((0, 8, 3), (0, 8, 5))

# SQLSTATEs, or how they begin, where the connection is the trouble and not what was asked of it.
CONNECTION_STATES = ("08", "28", "3D", "57P", "53300")


def database_url(settings: Settings) -> str:
    """The URL to connect to: the user's own server, else the embedded one, started if need be."""
    if settings.database_url:
        return settings.database_url
    return start_embedded(settings.home, settings.embedded_version)


@contextmanager
def connect(url: str, schema: str, *, autocommit: bool = True) -> Iterator[Connection]:
    """Open one connection whose search path is the shop's schema, for the project's own processes.

    Raises:
        DatabaseError: there is no shop in that schema.
        DatabaseUnavailableError: nothing answers at that URL, or it refuses the login.

    """
    with driver_errors(), psycopg.connect(url, autocommit=autocommit) as connection:
        set_search_path(connection, schema)
        _check_shop(connection, schema)
        if not autocommit:
            connection.commit()
        yield connection


def set_search_path(connection: Connection, schema: str) -> None:
    """Put the shop's schema, then the extension's, then pg_temp on this connection's path."""
    connection.execute(
        "SELECT set_config('search_path', concat_ws(', ', quote_ident(%s::text), "
        "(SELECT quote_ident(n.nspname) FROM pg_extension e "
        "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'), "
        "'pg_temp'), false)",
        (schema,),
    )


def _check_shop(connection: Connection, schema: str) -> None:
    """Refuse a schema without a shop: the next one on the path might hold another shop's tables."""
    found = connection.execute(
        "SELECT to_regclass(quote_ident(%s::text) || '.alembic_version') IS NOT NULL", (schema,)
    ).fetchone()
    if found != (True,):
        raise DatabaseError(
            f"the schema {schema} holds no shop: run `vitrine upgrade` to make one there, "
            "or mend VITRINE_SCHEMA"
        )


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn the driver's errors into ours, keeping theirs as the cause and their SQLSTATE."""
    try:
        yield
    except psycopg.Error as error:
        kind = (
            DatabaseUnavailableError
            if isinstance(error, psycopg.OperationalError)
            else DatabaseError
        )
        raise kind(_explained(error), sqlstate=error.sqlstate) from error


def check_server(connection: Connection) -> list[str]:
    """Refuse a server that cannot hold a shop; return warnings about one that can.

    Raises:
        DatabaseError: PostgreSQL is under 16, or pgvector is missing or under 0.8.0.

    """
    version = connection.info.server_version
    if version < MINIMUM_SERVER:
        raise DatabaseError(f"PostgreSQL {version // 10_000} is too old: Vitrine needs 16 or newer")
    row = connection.execute(
        "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector'), "
        "(SELECT default_version FROM pg_available_extensions WHERE name = 'vector')"
    ).fetchone()
    installed, available = row or (None, None)
    if installed is None and available is None:
        raise DatabaseError(
            "the server has no pgvector: install it there (0.8.6 or newer, for example the "
            "package postgresql-18-pgvector), then run `vitrine upgrade` again"
        )
    found = installed or available
    pgvector = tuple(int(part) for part in re.findall(r"\d+", found)[:3])
    if pgvector < MINIMUM_PGVECTOR:
        raise DatabaseError(
            f"pgvector {found} is too old: Vitrine needs 0.8.0 or newer; update the server's "
            "package, then let an administrator run in this database: "
            "ALTER EXTENSION vector UPDATE"
        )
    if CORRUPTING_PGVECTOR[0] <= pgvector <= CORRUPTING_PGVECTOR[1]:
        return [
            f"pgvector {found} can corrupt an HNSW index under inserts, deletes and vacuum "
            "together; update to 0.8.6 or newer"
        ]
    return []


def _explained(error: psycopg.Error) -> str:
    """The driver's message in one line, with what to do about it."""
    line = _first_line(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return (
            f"the database refuses: {line}; grant the login the shop's role for this: …_app "
            "imports and searches, …_worker works, retries and stores the vectors of new "
            "queries, …_analyst only reads"
        )
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return (
            f"the database is read-only ({line}); connect to the primary server, "
            "or turn default_transaction_read_only off for this login"
        )
    if isinstance(
        error,
        psycopg.errors.UndefinedTable
        | psycopg.errors.UndefinedFunction
        | psycopg.errors.InvalidSchemaName,
    ):
        return f"the schema is missing or too old ({line}); run `vitrine upgrade`"
    state = error.sqlstate or ""
    if isinstance(error, psycopg.OperationalError) and (
        not state or state.startswith(CONNECTION_STATES)
    ):
        return (
            f"the database cannot be used: {line} "
            "(is it running, and is VITRINE_DATABASE_URL right?)"
        )
    return line


def _first_line(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    return message.strip().splitlines()[0] if message.strip() else type(error).__name__
