"""Facets and totals against a naive count in Python, on random small shops that change."""

from __future__ import annotations

import json
import random
import re
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg.sql import SQL, Identifier, Literal

from tests.integration.facet_reference import check_facets, count, facet_counts
from tests.integration.searchable import (
    Product,
    Variant,
    add_category,
    add_product,
    is_shown,
    make_space,
    random_product,
)
from tests.integration.test_filters_oracle import filters
from vitrine.database import Connection, connect

PATHS = ["women", "women/tops", "women/tops/shirts", "men", "men/tops", "bags"]
FACETS = [
    "category",
    "brand",
    "price",
    "in_stock",
    "options.color",
    "options.SIZE",
    "attributes.material",
    "attributes.Weight",
    "attributes.eco",
]
LIMITS = {name: ({"limit": 1000} if name not in ("price", "in_stock") else {}) for name in FACETS}


def fold(connection: Connection) -> None:
    left = 1
    while left:
        row = connection.execute("SELECT fold_facets()").fetchone()
        assert row is not None
        left = row[0]


def check(connection: Connection, shop: list[Product], wanted: dict[str, Any]) -> None:
    check_facets(shop, wanted, facet_counts(connection, wanted, LIMITS), PATHS)


def some_filters(rng: random.Random) -> list[dict[str, Any]]:
    """A few that ask of everything that changes below."""
    return [
        {},
        {"in_stock": True, "category": "women"},
        {"in_stock": True, "price": {"gte": 10}},
        {"in_stock": True, "options": {"color": "red", "size": "M"}},
        {"options": {"color": "red"}, "price": {"lt": 20}},
        {"brand": "Acme", "options": {"size": ["M", 40]}, "in_stock": rng.random() < 0.5},
        {"any": [{"price": {"gte": 20}}, {"attributes": {"material": "silk"}}]},
        {"not": {"options": {"color": ["Blue", "Red"]}}, "attributes": {"material": "wool"}},
    ]


@pytest.fixture(params=[1, 2])
def shop(connection: Connection, request: pytest.FixtureRequest) -> list[Product]:
    rng = random.Random(request.param)
    make_space(connection)
    for path in ("Women/Tops/Shirts", "Men/Tops", "Bags"):
        add_category(connection, path)
    with connection.transaction():
        products = [add_product(connection, random_product(rng, number)) for number in range(70)]
    # Some lie in another block of bitmaps.
    with connection.transaction():
        connection.execute("SELECT setval(pg_get_serial_sequence('product', 'product_id'), 8185)")
        products += [add_product(connection, random_product(rng, 100 + n)) for n in range(20)]
    return products


@pytest.mark.parametrize("folded", ["nothing", "half", "all"])
def test_every_filter_counts_as_a_naive_count_does(
    shop: list[Product], connection: Connection, folded: str
) -> None:
    if folded == "half":
        connection.execute("SELECT fold_facets(100)")
    elif folded == "all":
        fold(connection)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(filters)
    def one(wanted: dict[str, Any]) -> None:
        check(connection, shop, wanted)

    one()


