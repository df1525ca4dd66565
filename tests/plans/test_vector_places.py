"""Vectors are read where their sketches say that they lie; found by key where that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.searchable import ask, names
from tests.plans.clustered_shop import (
    BROAD,
    IMAGE_INDEX,
    KEY,
    NARROW,
    PRODUCTS,
    always_districts,
    scans,
    vector_plans,
)
from vitrine.database import Connection

BY_KEY = "image_vector_1_pkey"
WAYS = {
    "hnsw": {},
    "districts": BROAD,
    "list": {"brand": "most", "price": {"lt": 150}},
    "prices": {"price": {"lt": 150}},
    "exact": NARROW,
}


def found(connection: Connection, way: str) -> list[str]:
    hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=WAYS[way], k=10)
    assert vector_plans(hits)["image"] == ("list" if way == "prices" else way)
    return names(hits)


def prepare(connection: Connection, way: str) -> None:
    if way == "districts":
        always_districts(connection)
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_may_miss(wanted integer) RETURNS double precision "
        "LANGUAGE sql RETURN 1000"
    )
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_is_noise(kind text, space_id integer, vector halfvec, "
        "route search_route, last double precision, wanted integer) "
        "RETURNS boolean LANGUAGE sql RETURN false"
    )


@pytest.mark.parametrize("way", WAYS)
def test_none_is_looked_up_by_key(connection: Connection, way: str) -> None:
    prepare(connection, way)
    found(connection, way)
    assert scans(connection, BY_KEY) <= 2 * 10  # what the page itself asks


WRONG = {
    "unknown": "NULL",
    "no longer there": "'(4000000,1)'",
    "of another": "(SELECT o.vector_at FROM image_sketch_1 o "
    f"WHERE o.product_id = {PRODUCTS} + 1 - s.product_id)",
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_place_changes_no_page(connection: Connection, way: str, wrong: str) -> None:
    prepare(connection, way)
    right = found(connection, way)
    for table in ("image_sketch_1", "image_price_1"):
        update = f"UPDATE {table} s SET vector_at = {WRONG[wrong]} WHERE product_id % 3 > 0"
        connection.execute(update.encode())
    before = scans(connection, BY_KEY)
    assert found(connection, way) == right
    assert scans(connection, BY_KEY) > 2 * before


def test_a_cell_is_read_from_its_index_alone(connection: Connection) -> None:
    connection.execute(f"DROP INDEX {IMAGE_INDEX}".encode())
    connection.execute("SET LOCAL enable_seqscan = off")
    connection.execute("SET LOCAL enable_bitmapscan = off")
    plan: list[tuple[Any]] = connection.execute(
        "EXPLAIN SELECT product_id, image_id, vector_at FROM image_sketch_1 "
        "WHERE cell_id = ANY ('{1,2}') ORDER BY sketch LIMIT 10"
    ).fetchall()
    assert any("Index Only Scan using image_sketch_1_cell_idx" in line for (line,) in plan)
