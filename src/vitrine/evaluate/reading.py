"""A read-only look into the shop's tables, through its pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from vitrine.database import Connection
from vitrine.shop import Shop

__all__ = ["reading"]


@contextmanager
def reading(shop: Shop) -> Iterator[Connection]:
    """One snapshot of the shop; its schema is on the path until the block ends."""
    with shop.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        path = sql.SQL(
            "SELECT set_config('search_path', concat_ws(', ', {}, (SELECT quote_ident(n.nspname) "
            "FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
            "WHERE e.extname = 'vector'), 'pg_temp'), true)"
        ).format(sql.Literal(sql.Identifier(shop.schema).as_string()))
        connection.execute(path)
        yield connection
