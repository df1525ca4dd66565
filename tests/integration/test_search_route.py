"""Any filter, any plan: k products whenever k match, all of them right, nearly all nearest."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from psycopg import sql

from tests.conftest import SCHEMA, with_database
from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_category,
    ask,
    counting_pictures,
    is_shown,
    know_picture,
    make_space,
)
from vitrine.database import Connection, set_search_path

PRODUCTS, DIMENSION, QUERIES = 8_000, 32, 12
KEY = "{:064x}"
PATHS = ["a", "a/x", "a/x/deep", "a/y", "b", "b/x", "b/z", "c", "c/rare"]
Vectors = NDArray[np.float64]


@dataclass
class Shop:
    connection: Connection
    products: list[Product]
    queries: Vectors


def clustered(rng: np.random.Generator, count: int, centres: Vectors) -> Vectors:
    vectors = centres[rng.integers(0, len(centres), count)]
    vectors = vectors + 0.7 * rng.normal(size=vectors.shape)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(unit.astype(np.float16).astype(np.float64))


def some_product(rng: random.Random, number: int, vectors: Iterator[Vectors]) -> Product:
    name = f"p{number}"
    colours = rng.sample(["red", "blue", "green", "gold"], rng.choice([1, 1, 2]))
    variants = [
        Variant(
            f"{name}-{colour}",
            price=rng.choice([None, *(round(rng.uniform(1, 100), 2) for _ in range(9))]),
            stock=rng.choice([None, *([5] * 18), 0]),
            options={"color": colour, "size": rng.randrange(36, 46)},
            status="active" if rng.random() < 0.97 else "retired",
        )
        for colour in colours
    ]
    variants = variants if rng.random() < 0.98 else []
    count = rng.choice([0, 1, 1, 1, 1, 1, 1, 2, 2, 2]) if rng.random() < 0.5 else 1
    shown = [[v.sku for v in variants[:1]], [v.sku for v in variants[1:]]]
    return Product(
        name,
        brand=rng.choices(["half", "tenth", "rare", None], [50, 10, 0.3, 40])[0],
        categories=rng.choices([[], *([path] for path in PATHS)], [1, *([3] * 8), 0.2])[0],
        attributes=rng.choices([{}, {"material": "wool"}, {"eco": True}], [8, 2, 1])[0],
        status="active" if rng.random() < 0.98 else "retired",
        variants=variants,
        pictures=[
            Picture(next(vectors), shown[place] if rng.random() < 0.3 else [])
            for place in range(count)
        ],
    )


def copy(connection: Connection, target: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN".encode()) as into:
        for row in rows:
            into.write_row(row)


def ids(connection: Connection, query: str) -> dict[Any, int]:
    return {tuple(row[:-1]): row[-1] for row in connection.execute(query.encode()).fetchall()}


def load(connection: Connection, products: list[Product]) -> None:
    """Load products in bulk, as an import does; fills in the ids."""
    copy(
        connection,
        "product (external_id, brand, attributes, popularity, status)",
        ((p.external_id, p.brand, json.dumps(p.attributes), p.popularity, p.status)
         for p in products),
    )  # fmt: skip
    found = ids(connection, "SELECT external_id, product_id FROM product")
    for product in products:
        product.product_id = found[(product.external_id,)]
    copy(
        connection,
        "variant (product_id, sku, price, stock, options, status)",
        ((p.product_id, v.sku, v.price, v.stock, json.dumps(v.options), v.status)
         for p in products for v in p.variants),
    )  # fmt: skip
    copy(
        connection,
        "image (product_id, uri, position)",
        ((p.product_id, n, n) for p in products for n, _ in enumerate(p.pictures)),
    )
    variants = ids(connection, "SELECT sku, variant_id FROM variant")
    images = ids(connection, "SELECT product_id, position, image_id FROM image")
    for product in products:
        for variant in product.variants:
            variant.variant_id = variants[(variant.sku,)]
        for number, picture in enumerate(product.pictures):
            picture.image_id = images[product.product_id, number]
    _load_links_and_vectors(connection, products)


def _load_links_and_vectors(connection: Connection, products: list[Product]) -> None:
    categories = ids(connection, "SELECT path, category_id FROM category")
    copy(
        connection,
        "product_category",
        ((p.product_id, categories[(path,)]) for p in products for path in p.categories),
    )
    copy(
        connection,
        "image_variant",
        ((p.product_id, i.image_id, v.variant_id)
         for p in products for i in p.pictures for v in p.variants if v.sku in i.shows),
    )  # fmt: skip
    copy(
        connection,
        "image_vector_1 (product_id, image_id, embedding, input_version, content)",
        ((p.product_id, i.image_id, str(np.asarray(i.vector).tolist()), 1, b"x")
         for p in products for i in p.pictures if i.vector is not None),
    )  # fmt: skip


@contextmanager
def database_from(server_url: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        yield name
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def opened(server_url: str, name: str) -> Iterator[Connection]:
    with psycopg.connect(with_database(server_url, name), autocommit=True) as connection:
        set_search_path(connection, SCHEMA)
        yield connection


def prepare(connection: Connection) -> tuple[list[Product], Vectors]:
    """An empty shop with its categories and known queries, and the products to load into it."""
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(40, DIMENSION))
    make_space(connection, DIMENSION)
    for path in PATHS:
        add_category(connection, path)
    queries = clustered(rng, QUERIES, centres)
    for number, query in enumerate(queries):
        know_picture(connection, KEY.format(number), query.tolist())
    vectors = iter(clustered(rng, 2 * PRODUCTS, centres))
    rand = random.Random(5)
    return [some_product(rand, number, vectors) for number in range(PRODUCTS)], queries


def train(connection: Connection) -> None:
    connection.execute("SELECT train_cells('image', 1)")
    after: Any = 0
    while after is not None:
        row = connection.execute("SELECT assign_cells('image', 1, %s)", (after,)).fetchone()
        assert row is not None
        after = row[0]


@pytest.fixture(scope="module")
def loaded(server_url: str, template_database: str) -> Iterator[tuple[str, list[Product], Vectors]]:
    """The database of the whole shop, to be cloned."""
    with database_from(server_url, template_database) as name:
        with opened(server_url, name) as connection:
            products, queries = prepare(connection)
            load(connection, products)
            train(connection)
        yield name, products, queries


@pytest.fixture(scope="module")
def shop(server_url: str, loaded: tuple[str, list[Product], Vectors]) -> Iterator[Shop]:
    with database_from(server_url, loaded[0]) as name, opened(server_url, name) as connection:
        yield Shop(connection, *loaded[1:])


@pytest.fixture
def undone(shop: Shop) -> Iterator[Shop]:
    """The shop in a transaction whose changes are undone."""
    with shop.connection.transaction(force_rollback=True):
        yield shop


@pytest.fixture(scope="module")
def changed(server_url: str, loaded: tuple[str, list[Product], Vectors]) -> Iterator[Shop]:
    """The shop after much was deleted, encoded anew and moved, never analysed since."""
    with database_from(server_url, loaded[0]) as name, opened(server_url, name) as connection:
        products = deepcopy(loaded[1])
        change(connection, products)
        yield Shop(connection, [p for p in products if p.product_id % 10 >= 3], loaded[2])


def change(connection: Connection, products: list[Product]) -> None:
    """Delete 30 %, encode 30 % anew, give 20 % another category and 20 % another price."""
    rng = np.random.default_rng(12)
    new = iter(clustered(rng, PRODUCTS, rng.normal(size=(10, DIMENSION))))
    connection.execute("DELETE FROM product WHERE product_id % 10 < 3")
    for product in products:
        if product.product_id % 10 in (3, 4, 5):
            for picture in product.pictures[:1]:
                picture.vector = next(new)
        elif product.product_id % 10 in (6, 7):
            product.categories = ["b/z"]
        elif product.product_id % 10 in (8, 9):
            for variant in product.variants:
                variant.price = 200.0
    pictures = [
        (p.product_id, p.pictures[0].image_id, str(np.asarray(p.pictures[0].vector).tolist()))
        for p in products
        if p.pictures and p.product_id % 10 in (3, 4, 5)
    ]
    connection.execute(
        "UPDATE image_vector_1 v SET embedding = n.vector::halfvec "
        "FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) n (product_id, image_id, vector) "
        "WHERE (v.product_id, v.image_id) = (n.product_id, n.image_id)",
        tuple(list(column) for column in zip(*pictures, strict=True)),
    )
    connection.execute("DELETE FROM product_category WHERE product_id % 10 IN (6, 7)")
    connection.execute(
        "INSERT INTO product_category SELECT product_id, category_id FROM product, category "
        "WHERE path = 'b/z' AND product_id % 10 IN (6, 7)"
    )
    connection.execute("UPDATE variant SET price = 200 WHERE product_id % 10 IN (8, 9)")


# What a filter may ask: from nearly everything down to a handful, and nothing.
prices = st.tuples(st.integers(0, 101), st.sampled_from([1, 3, 30, 150])).map(
    lambda p: {"gte": p[0], "lt": p[0] + p[1]}
)
fields: dict[str, st.SearchStrategy[Any]] = {
    "category": st.one_of(st.sampled_from(PATHS), st.lists(st.sampled_from(PATHS), max_size=3)),
    "brand": st.sampled_from(["half", "tenth", "rare", "none", ["rare", "tenth"], []]),
    "price": st.one_of(prices, st.just(200)),
    "in_stock": st.booleans(),
    "options": st.fixed_dictionaries(
        {},
        optional={
            "color": st.sampled_from(["RED", "gold", ["blue", "green"]]),
            "size": st.sampled_from([36, "40", {"gt": 44}, {"lt": 40}]),
        },
    ),
    "attributes": st.sampled_from([{"material": "wool"}, {"eco": True}]),
    "sku": st.sampled_from(["p7-red", ["p7-red", "p8-blue", "p9-gold", "p10-green"]]),
}
simple = st.one_of(
    st.just({}),
    *(values.map(lambda value, name=name: {name: value}) for name, values in fields.items()),
    st.fixed_dictionaries({}, optional=fields),
)
filters = st.one_of(
    simple,
    st.fixed_dictionaries({"not": simple}),
    st.fixed_dictionaries({"any": st.lists(simple, min_size=1, max_size=2)}, optional=fields),
    st.fixed_dictionaries({"all": st.lists(simple, min_size=1, max_size=2)}),
)
sizes = st.sampled_from([1, 10, 24, 200])


def similarities(shop: Shop, wanted: Mapping[str, Any], query: Vectors) -> dict[int, float | None]:
    """Each product that the filter keeps, by the nearest of its pictures that count."""
    found: dict[int, float | None] = {}
    for product in shop.products:
        if is_shown(wanted, product):
            vectors = [p.vector for p in counting_pictures(wanted, product) if p.vector is not None]
            nearest = max((float(np.dot(v, query)) for v in vectors), default=None)
            found[product.product_id] = nearest
    return found


def check(shop: Shop, wanted: Mapping[str, Any], number: int, k: int) -> float | None:
    """The right number of the right products; returns the recall of the nearest."""
    hits = ask(shop.connection, terms=[{"image": KEY.format(number)}], filters=wanted, k=k)
    truth = similarities(shop, wanted, shop.queries[number])
    answer = [hit["product_id"] for hit in hits]
    assert len(set(answer)) == len(answer) == min(k, len(truth))
    assert set(answer) <= set(truth)
    for hit in hits:
        assert hit["why"].get("waiting", False) == (truth[hit["product_id"]] is None)
        assert "complete" not in hit["why"]
    waits = [hit["why"].get("waiting", False) for hit in hits]
    assert waits == sorted(waits)
    nearest = sorted((s for s in truth.values() if s is not None), reverse=True)[:k]
    if not nearest:
        return None
    right = [p for p in answer if (truth[p] or -1) >= nearest[-1] - 1e-3]
    return min(1, len(right) / len(nearest))


def check_many(shop: Shop, examples: int) -> None:
    recalls: list[float] = []

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(filters, st.integers(0, QUERIES - 1), sizes)
    def one(wanted: dict[str, Any], number: int, k: int) -> None:
        recall = check(shop, wanted, number, k)
        if recall is not None:
            recalls.append(recall)

    one()
    assert np.mean(recalls) >= 0.98
    assert min(recalls) >= 0.7


def test_any_filter(shop: Shop) -> None:
    check_many(shop, 60)


def test_any_filter_after_many_changes(changed: Shop) -> None:
    check_many(changed, 60)


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
    recalls = [check(shop, wanted, number, k) for number in range(QUERIES)]
    assert np.mean([recall for recall in recalls if recall is not None]) >= 0.98


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


@pytest.mark.parametrize("wanted", [{}, {"brand": "tenth"}, {"category": "c/rare"}], ids=json.dumps)
def test_explain_says_how_rows_were_found(shop: Shop, wanted: dict[str, Any]) -> None:
    terms = [{"image": KEY.format(0)}]
    hits = ask(shop.connection, terms=terms, filters=wanted, options={"explain": True})
    matching = sum(is_shown(wanted, product) for product in shop.products)
    for hit in hits:
        report = hit["why"]["search"]
        assert report["complete"] is True
        assert report["image"]["plan"] in ("scan", "list", "cells", "hnsw")
        assert report["image"]["rows"] > 0
        assert report["image"]["compared"] >= min(24, matching)
        assert report["image"]["plan"] == "scan" or report["image"]["matching"] >= 0
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
        recalls = [check(undone, wanted, number, 10) for number in range(6)]
        assert np.mean([recall for recall in recalls if recall is not None]) >= 0.95


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
def stale(server_url: str, template_database: str) -> Iterator[Shop]:
    """Analysed when nearly empty, and then loaded; without cells."""
    with (
        database_from(server_url, template_database) as name,
        opened(server_url, name) as connection,
    ):
        products, queries = prepare(connection)
        load(connection, products[:10])
        connection.execute("ANALYZE")
        load(connection, products[10:])
        yield Shop(connection, products, queries)


def test_stale_statistics(stale: Shop) -> None:
    for wanted in RANGE_OF_FILTERS:
        recalls = [check(stale, wanted, number, 24) for number in range(4)]
        assert np.mean([recall for recall in recalls if recall is not None]) >= 0.98


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
