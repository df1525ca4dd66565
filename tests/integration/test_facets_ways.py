"""Every way in which a facet may be counted says the same."""

from __future__ import annotations

import json
import random
from typing import LiteralString

import pytest
from psycopg.sql import SQL, Identifier, Literal

from tests.conftest import CopyOf
from tests.integration.facet_reference import check_facets, facet_counts
from tests.integration.facet_shop import change_something, check, fold, make_shop, some_filters
from tests.integration.searchable import Product
from vitrine.database import Connection


@pytest.fixture(params=[1, 2])
def copied(copy_of: CopyOf, request: pytest.FixtureRequest) -> tuple[Connection, list[Product]]:
    return copy_of(make_shop, request.param)


@pytest.fixture
def connection(copied: tuple[Connection, list[Product]]) -> Connection:
    return copied[0]


@pytest.fixture
def shop(copied: tuple[Connection, list[Product]]) -> list[Product]:
    return copied[1]


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
            SELECT c.field, c.name, 800 * c.piece + n.place - 1 AS place, n.value_id
            FROM facet_column c
            CROSS JOIN LATERAL (SELECT * FROM unnest(c.firsts) WITH ORDINALITY f (value_id, place)
                UNION ALL SELECT * FROM unnest(c.seconds) WITH ORDINALITY s (value_id, place)) n
            WHERE n.value_id > 0
        ), had AS (
            SELECT v.field, lower(v.name) AS name, 32000 * b.block + i AS place, v.value_id
            FROM facet_value v JOIN facet_bitmap b ON b.value_id = v.value_id AND b.plane = 0
            CROSS JOIN generate_series(0, 31999) i
            JOIN facet_column c ON c.field = v.field AND c.name = lower(v.name)
                AND c.piece = (32000 * b.block + i) / 800
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


OPTIONS: list[dict[str, object]] = [
    {},
    {"color": "red", "size": "M"},
    {"color": "red", "size": "L"},
    {"color": "blue", "size": "M"},
    {"color": ["green", "red"], "size": 40},
    {"COLOR": "black"},
]


def give_options(connection: Connection, product: Product, rng: random.Random) -> None:
    for variant in product.variants:
        variant.options = rng.choice(OPTIONS)
        connection.execute(
            "UPDATE variant SET options = %s WHERE variant_id = %s",
            (json.dumps(variant.options), variant.variant_id),
        )


@pytest.mark.parametrize("wide", [3, 64])
def test_options_of_one_spelling_are_counted_by_their_number(
    shop: list[Product], connection: Connection, wide: int
) -> None:
    """Which of a product's values a variant has; with two spellings of one they are not asked."""
    set_limit(connection, "facet_wide", wide)
    rng = random.Random(wide)
    for product in shop:
        give_options(connection, product, rng)
    for _ in range(4):
        fold(connection)
        assert not spelt_options(connection)
        for wanted in [
            {"options": {"color": "red"}, "in_stock": True},
            {"options": {"color": "red", "size": "M"}, "in_stock": True},
            {"price": {"gte": 6, "lt": 20}, "in_stock": True},
            {"category": "women", "price": {"lt": 50}, "options": {"size": "M"}},
            {"in_stock": False},
        ]:
            check(connection, shop, wanted)
        for product in rng.sample(shop, 6):
            give_options(connection, product, rng)


def spelt_options(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT bool_or(spelt) FROM facet_value WHERE field = 'options' AND EXISTS "
        "(SELECT FROM facet_bitmap b WHERE b.value_id = facet_value.value_id)"
    ).fetchone()
    assert row is not None
    return bool(row[0])
