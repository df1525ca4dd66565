"""The demo's own schema: made for it, marked as its, and never another shop's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from vitrine.database import connect, driver_errors
from vitrine.errors import SettingsError
from vitrine.migrate import upgrade

if TYPE_CHECKING:
    from vitrine.database import Connection

__all__ = ["claim_schema", "keep_edition", "kept_edition"]

# The setting that marks a schema as the demo's; its value is the edition imported last.
_MARK = "demo"


def claim_schema(url: str, schema: str) -> list[str]:
    """Create or upgrade the demo's schema; returns what the operator of a server should read.

    Raises:
        SettingsError: the schema holds a shop that is not the demo's; nothing is changed then.
        DatabaseError: the server cannot hold a shop, or a right is missing.

    """
    # Before there is any shop in the schema, which `connect` would refuse.
    with driver_errors(), psycopg.connect(url) as connection:
        if _holds_another_shop(connection, schema):
            raise SettingsError(
                f"the schema {schema} holds a shop of its own, which the demo would replace; "
                "leave --schema out, or name one for the demo"
            )
    notes = upgrade(url, schema)
    with connect(url, schema) as connection, driver_errors():
        connection.execute(
            "INSERT INTO setting (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (_MARK, Jsonb("")),
        )
    return notes


def kept_edition(connection: Connection) -> str:
    """The edition of the demo shop that was imported last; empty before the first."""
    row = connection.execute(
        "SELECT value #>> '{}' FROM setting WHERE name = %s", (_MARK,)
    ).fetchone()
    return str(row[0]) if row else ""


def keep_edition(connection: Connection, edition: str) -> None:
    """Note that this edition is imported."""
    connection.execute("UPDATE setting SET value = %s WHERE name = %s", (Jsonb(edition), _MARK))


def _holds_another_shop(connection: Connection, schema: str) -> bool:
    """Whether there are products but not the demo's mark."""
    row = connection.execute(
        "SELECT to_regclass(format('%%I.product', %(schema)s::text)) IS NOT NULL "
        "AND to_regclass(format('%%I.setting', %(schema)s::text)) IS NOT NULL",
        {"schema": schema},
    ).fetchone()
    if row is None or not row[0]:
        return False
    statement = sql.SQL(
        "SELECT EXISTS (SELECT FROM {shop}.product) "
        "AND NOT EXISTS (SELECT FROM {shop}.setting WHERE name = %s)"
    ).format(shop=sql.Identifier(schema))
    [(foreign,)] = connection.execute(statement, (_MARK,)).fetchall()
    return bool(foreign)
