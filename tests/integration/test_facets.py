"""Facets and totals against a naive count in Python, on random small shops that change."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.conftest import CopyOf
from tests.integration.facet_reference import check_facets, count, facet_counts
from tests.integration.facet_shop import (
    FACETS,
    LIMITS,
    PATHS,
    change_something,
    check,
    fold,
    make_shop,
    some_filters,
)
from tests.integration.searchable import Product, is_shown
from tests.integration.test_filters_oracle import filters
from vitrine.database import Connection, connect


@pytest.fixture(params=[1, 2])
def copied(copy_of: CopyOf, request: pytest.FixtureRequest) -> tuple[Connection, list[Product]]:
    return copy_of(make_shop, request.param)


@pytest.fixture
def connection(copied: tuple[Connection, list[Product]]) -> Connection:
    return copied[0]


@pytest.fixture
def shop(copied: tuple[Connection, list[Product]]) -> list[Product]:
    return copied[1]


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


def test_only_relevant_products_count(shop: list[Product], connection: Connection) -> None:
    relevant = [p.product_id for p in shop[::3]]
    some = [p for p in shop if p.product_id in relevant]
    for wanted in ({}, {"in_stock": True}, {"category": "women"}):
        check_facets(some, wanted, facet_counts(connection, wanted, LIMITS, relevant), PATHS)
    nothing = facet_counts(connection, {}, LIMITS, [])
    assert nothing["total"] == 0
    assert nothing["facets"]["brand"] == []


def test_a_transaction_counts_what_it_sees(shop: list[Product], connection: Connection) -> None:

    fold(connection)
    before = facet_counts(connection, {"in_stock": True})["total"]
    with connect(connection.info.dsn, "vitrine") as other, other.transaction():
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
