"""What a history costs: bounded look-ups by index, however many events a shopper has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vitrine.database import Connection

EVENTS = 40_000
LATEST = """
    SELECT e.object_id, e.action_name, e.timestamp, e.quantity FROM event e
    WHERE e.{column} = 'flood' {more} AND e.timestamp <= now()
      AND e.action_name IN
          ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase')
    ORDER BY e.timestamp DESC LIMIT 300"""


@pytest.fixture
def flooded(connection: Connection) -> Connection:
    """A shopper of very many events in three months, most of them impressions, never analysed."""
    connection.execute("SELECT ensure_partitions((now() - interval '100 days')::date)")
    connection.execute(
        "INSERT INTO product (external_id) SELECT 'P' || n FROM generate_series(1, 500) n"
    )
    connection.execute(
        "INSERT INTO event (action_name, client_id, session_id, object_id, timestamp) "
        "SELECT CASE WHEN n %% 5 = 0 THEN 'view' ELSE 'impression' END, "
        "CASE WHEN n %% 2 = 0 THEN 'flood' END, 'flood', 'P' || 1 + n %% 500, "
        "now() - interval '90 days' * n / %(events)s FROM generate_series(1, %(events)s) n",
        {"events": EVENTS},
    )
    connection.execute("SET enable_seqscan = off")
    connection.execute("SET enable_bitmapscan = off")
    return connection


@pytest.mark.parametrize(
    ("column", "more"), [("client_id", ""), ("session_id", "AND e.client_id IS NULL")]
)
def test_the_latest_events_come_by_index_and_no_more_of_them(
    flooded: Connection, column: str, more: str
) -> None:
    rows = flooded.execute(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {LATEST.format(column=column, more=more)}".encode()
    ).fetchone()
    assert rows is not None
    nodes = list(_nodes(rows[0][0]["Plan"]))
    assert not [n for n in nodes if n["Node Type"] in ("Sort", "Seq Scan", "Bitmap Heap Scan")]
    scans = [n for n in nodes if "Index Name" in n]
    assert scans
    assert sum(n["Actual Rows"] for n in scans) == 300
    # Impressions are not in the index at all, and the older months were never opened.
    assert sum(n["Actual Loops"] == 0 for n in scans) >= 1
    assert sum(n.get("Rows Removed by Filter", 0) for n in scans) == 0
    assert all(f"{column}_timestamp_idx" in n["Index Name"] for n in scans)


def _nodes(plan: dict[str, object]) -> Iterator[dict[str, object]]:
    yield plan
    for below in plan.get("Plans", []):  # type: ignore[attr-defined]
        yield from _nodes(below)


def test_no_more_events_count_than_the_weights_say(flooded: Connection) -> None:
    row = flooded.execute(
        "SELECT (personal_history('flood', 'flood')).events, "
        "(personal_history('flood', NULL, NULL, '{\"events\": 7}')).events, "
        "(personal_history('flood', NULL, NULL, '{\"events\": 1000000}')).events"
    ).fetchone()
    assert row == (300, 7, 1000)
