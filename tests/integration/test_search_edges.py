"""Searches with little time, odd options and filters, and parts of the database missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.conftest import Postgres
from tests.integration.random_shop import (
    KEY,
    RANGE_OF_FILTERS,
    Shop,
    load,
    prepare,
    recalls,
    similarities,
)
from tests.integration.searchable import ask


@pytest.fixture
def shop(random_shop: Shop) -> Shop:
    """Only read."""
    return random_shop


@pytest.mark.parametrize("wanted", [{}, {"brand": "rare"}, {"price": {"lt": 20}}], ids=json.dumps)
@pytest.mark.parametrize("k", [10, 1000])
def test_a_deadline_of_a_millisecond(shop: Shop, wanted: dict[str, Any], k: int) -> None:
    notices: list[str] = []
    shop.connection.add_notice_handler(handler := lambda d: notices.append(str(d.sqlstate)))
    terms = [{"image": KEY.format(0)}]
    hits = ask(shop.connection, terms=terms, filters=wanted, k=k, options={"deadline_ms": 1})
    shop.connection.remove_notice_handler(handler)
    truth = similarities(shop, wanted, shop.queries[0])
    assert {hit["product_id"] for hit in hits} <= set(truth)
    if notices:
        assert notices == ["VT010"]
        assert all(hit["why"]["complete"] is False for hit in hits)
    else:
        assert len(hits) == min(k, len(truth))
        assert all("complete" not in hit["why"] for hit in hits)


def test_a_search_that_ends_early_says_so(undone: Shop) -> None:
    """A route that finds too little at first must look again, which the deadline forbids."""
    undone.connection.execute(
        "CREATE OR REPLACE FUNCTION search_row_limit(wanted integer) RETURNS integer "
        "LANGUAGE sql IMMUTABLE AS 'SELECT 1'"
    )
    notices: list[str] = []
    undone.connection.add_notice_handler(handler := lambda d: notices.append(str(d.sqlstate)))
    terms = [{"image": KEY.format(0)}]
    options = {"deadline_ms": 1, "explain": True}
    hits = ask(undone.connection, terms=terms, filters={"brand": "tenth"}, options=options)
    undone.connection.remove_notice_handler(handler)
    assert notices == ["VT010"]
    assert hits
    assert all(hit["why"]["complete"] is False for hit in hits)
    assert hits[0]["why"]["search"]["complete"] is False


@pytest.mark.parametrize(
    "options",
    [
        {"deadline_ms": 0},
        {"deadline_ms": -5},
        {"deadline_ms": "soon"},
        {"deadline_ms": "100"},
        {"deadline_ms": True},
        {"deadline_ms": [1]},
        {"deadline_ms": 1e300},
        {"explain": "yes"},
        {"explain": 1},
        {"explain": []},
    ],
    ids=json.dumps,
)
def test_options_that_make_no_sense(undone: Shop, options: dict[str, Any]) -> None:
    with pytest.raises(psycopg.Error) as caught, undone.connection.transaction():
        ask(undone.connection, options=options)
    assert caught.value.sqlstate == "VT001"
    assert caught.value.diag.message_hint


def test_options_of_null_ask_for_nothing(shop: Shop) -> None:
    hits = ask(shop.connection, options={"deadline_ms": None, "explain": None, "space": None})
    assert len(hits) == 24


@pytest.mark.parametrize(
    "statement",
    [
        "DROP INDEX image_vector_1_hnsw_idx",
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'image_vector_1_hnsw_idx'::regclass",
        "DELETE FROM cell_generation",
        "DROP INDEX image_vector_1_hnsw_idx; DELETE FROM cell_generation",
    ],
)
def test_what_is_missing_is_done_without(undone: Shop, statement: str) -> None:
    undone.connection.execute(statement.encode())
    for wanted in ({}, {"brand": "tenth"}, {"brand": "rare"}, {"price": {"lt": 10}}):
        assert np.mean(recalls(undone, wanted, range(6), 10)) >= 0.95


@pytest.fixture
def stale(postgres: Postgres, template_database: str) -> Iterator[Shop]:
    """Analysed when nearly empty, and then loaded; without cells."""
    with postgres.clone(template_database) as name, postgres.open(name) as connection:
        products, queries = prepare(connection)
        load(connection, products[:10])
        connection.execute("ANALYZE")
        load(connection, products[10:])
        yield Shop(connection, products, queries)


def test_stale_statistics(stale: Shop) -> None:
    for wanted in RANGE_OF_FILTERS:
        assert np.mean(recalls(stale, wanted, range(4), 24)) >= 0.98


@pytest.mark.parametrize(
    "wanted",
    [
        {"price": {"lt": 1e300 * 10}},
        {"attributes": {}},
        {"options": {}},
        {"any": [{}]},
    ],
    ids=["large", "no attribute", "no option", "any of nothing"],
)
def test_filters_at_the_edge(shop: Shop, wanted: dict[str, Any]) -> None:
    for k in (10, 1000):
        recalls(shop, wanted, [0], k)


def test_prices_beyond_floating_point(shop: Shop) -> None:
    for wanted, count in (
        ({"gt": -(10**400), "lt": 10**400}, 200),
        ({"gt": 10**400}, 0),
        ({"lt": -(10**400)}, 0),
        (10**400, 0),
    ):
        terms = [{"image": KEY.format(0)}]
        assert len(ask(shop.connection, terms=terms, filters={"price": wanted}, k=200)) == count


def test_nested_alternatives_cost_no_more_than_they_hold(shop: Shop) -> None:
    wanted: dict[str, Any] = {"any": [{"brand": "rare"}] * 50}
    for _ in range(9):
        wanted = {"any": [wanted, {"brand": "rare"}]}
    shop.connection.execute("SET statement_timeout = '10s'")
    try:
        hits = ask(shop.connection, terms=[{"image": KEY.format(0)}], filters=wanted, k=24)
    finally:
        shop.connection.execute("RESET statement_timeout")
    brands = {product.product_id: product.brand for product in shop.products}
    assert hits
    assert {brands[hit["product_id"]] for hit in hits} == {"rare"}


def test_a_sketch_whose_vector_is_gone(undone: Shop) -> None:
    """Nobody should delete vectors past the triggers; searches pass over what is left."""
    connection = undone.connection
    connection.execute("SET LOCAL session_replication_role = replica")
    gone = connection.execute(
        "DELETE FROM image_vector_1 WHERE product_id IN (SELECT product_id FROM product "
        "WHERE brand = 'rare' ORDER BY product_id LIMIT 2) RETURNING product_id"
    ).fetchall()
    connection.execute("SET LOCAL session_replication_role = origin")
    assert gone
    for wanted in ({"brand": "rare"}, {"price": {"lt": 5}}, {"in_stock": False}):
        hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=wanted, k=1000)
        assert hits


@pytest.mark.parametrize("total", [10_000, 100_000, 1_000_000, 7_000_000])
def test_the_sample_is_never_empty(shop: Shop, total: int) -> None:
    """Of however large a table these sketches were: 1,500 of it, more above 100,000."""
    connection = shop.connection
    every_64th = connection.execute(
        "SELECT count(*) FROM image_sketch_1 WHERE hashint8(image_id) & 63 = 0"
    ).fetchone()
    row = connection.execute(
        'SELECT s.seen FROM search_conditions(\'{"brand": "half"}\', NULL) f, '
        "search_sample('image', 1, f, %s, 24) s",
        (total,),
    ).fetchone()
    assert every_64th is not None
    assert row is not None
    expected = every_64th[0] * min(1, 1500 * 64 / total * max(total / 100_000, 1) ** 0.4)
    assert expected / 2 < row[0] < expected * 2
