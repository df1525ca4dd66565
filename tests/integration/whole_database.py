"""A search of a whole schema for some text, which knows nothing of how Vitrine searches it."""

from __future__ import annotations

from psycopg import sql

from vitrine.database import Connection

TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
        AND c.relkind IN ('r', 'p', 'm') ORDER BY c.relname"""


def places(connection: Connection, text: str) -> list[str]:
    """The tables and partitions of every schema in which a row's text holds this text."""
    found = []
    for schema, table in connection.execute(TABLES).fetchall():
        statement = sql.SQL("SELECT EXISTS (SELECT FROM {} t WHERE strpos(t::text, %s) > 0)")
        name = sql.Identifier(schema, table)
        if connection.execute(statement.format(name), (text,)).fetchone() == (True,):
            found.append(table)
    return found
