"""One shopper's data: forgetting it, finding it, handing it over, and keeping none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from vitrine.database import Connection
from vitrine.privacy import ClientKeys
from vitrine.search import check_text, search_errors

__all__ = ["ShopperData"]


class ShopperData:
    """What the methods of the same names of `Shop` do.

    A client is looked for under every name it may have: by each key of VITRINE_CLIENT_KEY, and as
    it was given. Every method raises QueryError for an id that cannot be one, and DatabaseError
    where the login may not do this.
    """

    def __init__(
        self,
        schema: str,
        connection: Callable[[], AbstractContextManager[Connection]],
        keys: ClientKeys,
    ) -> None:
        self._schema = schema
        self._connection = connection
        self._keys = keys

    def forget(self, client: str) -> dict[str, int]:
        """Remove everything; the rows removed, by table."""
        return {str(place): int(count) for place, count in self._rows("forget_clients", client)}

    def traces(self, client: str) -> dict[str, int]:
        """Where the client is still found, with the number of rows."""
        return {str(place): int(count) for place, count in self._rows("client_traces", client)}

    def export(self, client: str) -> dict[str, Any]:
        """Everything stored: `{"client": …, "exported_at": …, "opted_out": …, "tables": …}`."""
        tables: dict[str, list[dict[str, Any]]] = {}
        for place, record in self._rows("export_rows", client):
            tables.setdefault(str(place), []).append(record)
        for records in tables.values():
            records.sort(key=lambda record: str(record.get("timestamp", "")))
        return {
            "client": client,
            "exported_at": datetime.now(UTC).isoformat(),
            "opted_out": self.opted_out(client),
            "tables": dict(sorted(tables.items())),
        }

    def opt_out(self, client: str | None = None, *, session: str | None = None) -> None:
        """Write no history from now on."""
        self._choose("opt_out", client, session)

    def opt_in(self, client: str | None = None, *, session: str | None = None) -> None:
        """Write history again."""
        self._choose("opt_in", client, session)

    def opted_out(self, client: str | None = None, *, session: str | None = None) -> bool:
        """Whether the client or the session opted out."""
        return any(row == (True,) for row in self._choose("opted_out", client, session))

    def _choose(self, function: str, client: str | None, session: str | None) -> list[Any]:
        check_text(client, "the client")
        check_text(session, "the session")
        statement = sql.SQL("SELECT {}(%s::text, %s::text)").format(self._name(function))
        clients = [None] if client is None else self._keys.names(client)
        sessions = [None] if session is None else self._keys.names(session)
        rows: list[Any] = []
        with self._connection() as connection, search_errors(), connection.transaction():
            for one in clients:
                for other in sessions:
                    rows += connection.execute(statement, (one, other)).fetchall()
        return rows

    def _rows(self, function: str, client: str) -> list[Any]:
        check_text(client, "the client")
        statement = sql.SQL("SELECT * FROM {}(%s::text[])").format(self._name(function))
        names = self._keys.names(client) if client else [client]
        with self._connection() as connection, search_errors(), connection.transaction():
            # Whatever the database's default is: forgetting has to see what others just wrote.
            connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            return connection.execute(statement, (list(names),)).fetchall()

    def _name(self, function: str) -> sql.Identifier:
        return sql.Identifier(self._schema, function)
