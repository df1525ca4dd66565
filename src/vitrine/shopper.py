"""One shopper's data: forgetting it, finding it, handing it over, and keeping none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.privacy import ClientKeys
from vitrine.search import check_text, search_errors

__all__ = ["ShopperData"]


class ShopperData(ABC):
    """The methods of `Shop` that concern one shopper's data.

    A client is looked for under every name it may have: by each key of VITRINE_CLIENT_KEY, and as
    it is given. Every method raises QueryError for an id that cannot be one, and DatabaseError
    where the login may not do this.
    """

    schema: str
    client_keys: ClientKeys

    @abstractmethod
    def connection(self) -> AbstractContextManager[Connection]:
        """Borrow a connection in autocommit mode."""

    def forget(self, client: str) -> dict[str, int]:
        """Remove everything that names a client, in one transaction; rows removed by table."""
        return dict(self._of_client("forget_clients", client))

    def traces(self, client: str) -> dict[str, int]:
        """Every table in which a client is still found, with the number of rows."""
        return dict(self._of_client("client_traces", client))

    def export(self, client: str) -> dict[str, Any]:
        """Everything that is stored of a client.

        `{"client": …, "exported_at": …, "opted_out": …, "tables": {"event": [{…}, …], …}}`
        """
        tables: dict[str, list[dict[str, Any]]] = {}
        for place, record in self._of_client("export_rows", client):
            tables.setdefault(str(place), []).append(record)
        for records in tables.values():
            records.sort(key=lambda record: str(record.get("timestamp", "")))
        return {
            "client": client,
            "exported_at": datetime.now(UTC).isoformat(),
            "opted_out": self.opted_out(client),
            "tables": dict(sorted(tables.items())),
        }

    def rekey(self, client: str | None = None, *, session: str | None = None) -> dict[str, int]:
        """Move a client's history from former keys, or the plain id, to the present key.

        The wish to have none moves too, and of a session the wish alone: a visit is short.

        Returns:
            How many rows moved, by table.

        Raises:
            QueryError: neither is given.

        """
        if client is None and session is None:
            raise QueryError("give a client or a session whose key has changed")
        if session is not None and self.opted_out(session=session):
            self.opt_out(session=session)  # under every key
        if client is None:
            return {}
        check_text(client, "the client")
        present, *former = self.client_keys.names(client)
        statement = sql.SQL("SELECT * FROM {}(%s, %s)").format(self._function("rename_client"))
        moved: dict[str, int] = {}
        with self.connection() as connection, search_errors(), connection.transaction():
            for name in former:
                for place, count in connection.execute(statement, (name, present)).fetchall():
                    moved[place] = moved.get(place, 0) + count
        return moved

    def opt_out(self, client: str | None = None, *, session: str | None = None) -> None:
        """Write no history of a client, or of a session, and rank nothing by it."""
        self._choose("opt_out", client, session)

    def opt_in(self, client: str | None = None, *, session: str | None = None) -> None:
        """Write history of a client, or of a session, again."""
        self._choose("opt_in", client, session)

    def opted_out(self, client: str | None = None, *, session: str | None = None) -> bool:
        """Whether the client or the session opted out."""
        return any(row == (True,) for row in self._choose("opted_out", client, session))

    def _named(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event with its client and session under the names that are stored."""
        names = {key: event[key] for key in ("client", "session") if key in event}
        return event | {key: self._stored(name, f"the {key}") for key, name in names.items()}

    def _stored(self, name: str | None, what: str) -> str | None:
        """The name under which a client or session is stored."""
        check_text(name, what)
        return self.client_keys.name(name)

    def _choose(self, function: str, client: str | None, session: str | None) -> list[Any]:
        check_text(client, "the client")
        check_text(session, "the session")
        statement = sql.SQL("SELECT {}(%s::text, %s::text)").format(self._function(function))
        clients = [None] if client is None else self.client_keys.names(client)
        sessions = [None] if session is None else self.client_keys.names(session)
        rows: list[Any] = []
        with self.connection() as connection, search_errors(), connection.transaction():
            for one in clients:
                for other in sessions:
                    rows += connection.execute(statement, (one, other)).fetchall()
        return rows

    def _of_client(self, function: str, client: str) -> list[Any]:
        check_text(client, "the client")
        statement = sql.SQL("SELECT * FROM {}(%s::text[])").format(self._function(function))
        names = self.client_keys.names(client) if client else [client]
        with self.connection() as connection, search_errors(), connection.transaction():
            # Whatever the database's default is: forgetting has to see what others just wrote.
            connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            return connection.execute(statement, (list(names),)).fetchall()

    def _function(self, function: str) -> sql.Identifier:
        return sql.Identifier(self.schema, function)