def change_something(
    connection: Connection, rng: random.Random, shop: list[Product], number: int
) -> None:
    """One change of any kind, in the database and in the list."""
    product = rng.choice(shop)
    variant = rng.choice(product.variants) if product.variants else None
    kind = rng.randrange(9)
    if kind == 0:
        shop.append(add_product(connection, random_product(rng, 1000 + number)))
    elif kind == 1:
        connection.execute("DELETE FROM product WHERE product_id = %s", (product.product_id,))
        shop.remove(product)
    elif kind == 2:
        product.status = rng.choice(["active", "retired"])
        product.brand = rng.choice([None, "Acme", "Newcomer"])
        product.attributes = rng.choice([{}, {"material": "linen"}, {"material": "Wool"}])
        connection.execute(
            "UPDATE product SET status = %s, brand = %s, attributes = %s WHERE product_id = %s",
            (
                product.status,
                product.brand,
                json.dumps(product.attributes),
                product.product_id,
            ),
        )
    elif kind == 3:
        product.categories = rng.sample(["men/tops", "bags", "women/tops"], rng.randrange(3))
        connection.execute(
            "DELETE FROM product_category WHERE product_id = %s", (product.product_id,)
        )
        connection.execute(
            "INSERT INTO product_category SELECT %s, category_id FROM category "
            "WHERE path = ANY (%s)",
            (product.product_id, list(product.categories)),
        )
    elif variant is None:
        return
    elif kind in (4, 5):
        variant.price = rng.choice([None, 7.5, 12.34, 20.0, 500.0])
        variant.stock = rng.choice([None, 0, 1])
        connection.execute(
            "UPDATE variant SET price = %s, stock = %s WHERE variant_id = %s",
            (variant.price, variant.stock, variant.variant_id),
        )
    elif kind == 6:
        variant.options = rng.choice([{"color": "Pink"}, {"COLOR": "Red", "size": 40}, {}])
        connection.execute(
            "UPDATE variant SET options = %s WHERE variant_id = %s",
            (json.dumps(variant.options), variant.variant_id),
        )
    elif kind == 7:
        variant.status = rng.choice(["active", "retired"])
        connection.execute(
            "UPDATE variant SET status = %s WHERE variant_id = %s",
            (variant.status, variant.variant_id),
        )
    else:
        connection.execute("DELETE FROM variant WHERE variant_id = %s", (variant.variant_id,))
        product.variants.remove(variant)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_follow_changes_of_every_kind(
    shop: list[Product], connection: Connection, seed: int
) -> None:
    rng = random.Random(seed)
    for number in range(12):
        for step in range(6):
            change_something(connection, rng, shop, 10 * number + step)
        if rng.random() < 0.5:
            connection.execute("SELECT fold_facets(%s)", (rng.choice([5, 10000]),))
        for wanted in some_filters(rng):
            check(connection, shop, wanted)


def test_prices_that_are_no_thousandths_are_counted(
    shop: list[Product], connection: Connection
) -> None:
    odd = next(v for p in shop if p.status == "active" for v in p.variants if v.status == "active")
    odd.price = 12.34567
    connection.execute(
        "UPDATE variant SET price = 12.34567 WHERE variant_id = %s", (odd.variant_id,)
    )
    for _ in range(2):
        for wanted in ({}, {"price": {"gte": 12.345, "lt": 12.346}}, {"price": 12.34567}):
            check(connection, shop, wanted)
        assert facet_counts(connection, {"price": 12.34567})["total"] == 1
        fold(connection)


def test_names_that_differ_in_case_alone_mean_what_they_mean_in_filters(
    connection: Connection,
) -> None:
    for number, options in enumerate(
        [{"color": "Red", "Color": "Blue"}, {"Color": "Red"}, {"COLOR": "Blue", "color": "Green"}]
    ):
        row = connection.execute(
            "INSERT INTO product (external_id, attributes) VALUES (%s, %s) RETURNING product_id",
            (str(number), json.dumps(options)),
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO variant (product_id, sku, options) VALUES (%s, %s, %s)",
            (row[0], str(number), json.dumps(options)),
        )
    for _ in range(2):
        for field in ("options", "attributes"):
            for name in ("color", "Color", "COLOR", "cOLOR"):
                facet = f"{field}.{name}"
                values = facet_counts(connection, {}, [facet])["facets"][facet]
                shown = {v["value"].lower(): v["count"] for v in values}
                for value in ("red", "blue", "green"):
                    wanted = {field: {name: value}}
                    found = connection.execute(
                        "SELECT count(*) FROM search(filters => %s, k => 1000)",
                        (json.dumps(wanted),),
                    ).fetchone()
                    assert found is not None
                    assert shown.get(value, 0) == found[0], (facet, value)
                    assert facet_counts(connection, wanted, [])["total"] == found[0]
        fold(connection)


@pytest.mark.parametrize("walked", [0, 2, 1000])
@pytest.mark.parametrize("read", [0, 3])
def test_prices_of_many_are_counted_as_those_of_few(
    shop: list[Product], connection: Connection, read: int, walked: int
) -> None:
    """By bitmaps as in a large shop, although these are few enough to read their prices."""
    set_limit(connection, "facet_few", read)
    set_limit(connection, "facet_steps_walked", walked)
    rng = random.Random(read + walked)
    for number in range(6):
        if number % 3 != 1:
            fold(connection)
        for wanted in [*some_filters(rng), {"price": {"gte": 10, "lt": 30}}, {"sku": "p1-0"}]:
            check(connection, shop, wanted)
            some = facet_counts(connection, wanted, {"price": {"buckets": rng.randrange(1, 60)}})
            check_facets(shop, wanted, some)
        for step in range(5):
            change_something(connection, rng, shop, 10 * number + step)


