"""Logging from Python: what shoppers did, and the pages that they were shown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, TypedDict, cast

from psycopg import sql

from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.filters import json_text
from vitrine.search import Page, check_text, search_errors

__all__ = [
    "Event",
    "EventFields",
    "Logged",
    "identified",
    "log_event",
    "log_events",
    "log_page",
]

BATCH = 10_000  # events of one statement
GREATEST_INTEGER = 2**31 - 1  # of PostgreSQL's type integer
# How log_event's arguments are bound; all others are text.
TYPES = {
    "query_id": "uuid",
    "position": "integer",
    "propensity": "double precision",
    "quantity": "numeric",
    "amount": "numeric",
    "timestamp": "timestamptz",
    "event_attributes": "jsonb",
}


class EventFields(TypedDict, total=False):
    """What is known of an event beside its action; docs/events.md says what each means."""

    client: str | None
    session: str | None
    object_id: str | None
    object_id_field: str
    query_id: uuid.UUID | str | None
    position: int | None
    propensity: float | None
    sku: str | None
    quantity: Decimal | float | None
    amount: Decimal | float | None
    currency: str | None
    order_id: str | None
    event_id: uuid.UUID | str | None
    timestamp: datetime | None
    message: str | None
    event_attributes: Mapping[str, Any]
    application: str | None


class Event(EventFields):
    """One event of a list."""

    action_name: str


@dataclass(frozen=True, kw_only=True)
class Logged:
    """What became of a list of events; `skipped` were there already, or may not be kept."""

    written: int
    skipped: int
    quarantined: int


def log_event(
    connection: Connection, schema: str, action_name: str, event: EventFields
) -> uuid.UUID:
    """Write one event; returns its id."""
    values = _values({"action_name": action_name, **event})
    statement = sql.SQL("SELECT {}.log_event({})").format(
        sql.Identifier(schema),
        sql.SQL(", ").join(
            sql.SQL("{} => {}::{}").format(
                sql.Identifier(key), sql.Placeholder(key), sql.SQL(TYPES.get(key, "text"))
            )
            for key in values
        ),
    )
    if "event_attributes" in values:
        values["event_attributes"] = json_text(values["event_attributes"], "event_attributes")
    with search_errors():
        row = connection.execute(statement, values).fetchone()
    return cast("uuid.UUID", row[0]) if row else uuid.UUID(int=0)


def log_events(connection: Connection, schema: str, events: Iterable[Mapping[str, Any]]) -> Logged:
    """Write events, all or none: one statement, or one for each 10,000."""
    statement = sql.SQL("SELECT * FROM {}.log_events(%s::jsonb)").format(sql.Identifier(schema))
    total = [0, 0, 0]
    with search_errors(), connection.transaction():
        for batch in _batches(events):
            row = connection.execute(statement, (json_text(batch, "events"),)).fetchone()
            total = [before + now for before, now in zip(total, row or (), strict=True)]
    return Logged(written=total[0], skipped=total[1], quarantined=total[2])


def log_page(
    connection: Connection, schema: str, page: Page, query: str | None, given: Mapping[str, Any]
) -> uuid.UUID:
    """Write a page that was shown: the search, and an impression of each hit."""
    hits = [
        {
            "rank": hit.rank,
            "external_id": hit.external_id,
            "why": {"propensity": hit.propensity},
        }
        for hit in page.hits
    ]
    check_text(query, "the query")
    for name in ("client", "session", "application"):
        check_text(given[name], name)
    values = {
        **given,
        "page": json_text(
            {"hits": hits, "total": page.total, "milliseconds": page.milliseconds}, "page"
        ),
        "user_query": query,
        "filters": json_text(given["filters"] or {}, "filters"),
        "timestamp": _moment(given["timestamp"]),
        "query_id": str(given["query_id"]),
        "query_attributes": json_text(given["query_attributes"] or {}, "query_attributes"),
    }
    statement = sql.SQL(
        "SELECT {}.log_page(page => %(page)s::jsonb, user_query => %(user_query)s::text, "
        "client => %(client)s::text, session => %(session)s::text, filters => %(filters)s::jsonb, "
        "query_attributes => %(query_attributes)s::jsonb, "
        'query_id => %(query_id)s::text, "timestamp" => %(timestamp)s::timestamptz, '
        "application => %(application)s::text)"
    ).format(sql.Identifier(schema))
    with search_errors():
        row = connection.execute(statement, values).fetchone()
    return cast("uuid.UUID", row[0]) if row else uuid.UUID(int=0)


def identified(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with an id, so that a connection lost midway can be tried again."""
    if not isinstance(event, Mapping):
        raise QueryError(f"an event must be a mapping of names to values, not {event!r:.50}")
    return {**event, "event_id": event.get("event_id") or uuid.uuid4()}


def _batches(events: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(events)
    while batch := [_values(event) for event in islice(iterator, BATCH)]:
        for values in batch:
            for key in ("event_id", "query_id", "timestamp"):
                if values.get(key) is not None:
                    values[key] = str(values[key])
        yield batch


def _values(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event's values as the driver takes them, refused where no PostgreSQL value can be made."""
    values = {**event}
    unknown = sorted(values.keys() - Event.__required_keys__ - EventFields.__optional_keys__)
    if unknown:
        known = sorted(EventFields.__optional_keys__)
        raise QueryError(f"an event has no {unknown[0]!r}; it has {', '.join(known)}")
    for key, value in values.items():
        if key not in TYPES and not isinstance(value, uuid.UUID):
            check_text(value, key)
    if values.get("event_id") is not None:
        values["event_id"] = str(values["event_id"])
    if values.get("timestamp") is not None:
        values["timestamp"] = _moment(values["timestamp"])
    if values.get("position") is not None:
        values["position"] = _position(values["position"])
    return values


def _position(value: Any) -> int:
    try:
        number = int(value)
        # PostgreSQL would round 2.5, and True is no place.
        whole = not isinstance(value, bool) and (isinstance(value, str) or number == value)
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or abs(number) > GREATEST_INTEGER:
        raise QueryError(
            f"position is {value!r:.50}: give a whole number from 1 to {GREATEST_INTEGER:,}"
        )
    return number


def _moment(value: object) -> datetime | None:
    if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
        raise QueryError(f"timestamp is {value!r}: give a datetime with a time zone")
    return value
