"""Writes what simulated shoppers did, as a shop would."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from vitrine.database import Connection
from vitrine.events import Event, Logged, log_events
from vitrine.simulation.assortment import Assortment

__all__ = ["write_popularity", "write_searches", "write_visits"]

BATCH = 2_000  # searches of one statement


def write_visits(connection: Connection, schema: str, events: Iterable[Event]) -> Logged:
    """Write events, each once, however often this is called."""
    return log_events(connection, schema, events)


def write_searches(connection: Connection, assortment: Assortment, events: Iterable[Event]) -> int:
    """Write the searches that the impressions among `events` answer: pages of a top category.

    With them, the pages can be learned from. Returns how many there are.
    """
    shelves = dict(zip(assortment.external_ids, assortment.shelves, strict=True))
    pages: dict[str, dict[str, Any]] = {}
    for event in events:
        shown = str(event.get("object_id"))
        if event["action_name"] == "impression":
            page = pages.setdefault(
                str(event.get("query_id")),
                {
                    "client": event.get("client"),
                    "at": str(event.get("timestamp")),
                    "filters": {"category": assortment.paths[shelves[shown]]},
                    "shown": [],
                },
            )
            page["shown"].append(shown)
    rows = ({"query_id": query_id, **page} for query_id, page in pages.items())
    with connection.transaction():
        while batch := list(islice(rows, BATCH)):
            connection.execute(
                "SELECT log_query(NULL, q.client, q.shown, filters => q.filters, "
                'query_id => q.query_id, "timestamp" => q.at) FROM jsonb_to_recordset(%s) '
                "q (query_id text, client text, at timestamptz, filters jsonb, shown text[])",
                (json.dumps(batch),),
            )
    return len(pages)


def write_popularity(connection: Connection, events: Iterable[Event]) -> None:
    """Set each product's popularity to how often it was clicked."""
    clicks = Counter(e.get("object_id") for e in events if e["action_name"] == "click")
    connection.execute(
        "UPDATE product p SET popularity = c.clicks FROM unnest(%s::text[], %s::real[]) "
        "c (external_id, clicks) WHERE p.external_id = c.external_id",
        (list(clicks), [float(number) for number in clicks.values()]),
    )