def set_limit(connection: Connection, name: LiteralString, limit: int) -> None:
    """Make a function that says from where on another way is taken say another number."""
    connection.execute(
        SQL(
            "CREATE OR REPLACE FUNCTION {}() RETURNS integer LANGUAGE sql IMMUTABLE RETURN {}"
        ).format(Identifier(name), Literal(limit))
    )


@pytest.mark.parametrize("wide", [0, 3])
@pytest.mark.parametrize(("looks", "candidates"), [(1000, 0), (1000, 8000), (2, 8000)])
def test_values_counted_by_product_are_as_those_of_bitmaps(
    shop: list[Product], connection: Connection, wide: int, looks: int, candidates: int
) -> None:
    """Columns as a field of many values has, of a set or what it lacks; prices of some or all."""
    set_limit(connection, "facet_wide", wide)
    set_limit(connection, "facet_looks", looks)
    set_limit(connection, "facet_candidates_most", candidates)
    rng = random.Random(wide + candidates)
    for number in range(6):
        if number % 3 != 1:
            fold(connection)
            has_columns(connection, wide)
        for wanted in [*some_filters(rng), {"brand": "Acme"}, {"in_stock": True}]:
            check(connection, shop, wanted)
        for step in range(5):
            change_something(connection, rng, shop, 10 * number + step)


def has_columns(connection: Connection, wide: int) -> None:
    """Columns say what the bitmaps say, and totals are what the bitmaps add up to."""
    wrong = connection.execute(
        """WITH said AS (
            SELECT c.field, c.name, c.block, n.place - 1 AS place, n.value_id FROM facet_column c
            CROSS JOIN LATERAL (SELECT * FROM unnest(c.firsts) WITH ORDINALITY f (value_id, place)
                UNION ALL SELECT * FROM unnest(c.seconds) WITH ORDINALITY s (value_id, place)) n
            WHERE n.value_id > 0
        ), had AS (
            SELECT v.field, lower(v.name) AS name, b.block, i AS place, v.value_id
            FROM facet_value v JOIN facet_bitmap b ON b.value_id = v.value_id AND b.plane = 0
            JOIN facet_column c
                ON c.field = v.field AND c.name = lower(v.name) AND c.block = b.block
            CROSS JOIN generate_series(0, 8191) i
            WHERE c.firsts IS NOT NULL AND v.element IS NOT NULL AND get_bit(b.bits, i) = 1
        ) SELECT count(*) FROM (
            (TABLE said EXCEPT TABLE had) UNION ALL (TABLE had EXCEPT TABLE said)) d"""
    ).fetchone()
    assert wrong == (0,)
    kept = connection.execute(
        "SELECT count(*) FILTER (WHERE firsts IS NOT NULL), count(*) FROM facet_column"
    ).fetchone()
    assert kept is not None
    assert kept[0] > 0
    assert wide or kept[1] > kept[0], "some field has more than two values of a product"
    totals = connection.execute(
        "SELECT count(*) FROM facet_value v WHERE v.held <> (SELECT coalesce(sum(b.ones), 0) "
        "FROM facet_bitmap b WHERE b.value_id = v.value_id AND b.plane = 0)"
    ).fetchone()
    assert totals == (0,)


def test_only_relevant_products_count(shop: list[Product], connection: Connection) -> None:
    relevant = [p.product_id for p in shop[::3]]
    some = [p for p in shop if p.product_id in relevant]
    for wanted in ({}, {"in_stock": True}, {"category": "women"}):
        check_facets(some, wanted, facet_counts(connection, wanted, LIMITS, relevant), PATHS)
    nothing = facet_counts(connection, {}, LIMITS, [])
    assert nothing["total"] == 0
    assert nothing["facets"]["brand"] == []


def test_a_transaction_counts_what_it_sees(
    shop: list[Product], connection: Connection, database: str
) -> None:

    fold(connection)
    before = facet_counts(connection, {"in_stock": True})["total"]
    with connect(database, "vitrine") as other, other.transaction():
        other.execute("UPDATE variant SET stock = 0")
        other.execute("DELETE FROM product WHERE product_id = %s", (shop[0].product_id,))
        assert facet_counts(other, {"in_stock": True})["total"] == 0
        assert facet_counts(connection, {"in_stock": True})["total"] == before
        connection.execute("SELECT fold_facets()")
    assert facet_counts(connection, {"in_stock": True})["total"] == 0
    fold(connection)
    assert facet_counts(connection, {"in_stock": True})["total"] == 0
    assert facet_counts(connection, {"in_stock": False})["total"] == count(
        shop[1:], {"options": {}}
    )


