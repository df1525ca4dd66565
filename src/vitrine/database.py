"""Connections to the shop's PostgreSQL, and the checks before the first one is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

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


def database_url(settings: Settings) -> str:
    """The URL to connect to: the user's own server, else the embedded one, started if need be."""
    if settings.database_url:
        return settings.database_url
    return start_embedded(settings.home, settings.embedded_version)


@contextmanager
def connect(url: str, schema: str, *, autocommit: bool = True) -> Iterator[Connection]:
    """Open one connection whose search path is the shop's schema, for the project's own processes.

    Raises:
        DatabaseUnavailableError: nothing answers at that URL, or it refuses the login.
    """
    with driver_errors(), psycopg.connect(url, autocommit=autocommit) as connection:
        set_search_path(connection, schema)
        if not autocommit:
            connection.commit()
        yield connection


def set_search_path(connection: Connection, schema: str) -> None:
    """Put the shop's schema, then the extension's, then pg_temp on this connection's path."""
    connection.execute(
        sql.SQL(
            "SELECT set_config('search_path', concat_ws(', ', quote_ident({schema}), "
            "(SELECT quote_ident(n.nspname) FROM pg_extension e "
            "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'), "
            "'pg_temp'), false)"
        ).format(schema=sql.Literal(schema))
    )


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn the driver's errors into ours, keeping theirs as the cause and their SQLSTATE."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(
            f"the database cannot be used: {_first_line(error)} "
            "(is it running, and is VITRINE_DATABASE_URL right?)",
            sqlstate=error.sqlstate,
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"the database refuses: {_first_line(error)}; "
            "grant the login one of the shop's roles (…_app, …_worker, …_analyst)",
            sqlstate=error.sqlstate,
        ) from error
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise DatabaseError(
            f"the database is read-only ({_first_line(error)}); "
            "connect to the primary server for this",
            sqlstate=error.sqlstate,
        ) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as error:
        raise DatabaseError(
            f"the schema is missing or too old ({_first_line(error)}); run `vitrine upgrade`",
            sqlstate=error.sqlstate,
        ) from error
    except psycopg.Error as error:
        raise DatabaseError(_first_line(error), sqlstate=error.sqlstate) from error


def check_server(connection: Connection) -> list[str]:
    """Refuse a server that cannot hold a shop; return warnings about one that can.

    Raises:
        DatabaseError: PostgreSQL is under 16, or pgvector is missing or under 0.8.0.
    """
    version = connection.info.server_version
    if version < MINIMUM_SERVER:
        raise DatabaseError(f"PostgreSQL {version // 10_000} is too old: Vitrine needs 16 or newer")
    row = connection.execute(
        "SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = 'vector'), "
        "(SELECT default_version FROM pg_available_extensions WHERE name = 'vector'))"
    ).fetchone()
    if row is None or row[0] is None:
        raise DatabaseError(
            "the server has no pgvector: install it there (0.8.6 or newer, for example the "
            "package postgresql-18-pgvector), then run `vitrine upgrade` again"
        )
    pgvector = tuple(int(part) for part in str(row[0]).split(".")[:3])
    if pgvector < MINIMUM_PGVECTOR:
        raise DatabaseError(
            f"pgvector {row[0]} is too old: Vitrine needs 0.8.0 or newer; update the package, "
            "then run ALTER EXTENSION vector UPDATE"
        )
    if CORRUPTING_PGVECTOR[0] <= pgvector <= CORRUPTING_PGVECTOR[1]:
        return [
            f"pgvector {row[0]} can corrupt an HNSW index under inserts, deletes and vacuum "
            "together; update to 0.8.6 or newer"
        ]
    return []


def _first_line(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    return message.strip().splitlines()[0] if message.strip() else type(error).__name__
