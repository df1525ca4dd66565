"""The plans of a claim and of a write, on a queue as long as a real backfill's."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import CopyOf
from tests.integration.stub_encoder import StubEncoder
from vitrine.database import Connection
from vitrine.vectors import ensure_space
from vitrine.work_queue import WorkQueue

ROWS = 50_000


def fill(connection: Connection) -> None:
    """A queue of many pictures, a tenth of them leased and some dead."""
    ensure_space(connection, StubEncoder().identity)
    connection.execute(
        "INSERT INTO product (external_id) SELECT n::text FROM generate_series(1, %s) n", (ROWS,)
    )
    connection.execute("INSERT INTO image (product_id, uri) SELECT product_id, 'x' FROM product")
    connection.execute(
        "UPDATE work_queue SET available_at = now() + interval '5 minutes' WHERE item_id % 10 = 0"
    )
    connection.execute("UPDATE work_queue SET dead_at = now() WHERE item_id % 50 = 1")
    connection.execute("VACUUM ANALYZE work_queue, image, image_vector_1")


@pytest.fixture
def long_queue(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def explain(connection: Connection, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of the plan of one of the queue's statements, run with these values."""
    statement = WorkQueue(connection, 1).statement(name)
    rows = connection.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.as_string(connection), values
    ).fetchall()
    plan = rows[0][0]
    return list(nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def read_whole(plan: list[dict[str, Any]]) -> set[str]:
    """The tables that a plan reads from end to end."""
    return {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}


def test_a_claim_reads_its_index_in_order_and_nothing_else_of_the_queue(
    long_queue: Connection,
) -> None:
    values = {
        "space_id": 1,
        "least_claims": 0,
        "most_claims": 2,
        "limit": 64,
        "lease_seconds": 300,
        "lease_token": uuid.uuid4(),
    }
    plan = explain(long_queue, "claim", values)

    used = {node["Index Name"] for node in plan if "Index Name" in node}
    assert "work_queue_claim_idx" in used
    assert "work_queue" not in read_whole(plan)
    assert "image" not in read_whole(plan)
    (scan,) = [node for node in plan if node.get("Index Name") == "work_queue_claim_idx"]
    assert scan["Node Type"] == "Index Scan"
    assert scan["Actual Rows"] <= 80  # a limit's worth, not the whole queue sorted
    sorts = [node for node in plan if node["Node Type"] == "Sort"]
    assert all(node["Actual Rows"] <= 64 for node in sorts)


def test_a_write_finds_its_entries_and_pictures_by_key(long_queue: Connection) -> None:
    queue = WorkQueue(long_queue, 1)
    entries = queue.claim(64, lease_seconds=300)
    values = {
        "space_id": 1,
        "lease_seconds": 300,
        "product_ids": [entry.product_id for entry in entries],
        "kinds": [entry.kind for entry in entries],
        "item_ids": [entry.item_id for entry in entries],
        "lease_tokens": [entry.lease_token for entry in entries],
    }
    plan = explain(long_queue, "extend", values)
    assert "work_queue" not in read_whole(plan)
    assert "image" not in read_whole(plan)
    assert "work_queue_pkey" in {node.get("Index Name") for node in plan}
