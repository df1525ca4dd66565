"""Writes what simulated shoppers did, as a shop would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from vitrine.database import Connection
from vitrine.events import Event, Logged, log_events

__all__ = ["write_popularity", "write_visits"]


def write_visits(connection: Connection, schema: str, events: Iterable[Event]) -> Logged:
    """Write events, each once, however often this is called."""
    return log_events(connection, schema, events)


def write_popularity(connection: Connection, events: Iterable[Event]) -> None:
    """Set each product's popularity to how often it was clicked."""
    clicks = Counter(e.get("object_id") for e in events if e["action_name"] == "click")
    connection.execute(
        "UPDATE product p SET popularity = c.clicks FROM unnest(%s::text[], %s::real[]) "
        "c (external_id, clicks) WHERE p.external_id = c.external_id",
        (list(clicks), [float(number) for number in clicks.values()]),
    )
