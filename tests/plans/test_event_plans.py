"""What reading and writing the history touches: the newest rows of one shopper, never the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import CopyOf
from vitrine.database import Connection

EVENTS = 60_000  # of one client, in six months
LATEST = """SELECT e.object_id, e.action_name, e.timestamp FROM event e
WHERE e.{key} = $1 AND e.timestamp <= $2 ORDER BY e.timestamp DESC LIMIT 300"""


def fill(connection: Connection) -> None:
    connection.execute("SELECT ensure_partitions((now() - interval '6 months')::date)")
    connection.execute(
        "INSERT INTO event (timestamp, action_name, client_id, session_id, object_id) "
        "SELECT now() - n * interval '4 minutes', 'view', 'busy', 's-' || n / 50, 'P' || n %% 100 "
        "FROM generate_series(1, %s) n",
        (EVENTS,),
    )
    connection.execute(
        "INSERT INTO event (timestamp, action_name, client_id, session_id, object_id) "
        "SELECT now() - n * interval '1 hour', 'view', 'u-' || n % 50, 'v-' || n, 'P' || n % 100 "
        "FROM generate_series(1, 4000) n"
    )


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def explain(shop: Connection, statement: str, *values: str) -> dict[str, Any]:
    """The plan that a function's statement has: generic, in tables never analysed."""
    shop.execute("SET plan_cache_mode = force_generic_plan")
    shop.execute(f"PREPARE asked AS {statement}".encode())
    row = shop.execute(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) EXECUTE asked({', '.join(values)})".encode()
    ).fetchone()
    assert row
    found: dict[str, Any] = row[0][0]["Plan"]
    return found


@pytest.mark.parametrize(("key", "who"), [("client_id", "'busy'"), ("session_id", "'s-40'")])
@pytest.mark.parametrize("analysed", [False, True])
def test_the_latest_events_of_one_shopper_are_read_and_no_others(
    shop: Connection, key: str, who: str, analysed: bool
) -> None:
    if analysed:
        shop.execute("ANALYZE event")
    plan = explain(shop, LATEST.format(key=key), who, "now()")
    for node in nodes(plan):
        if node["Node Type"] == "Seq Scan":  # of a month without a row
            assert node["Actual Rows"] + node.get("Rows Removed by Filter", 0) == 0
        elif node["Node Type"] == "Sort":  # of the few events of a session
            assert node["Actual Rows"] < 300
        else:
            assert node["Node Type"] in {"Limit", "Append", "Merge Append", "Index Scan"}
    read = [n for n in nodes(plan) if n["Node Type"] == "Index Scan" and n["Actual Loops"]]
    assert all(key in node["Index Cond"] for node in read)
    assert sum(node["Actual Rows"] for node in read) <= 300 + len(read)
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 1000


def test_the_months_after_the_moment_are_not_looked_at(shop: Connection) -> None:
    statement = LATEST.format(key="client_id")
    plan = explain(shop, statement, "'busy'", "now() - interval '3 months'")
    (append,) = (n for n in nodes(plan) if n["Node Type"] in {"Append", "Merge Append"})
    assert append["Subplans Removed"] >= 14


def test_writing_an_event_reads_no_other_shoppers(shop: Connection) -> None:
    for name in ("log_event('view', 'busy', 'P1')", "log_event('view', 'busy', event_id => 'e-1')"):
        shop.execute(f"SELECT {name}".encode())
        row = shop.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT {name}".encode())
        plan = row.fetchone()[0][0]["Plan"]  # type: ignore[index]
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 500
