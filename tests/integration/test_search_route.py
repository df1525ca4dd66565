"""Any filter, any plan: k products whenever k match, all of them right, nearly all nearest."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from tests.conftest import Postgres
from tests.integration.random_shop import (
    KEY,
    QUERIES,
    RANGE_OF_FILTERS,
    Shop,
    Vectors,
    change,
    check_many,
    recalls,
    reprice,
    similarities,
)
from tests.integration.searchable import (
    Product,
    ask,
    is_shown,
)
from vitrine.database import Connection


@pytest.fixture
def shop(random_shop: Shop) -> Shop:
    """Only read."""
    return random_shop


@pytest.fixture(scope="module")
def changed(
    postgres: Postgres, random_database: tuple[str, list[Product], Vectors]
) -> Iterator[Shop]:
    """The shop after much was deleted, encoded anew and moved, never analysed since."""
    with postgres.clone(random_database[0]) as name, postgres.open(name) as connection:
        products = deepcopy(random_database[1])
        change(connection, products)
        yield Shop(connection, [p for p in products if p.product_id % 10 >= 3], random_database[2])


def test_any_filter(shop: Shop) -> None:
    check_many(shop, 60)


def test_any_filter_after_many_changes(changed: Shop) -> None:
    check_many(changed, 60)


@pytest.mark.parametrize("folded", [0, 150])
def test_any_filter_after_changes_of_prices(
    postgres: Postgres, random_database: tuple[str, list[Product], Vectors], folded: int
) -> None:
    """Few enough to be looked up in lists of prices, some of them folded."""
    with postgres.clone(random_database[0]) as name, postgres.open(name) as connection:
        products = deepcopy(random_database[1])
        reprice(connection, products, random.Random(3))
        if folded:
            connection.execute("SELECT fold_facets(%s)", (folded,))
        shop = Shop(connection, products, random_database[2])
        check_many(shop, 30)
        for wanted in ({"price": {"lt": 3}}, {"price": {"gte": 97}}, {"price": {"lt": 50}}):
            assert np.mean(recalls(shop, wanted, range(4), 24)) >= 0.98


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


@pytest.mark.parametrize("wanted", [10, 24])
def test_of_what_is_broad_a_small_shop_looks_at_more(connection: Connection, wanted: int) -> None:
    """Where a list ends early, what is nearest to some queries lies beyond it."""
    rows = connection.execute(
        "SELECT m, search_enough(m, %s, 100000), search_enough(m, %s, 1000000) "
        "FROM generate_series(500, 30000, 500) m",
        (wanted, wanted),
    ).fetchall()
    parts = [small / matching for matching, small, _ in rows]
    assert all(
        part > 0.6 for (matching, *_), part in zip(rows, parts, strict=True) if matching <= 15_000
    )
    assert all(part >= 0.3 for part in parts)
    assert parts[9] > 1  # all of a twentieth
    # A large shop asks the graph where to look.
    assert all(large / matching < 0.35 for matching, _, large in rows[-4:])