def test_an_empty_shop_has_empty_facets(connection: Connection) -> None:
    for _ in range(2):
        answer = facet_counts(connection, {}, FACETS)
        assert answer["total"] == 0
        assert answer["facets"]["brand"] == answer["facets"]["category"] == []
        assert answer["facets"]["price"] == {"min": None, "max": None, "buckets": []}
        assert [v["count"] for v in answer["facets"]["in_stock"]] == [0, 0]
        fold(connection)


def test_emptied_tables_leave_nothing_behind(shop: list[Product], connection: Connection) -> None:
    fold(connection)
    connection.execute("TRUNCATE variant")
    for product in shop:
        product.variants = []
    check(connection, shop, {})
    connection.execute("TRUNCATE product CASCADE")
    for _ in range(2):
        answer = facet_counts(connection, {}, FACETS)
        assert answer["total"] == 0
        assert answer["facets"]["brand"] == answer["facets"]["category"] == []
        fold(connection)
    assert any(is_shown({}, p) for p in shop)


@pytest.mark.parametrize(
    ("facets", "says"),
    [
        (["colour"], 'unknown facet "colour"'),
        (["options.colour"], 'unknown facet "options.colour"'),
        ({"brand": {"limit": 0}}, "facets.brand.limit is 0"),
        ({"brand": {"limit": "x"}}, 'facets.brand.limit is "x"'),
        ({"price": {"limit": 5}}, 'the facet price has the unknown setting "limit"'),
        ({"price": {"buckets": 101}}, "facets.price.buckets is 101"),
        ({"category": {"under": 1}}, "facets.category.under must be text"),
        ({"category": {"under": "nowhere"}}, 'no category is called "nowhere"'),
        ({"brand": 5}, "the settings of the facet brand must be an object"),
        ([1], "facets must list names"),
        ("brand", 'facets cannot be "brand"'),
        (["options.color", "options.COLOR"], "a facet is asked for twice"),
    ],
)
def test_wrong_facets_say_what_is_right(connection: Connection, facets: Any, says: str) -> None:
    add_product(
        connection, Product("p", variants=[Variant("v", options={"color": "Red"})]), space=0
    )
    with pytest.raises(psycopg.Error, match=re.escape(says)) as raised:
        facet_counts(connection, {}, facets)
    assert raised.value.sqlstate == "VT001"
    assert raised.value.diag.message_hint
    if facets == ["options.colour"]:
        assert "options.color" in raised.value.diag.message_hint


def test_a_page_of_values_is_limited_and_keeps_what_is_selected(connection: Connection) -> None:
    for number in range(12):
        add_product(connection, Product(f"p{number}", brand=f"b{min(number, 8)}"), space=0)
    wanted = {"brand": ["b3", "nobody"]}
    answer = facet_counts(connection, wanted, {"brand": {"limit": 2}})
    assert answer["facets"]["brand"] == [
        {"value": "b8", "count": 4},
        {"value": "b0", "count": 1},
        {"value": "b3", "count": 1, "selected": True},
        {"value": "nobody", "count": 0, "selected": True},
    ]
    assert answer["more"] == {"brand": 6}
    assert answer["total"] == 1


def test_categories_come_as_a_tree(connection: Connection) -> None:
    for number, path in enumerate(["A/X", "A/X", "A/Y", "B"]):
        add_product(connection, Product(f"p{number}", categories=[path]), space=0)
    values = facet_counts(connection, {"category": "a/y"}, ["category"])["facets"]["category"]
    assert [(v["value"], v["count"], v["parent"], v["depth"]) for v in values] == [
        ("a", 3, None, 1),
        ("a/x", 2, "a", 2),
        ("a/y", 1, "a", 2),
        ("b", 1, None, 1),
    ]
    assert [v["value"] for v in values if v.get("selected")] == ["a/y"]
    below = facet_counts(connection, {}, {"category": {"under": "A"}})["facets"]["category"]
    assert [v["value"] for v in below] == ["a/x", "a/y"]
