"""Searches without a filter: by a function of the space, whose plan is kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.searchable import ask, names
from tests.plans.clustered_shop import (
    BROAD,
    IMAGE_INDEX,
    KEY,
    LARGE,
    scans,
    true_order,
    vector_plans,
)
from vitrine.database import Connection

PLANNED_ANEW = (
    "CREATE OR REPLACE FUNCTION search_is_unfiltered(route search_route, filter search_filter) "
    "RETURNS boolean LANGUAGE sql RETURN false"
)
CALLS = "SELECT pg_stat_get_xact_function_calls('image_unfiltered_1'::regproc)"


def looked(connection: Connection, number: int, **options: Any) -> list[dict[str, Any]]:
    hits = ask(connection, terms=[{"image": KEY.format(number)}], **options)
    assert vector_plans(hits)["image"] == "hnsw"
    return hits


def calls(connection: Connection) -> int:
    row = connection.execute(CALLS).fetchone()
    assert row is not None
    return int(row[0] or 0)


@pytest.fixture
def counted(connection: Connection) -> Connection:
    connection.execute("SET LOCAL track_functions = 'all'")
    return connection


@pytest.mark.parametrize("options", [{"k": 10}, {"k": 60}, {"filters": {}}])
def test_it_finds_what_the_statement_finds(counted: Connection, options: dict[str, Any]) -> None:
    kept = [looked(counted, number, **options) for number in range(8)]
    assert calls(counted) == 8
    counted.execute(PLANNED_ANEW)
    assert [looked(counted, number, **options) for number in range(8)] == kept
    assert calls(counted) == 8


def test_what_a_filter_keeps_is_asked_for_anew(counted: Connection) -> None:
    looked(counted, 0, filters=BROAD)
    assert calls(counted) == 0


def test_what_is_looked_for_is_not_found(
    filled: tuple[Connection, Any], counted: Connection
) -> None:
    first = true_order(filled[1], counted, 0, lambda product: True)[:5]
    terms = [{"image": KEY.format(0)}, {"product": first[1], "weight": 0.01}]
    hits = ask(counted, terms=terms, k=10)
    assert calls(counted) > 0
    assert first[1] not in names(hits)
    assert {first[0], *first[2:]} <= set(names(hits))


def test_a_plan_does_not_outlive_its_index(counted: Connection) -> None:
    before = looked(counted, 0, k=10)
    counted.execute(f"DROP INDEX {IMAGE_INDEX}".encode())
    without = ask(counted, terms=[{"image": KEY.format(0)}], k=10)
    assert vector_plans(without)["image"] == "cells"
    build = f"CREATE INDEX {IMAGE_INDEX} ON image_vector_1 USING hnsw (embedding halfvec_ip_ops)"
    counted.execute(build.encode())
    assert names(looked(counted, 0, k=10)) == names(before)
    assert scans(counted, IMAGE_INDEX) == 1
    assert calls(counted) == 2


def test_a_plan_made_of_little_serves_all(counted: Connection) -> None:
    """Limits and cells are not told to the planner: the first search decides nothing."""
    for k in (1, 100, 10):
        looked(counted, 0, k=k)
    assert calls(counted) == 3
    assert scans(counted, IMAGE_INDEX) == 3
    assert {table: scans(counted, table) for table in LARGE} == dict.fromkeys(LARGE, 0)
