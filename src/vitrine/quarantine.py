"""The quarantine from Python: records with absurd dates, to be released or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from vitrine.database import Connection
from vitrine.search import search_errors

__all__ = [
    "Quarantined",
    "drop_quarantined",
    "list_quarantine",
    "quarantine_reasons",
    "release_quarantined",
]


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """One record; `timestamp` is text, for it may be a date that Python cannot hold."""

    quarantine_id: int
    relation: str
    record_id: UUID
    timestamp: str
    client_id: str | None
    session_id: str | None
    reason: str
    record: dict[str, Any]
    quarantined_at: datetime


def list_quarantine(
    connection: Connection, *, reason: str | None = None, limit: int | None = None
) -> tuple[Quarantined, ...]:
    """The records, the oldest first; all, or those of one reason."""
    statement = (
        "SELECT quarantine_id, relation, record_id, timestamp::text, client_id, session_id, "
        "reason, record, quarantined_at FROM quarantine "
        "WHERE coalesce(reason = %s::text, true) ORDER BY quarantine_id LIMIT %s"
    )
    with search_errors(), connection.cursor(row_factory=class_row(Quarantined)) as cursor:
        return tuple(cursor.execute(statement, (reason, limit)))


def quarantine_reasons(connection: Connection) -> dict[str, int]:
    """How many records there are by reason, the most frequent first."""
    with search_errors():
        rows = connection.execute(
            "SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY 2 DESC, 1"
        ).fetchall()
    return dict(rows)


def release_quarantined(
    connection: Connection,
    ids: Sequence[int],
    *,
    timestamp: datetime | None = None,
    shift: timedelta | None = None,
) -> int:
    """Write records into the history, at another time if one is given; returns how many.

    Raises:
        QueryError: a date would still be absurd, or both a timestamp and a shift are given;
            nothing is released then.

    """
    with search_errors():
        row = connection.execute(
            "SELECT release_quarantined(%s::bigint[], %s::timestamptz, %s::interval)",
            ([*ids], timestamp, shift),
        ).fetchone()
    return int(row[0]) if row else 0


def drop_quarantined(connection: Connection, ids: Sequence[int]) -> int:
    """Remove records for good; returns how many."""
    with search_errors():
        row = connection.execute("SELECT drop_quarantined(%s::bigint[])", ([*ids],)).fetchone()
    return int(row[0]) if row else 0
