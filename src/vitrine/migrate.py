"""Brings a shop's schema to this version: migrations once, functions and grants every time."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, cast

import psycopg
import sqlalchemy
from alembic import command, op
from alembic.config import Config
from alembic.util import CommandError
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import DOMAIN

from vitrine import provision, sql_files
from vitrine.database import Connection, check_server, driver_errors, set_search_path
from vitrine.errors import DatabaseError, DatabaseUnavailableError

__all__ = [
    "alembic_configuration",
    "autogenerate_options",
    "open_schema",
    "replay",
    "run_schema_file",
    "upgrade",
]

logger = logging.getLogger(__name__)

LOCK_TIMEOUT = "30s"
LOCK_NOT_AVAILABLE = "55P03"

# Alembic keeps its present connection in a global: two threads on two databases would mix theirs.
alembic_alone = threading.Lock()

# Made while the shop runs, so they belong to no revision: vectors per space, history per month.
RUNTIME_TABLE = re.compile(
    r"^((image|caption)_(vector|sketch|price)_\d+|(query|event)_\d{4}_\d{2})$"
)


def upgrade(url: str, schema: str = "vitrine") -> list[str]:
    """Create the schema or bring it up to date; safe to repeat and to run beside another.

    Touches the schema, the extension and the three roles, nothing else, all in one transaction.
    Returns what the operator should read: warnings about the server and steps that were skipped.

    Raises:
        DatabaseError: the server is too old, lacks pgvector, or a right is missing; nothing is
            changed then.

    """
    with open_schema(url, schema) as connection:
        driver = driver_connection(connection)
        notes = check_server(driver)
        # A wait for another upgrade may be long, a wait for the shop's own transactions must not:
        # whoever comes after this one would wait as well.
        driver.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        # One lock for the whole database: two shops share the extension.
        driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('vitrine.upgrade', 0))")
        driver.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
        driver.execute("SET LOCAL client_min_messages = warning")
        provision.create_extension(driver)
        provision.create_schema(driver, schema)
        notes += provision.create_roles(driver, schema)
        provision.become_owner(driver, schema)
        set_search_path(driver, schema)
        with alembic_alone:
            command.upgrade(alembic_configuration(connection, schema), "head")
        replay(connection)
        notes += provision.advice(driver, schema)
    return notes


def replay(connection: sqlalchemy.Connection) -> None:
    """Replace every function, then the grants on all that there is now."""
    # The files name each other's functions, and come in the order of their names.
    connection.exec_driver_sql("SET LOCAL check_function_bodies = off")
    for name in [*sql_files.names("functions"), *sql_files.names("grants")]:
        _run(connection, name)
    connection.exec_driver_sql(
        "SELECT ensure_partitions(), ensure_sketches(), ensure_placed_prices(), "
        "ensure_documents(), ensure_vocabulary(), ensure_shopper_guards(), ensure_values(), "
        "ensure_unfiltered()"
    )


def run_schema_file(name: str) -> None:
    """Run one frozen schema file inside a migration, as the driver takes it: no bind, no `%`."""
    _run(op.get_bind(), name)


def alembic_configuration(connection: sqlalchemy.Connection, schema: str) -> Config:
    """Alembic's configuration on an open connection to one shop's schema."""
    configuration = Config()
    folder = str(files("vitrine.migrations")).replace("%", "%%")  # `%` interpolates
    configuration.set_main_option("script_location", folder)
    configuration.attributes["connection"] = connection
    configuration.attributes["schema"] = schema
    return configuration


def autogenerate_options() -> dict[str, Any]:
    """What alembic compares: the models with the connection's schema, less what the shop makes.

    The models are copied without their schema's name, because alembic calls the first schema of
    the search path by none.
    """
    from vitrine.models import Base
    from vitrine.models.domains import Domain

    target = sqlalchemy.MetaData(naming_convention=Base.metadata.naming_convention)
    nameless = cast("Any", None), lambda *_: cast("Any", sqlalchemy.schema.BLANK_SCHEMA)
    for table in Base.metadata.sorted_tables:
        table.to_metadata(target, schema=nameless[0], referred_schema_fn=nameless[1])

    def include_name(name: str | None, kind: str, _parents: dict[str, Any]) -> bool:
        return kind != "table" or not (name == "alembic_version" or RUNTIME_TABLE.match(name or ""))

    def differs(_context: Any, _found: Any, _wanted: Any, is_type: Any, should: Any) -> bool | None:
        # Alembic lets a type without a dimension pass for one with any.
        if isinstance(should, HALFVEC):
            return not isinstance(is_type, HALFVEC) or is_type.dim != should.dim
        if isinstance(should, Domain):
            return not isinstance(is_type, DOMAIN) or is_type.name != should.name
        return None

    return {
        "target_metadata": target,
        "include_name": include_name,
        "compare_type": differs,
        "compare_server_default": True,
    }


@contextmanager
def open_schema(url: str, schema: str) -> Iterator[sqlalchemy.Connection]:
    """One SQLAlchemy connection to a shop in one transaction, committed at the end.

    Raises:
        DatabaseError: what went wrong; nothing has been changed then.

    """

    def connected() -> Connection:
        opened = psycopg.connect(url)
        set_search_path(opened, schema)
        opened.commit()
        return opened

    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=connected, poolclass=sqlalchemy.pool.NullPool
    )
    try:
        with driver_errors(), _driver_cause(), engine.connect() as connection, connection.begin():
            yield connection
    except DatabaseUnavailableError as error:
        if error.sqlstate != LOCK_NOT_AVAILABLE:
            raise
        raise DatabaseError(
            "a table of the shop is in use by another transaction for too long, and nothing was "
            "changed; run `vitrine upgrade` again when the shop is quiet",
            sqlstate=error.sqlstate,
        ) from error
    except CommandError as error:
        raise DatabaseError(
            f"the schema {schema} is at a revision that this version of Vitrine does not know "
            f"({error}); update the vitrine package"
        ) from error
    finally:
        engine.dispose()


def driver_connection(connection: sqlalchemy.Connection) -> Connection:
    """The psycopg connection under SQLAlchemy's, in the same transaction."""
    return cast("Connection", connection.connection.driver_connection)


@contextmanager
def _driver_cause() -> Iterator[None]:
    """Let the driver's own error out of SQLAlchemy's wrapping."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise


def _run(connection: sqlalchemy.Connection, name: str) -> None:
    logger.debug("running %s.sql", name)
    driver_connection(connection).execute(sql_files.read(name).encode())
