"""Any filter, any plan: k products whenever k match, all of them right, nearly all nearest."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.conftest import Postgres
from tests.integration.random_shop import (
    KEY,
    QUERIES,
    Shop,
    Vectors,
    change,
    check_many,
    load,
    prepare,
    recalls,
    reprice,
    similarities,
    train,
)
from tests.integration.searchable import (
    Product,
    ask,
    is_shown,
)


@pytest.fixture(scope="module")
def loaded(
    postgres: Postgres, template_database: str
) -> Iterator[tuple[str, list[Product], Vectors]]:
    """The database of the whole shop, to be cloned."""
    with postgres.clone(template_database) as name:
        with postgres.open(name) as connection:
            products, queries = prepare(connection)
            load(connection, products)
            train(connection)
        yield name, products, queries


@pytest.fixture(scope="module")
def shop(postgres: Postgres, loaded: tuple[str, list[Product], Vectors]) -> Iterator[Shop]:
    with postgres.clone(loaded[0]) as name, postgres.open(name) as connection:
        yield Shop(connection, *loaded[1:])


@pytest.fixture
def undone(shop: Shop) -> Iterator[Shop]:
    """The shop in a transaction whose changes are undone."""
    with shop.connection.transaction(force_rollback=True):
        yield shop


@pytest.fixture(scope="module")
def changed(postgres: Postgres, loaded: tuple[str, list[Product], Vectors]) -> Iterator[Shop]:
    """The shop after much was deleted, encoded anew and moved, never analysed since."""
    with postgres.clone(loaded[0]) as name, postgres.open(name) as connection:
        products = deepcopy(loaded[1])
        change(connection, products)
        yield Shop(connection, [p for p in products if p.product_id % 10 >= 3], loaded[2])


def test_any_filter(shop: Shop) -> None:
    check_many(shop, 60)


def test_any_filter_after_many_changes(changed: Shop) -> None:
    check_many(changed, 60)


@pytest.mark.parametrize("folded", [0, 150])
def test_any_filter_after_changes_of_prices(
    postgres: Postgres, loaded: tuple[str, list[Product], Vectors], folded: int
) -> None:
    """Few enough to be looked up in lists of prices, some of them folded."""
    with postgres.clone(loaded[0]) as name, postgres.open(name) as connection:
        products = deepcopy(loaded[1])
        reprice(connection, products, random.Random(3))
        if folded:
            connection.execute("SELECT fold_facets(%s)", (folded,))
        shop = Shop(connection, products, loaded[2])
        check_many(shop, 30)
        for wanted in ({"price": {"lt": 3}}, {"price": {"gte": 97}}, {"price": {"lt": 50}}):
            assert np.mean(recalls(shop, wanted, range(4), 24)) >= 0.98


RANGE_OF_FILTERS = [
    {},
    {"brand": "half"},
    {"brand": "tenth"},
    {"brand": "rare"},
    {"category": "a"},
    {"category": "c/rare"},
    {"price": {"lt": 50}},
    {"price": {"lt": 3}},
    {"in_stock": False},
    {"not": {"brand": ["half", "tenth"]}},
    {"not": {"price": {"gte": 3}}},
    {"options": {"color": "gold"}, "category": "b"},
    {"options": {"color": ["gold", "red"]}, "price": {"lt": 4}},
    {"any": [{"price": {"lt": 2}}, {"category": "c/rare"}]},
]


@pytest.mark.parametrize("k", [10, 200])
@pytest.mark.parametrize("wanted", RANGE_OF_FILTERS, ids=json.dumps)
def test_from_broad_to_narrow(shop: Shop, wanted: dict[str, Any], k: int) -> None:
    assert np.mean(recalls(shop, wanted, range(QUERIES), k)) >= 0.98


@pytest.mark.parametrize(
    "wanted",
    [
        {"brand": "nobody"},
        {"brand": "half", "not": {"brand": "half"}},
        {"price": {"lt": 0}},
        {"price": {"gt": 50, "lt": 40}},
        {"options": {"color": "red"}, "sku": "p1-nothing"},
        {"any": []},
        {"category": []},
        {"all": [{"category": "a"}, {"brand": []}]},
    ],
    ids=json.dumps,
)
def test_a_filter_that_matches_nothing(shop: Shop, wanted: dict[str, Any]) -> None:
    notices: list[str] = []
    shop.connection.add_notice_handler(handler := lambda d: notices.append(str(d.sqlstate)))
    for arguments in ({"terms": [{"image": KEY.format(0)}]}, {"terms": [{"product": "p1"}]}, {}):
        assert ask(shop.connection, filters=wanted, **arguments) == []
    shop.connection.remove_notice_handler(handler)
    assert notices == []


@pytest.mark.parametrize("wanted", [{"brand": "rare"}, {"category": "c/rare"}, {"in_stock": False}])
def test_k_beyond_what_matches_is_all_of_it(shop: Shop, wanted: dict[str, Any]) -> None:
    for arguments in ({"terms": [{"image": KEY.format(0)}]}, {}):
        hits = ask(shop.connection, filters=wanted, k=1000, **arguments)
        assert {hit["product_id"] for hit in hits} == {
            product.product_id for product in shop.products if is_shown(wanted, product)
        }


def test_a_product_is_not_like_itself(shop: Shop) -> None:
    product = next(p for p in shop.products if p.status == "active" and p.pictures and p.brand)
    hits = ask(
        shop.connection,
        terms=[{"product": product.external_id}],
        filters={"any": [{"external_id": [p.external_id for p in shop.products[:40]]}]},
        k=1000,
    )
    expected = {p.product_id for p in shop.products[:40] if is_shown({}, p)}
    assert {hit["product_id"] for hit in hits} == expected - {product.product_id}


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


def test_a_page_has_a_kept_plan_that_says_the_same(shop: Shop) -> None:
    """What serves filters that ask nothing of variants, and what serves all others."""
    row = shop.connection.execute(
        "WITH page AS (SELECT array_agg(p.product_id ORDER BY p.product_id) AS ids, "
        "array_agg(i.image_id ORDER BY p.product_id) AS pictures, "
        "array_agg(1.0::float8) AS scores, array_agg('{}'::jsonb) AS reasons "
        "FROM product p LEFT JOIN LATERAL (SELECT i.image_id FROM image i "
        "WHERE i.product_id = p.product_id AND p.product_id % 2 = 0 "
        "ORDER BY i.image_id DESC LIMIT 1) i ON true), "
        "filter AS (SELECT f, jsonb_populate_record(f, '{\"on_variants\": true}') AS other "
        "FROM search_conditions('{}', NULL) f) "
        "SELECT search_hits(1, f, NULL, NULL, ids, pictures, scores, reasons, 0, '{}')::text, "
        "search_hits(1, other, NULL, NULL, ids, pictures, scores, reasons, 0, '{}')::text "
        "FROM page, filter"
    ).fetchone()
    assert row is not None
    kept, planned = row
    assert kept == planned
    assert kept.count(",p") == len(shop.products)


@pytest.mark.parametrize("wanted", [{}, {"brand": "tenth"}, {"category": "c/rare"}], ids=json.dumps)
def test_explain_says_how_rows_were_found(shop: Shop, wanted: dict[str, Any]) -> None:
    terms = [{"image": KEY.format(0)}]
    hits = ask(shop.connection, terms=terms, filters=wanted, options={"explain": True})
    matching = sum(is_shown(wanted, product) for product in shop.products)
    for hit in hits:
        report = hit["why"]["search"]
        assert report["complete"] is True
        assert report["image"]["plan"] in ("exact", "scan", "list", "districts", "cells", "hnsw")
        assert report["image"]["rows"] > 0
        assert report["image"]["compared"] >= min(24, matching)
        assert report["image"]["plan"] in ("exact", "scan") or report["image"]["matching"] >= 0
    assert "search" not in ask(shop.connection, terms=terms)[0]["why"]


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


def test_products_without_a_vector_come_last(shop: Shop) -> None:
    wanted = {"category": "c", "brand": "tenth"}
    hits = ask(shop.connection, terms=[{"image": KEY.format(0)}], filters=wanted, k=1000)
    truth = similarities(shop, wanted, shop.queries[0])
    without = {product for product, similarity in truth.items() if similarity is None}
    assert without
    assert {hit["product_id"] for hit in hits[-len(without) :]} == without
    assert all(hit["why"]["waiting"] for hit in hits[-len(without) :])


def test_a_product_whose_pictures_show_other_variants_waits(undone: Shop) -> None:
    """Its red variant matches; its only picture, of the blue one, does not stand for it."""
    connection = undone.connection
    connection.execute("INSERT INTO product (external_id) VALUES ('two')")
    for statement in (
        "INSERT INTO variant (product_id, sku, options) SELECT product_id, 'two-' || c, "
        "jsonb_build_object('color', 'odd ' || c) FROM product, unnest('{red,blue}'::text[]) c "
        "WHERE external_id = 'two'",
        "INSERT INTO image (product_id, uri) SELECT product_id, 'x' FROM product "
        "WHERE external_id = 'two'",
        "INSERT INTO image_variant SELECT product_id, image_id, variant_id FROM image "
        "JOIN variant USING (product_id) WHERE sku = 'two-blue'",
        "INSERT INTO image_vector_1 (product_id, image_id, embedding, input_version, content) "
        "SELECT i.product_id, image_id, q.embedding, 1, 'x' FROM query_vector q, image i "
        "JOIN product USING (product_id) WHERE external_id = 'two' LIMIT 1",
    ):
        connection.execute(statement.encode())
    terms = [{"image": KEY.format(0)}]
    hits = ask(connection, terms=terms, filters={"options": {"color": "odd red"}})
    assert [(hit["external_id"], hit["why"].get("waiting")) for hit in hits] == [("two", True)]
    # A SKU chooses the variant, not the picture: any of the product's may stand for it.
    hits = ask(connection, terms=terms, filters={"sku": "two-red"})
    assert [(hit["external_id"], "image" in hit["why"]) for hit in hits] == [("two", True)]


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


@pytest.mark.parametrize("k", [10, 200])
def test_a_filter_against_the_query(undone: Shop, k: int) -> None:
    """Most products match, and none of them lies anywhere near what is asked for."""
    truth = similarities(undone, {}, undone.queries[0])
    nearest = sorted((p for p, s in truth.items() if s is not None), key=lambda p: truth[p] or 0)
    far = nearest[: len(nearest) * 6 // 10]
    undone.connection.execute(
        "UPDATE product SET brand = 'far' WHERE product_id = ANY (%s)", (far,)
    )
    terms = [{"image": KEY.format(0)}]
    hits = ask(undone.connection, terms=terms, filters={"brand": "far"}, k=k)
    assert len(hits) == k
    assert not any("waiting" in hit["why"] for hit in hits)
    found = {hit["product_id"] for hit in hits}
    assert found <= set(far)
    assert len(found & set(far[-k:])) >= 0.9 * k


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
