"""Prices and stock that were written since they were folded: searches and counts know them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.conftest import CopyOf
from tests.integration.facet_reference import facet_counts
from tests.integration.facet_shop import change_something, check, fold, make_shop
from tests.integration.searchable import (
    Product,
    ask,
    counting_pictures,
    fitting_variants,
    is_shown,
    know_picture,
)
from vitrine.database import Connection, connect

KEY = "a" * 64
IN_STOCK = {"in_stock": True}
WANTED: list[dict[str, Any]] = [
    {},
    IN_STOCK,
    {"price": {"gte": 10}},
    {"price": [{"lt": 8}, {"gte": 20, "lte": 80}]},
    {"price": 12.34, "options": {}},
    {"price": {"lte": 20}, "in_stock": True, "category": "women"},
]


@pytest.fixture
def shop(connection: Connection) -> Connection:
    """Two products with a variant each, in stock and folded."""
    connection.execute("INSERT INTO product (external_id) VALUES ('a'), ('b')")
    connection.execute(
        "INSERT INTO variant (product_id, sku, price, stock) "
        "SELECT product_id, external_id, 10, 1 FROM product"
    )
    fold(connection)
    return connection


@pytest.fixture(params=[1, 2])
def copied(copy_of: CopyOf, request: pytest.FixtureRequest) -> tuple[Connection, list[Product]]:
    """A random shop, in which nothing was folded."""
    connection, shop = copy_of(make_shop, request.param)
    know_picture(connection, KEY, (1, 0, 0, 0))
    return connection, shop


def is_folded(connection: Connection) -> bool:
    return connection.execute("SELECT FROM price_change LIMIT 1").fetchone() is None


def is_listed(connection: Connection) -> bool:
    """Whether the prices that are listed are those of the variants, each once."""
    listed, priced = (
        connection.execute(
            f"SELECT price::double precision, product_id, variant_id FROM {table} "
            "WHERE price IS NOT NULL ORDER BY 1, 2, 3".encode()
        ).fetchall()
        for table in ("listed_price", "variant")
    )
    return listed == priced


def change(connection: Connection, statement: str, *values: object) -> None:
    connection.execute(statement.encode(), values)


def sold_out(connection: Connection, sku: str) -> None:
    change(connection, "UPDATE variant SET stock = 0, price = 99 WHERE sku = %s", sku)


def total(connection: Connection) -> int:
    """How many products are in stock, found and counted, by price and not."""
    found: int = facet_counts(connection, IN_STOCK, ["in_stock"])["total"]
    assert len(ask(connection, filters=IN_STOCK)) == found
    cheap = {"price": {"lt": 50}}
    for asked in ({"filters": cheap}, {"filters": cheap, "options": {"sort": "price"}}):
        assert len(ask(connection, **asked)) == found
    assert facet_counts(connection, cheap, ["price"])["total"] == found
    return found


def dear(connection: Connection) -> int:
    return len(ask(connection, filters={"price": {"gte": 50}}, options={"sort": "-price"}))


def add_by_upsert(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO variant (product_id, sku, stock, price) SELECT product_id, external_id, 0, 99 "
        "FROM product ON CONFLICT (sku) DO UPDATE SET stock = excluded.stock, "
        "price = excluded.price"
    )


def merge(connection: Connection) -> None:
    connection.execute(
        "MERGE INTO variant v USING product p ON v.product_id = p.product_id "
        "WHEN MATCHED THEN UPDATE SET stock = 0, price = 99"
    )


def update_without_triggers(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("UPDATE variant SET stock = 0, price = 99")


def update_by_a_trigger(connection: Connection) -> None:
    """The statement names no price and no stock."""
    connection.execute(
        "CREATE FUNCTION empty() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.stock := 0; NEW.price := 99; RETURN NEW; END'"
    )
    connection.execute(
        "CREATE TRIGGER empty BEFORE UPDATE ON variant FOR EACH ROW EXECUTE FUNCTION empty()"
    )
    connection.execute("UPDATE variant SET updated_at = now()")


def update_twice_in_one(connection: Connection) -> None:
    """Each part has other columns, and other triggers."""
    for one, other in (("a", "b"), ("b", "a")):
        connection.execute(
            "WITH first AS (UPDATE variant SET stock = 0, price = 99 WHERE sku = %s), "
            "second AS (UPDATE variant SET options = '{\"n\": 1}', price = 99, stock = 0 "
            "WHERE sku = %s) "
            "SELECT",
            (one, other),
        )


def update_by_a_function(connection: Connection) -> None:
    """In the middle of another statement on the same table."""
    connection.execute(
        "CREATE FUNCTION raise(text) RETURNS integer LANGUAGE sql AS "
        "'UPDATE variant SET stock = 0, price = 99 WHERE sku = $1 RETURNING 0'"
    )
    connection.execute("UPDATE variant SET stock = raise('b'), price = 99 WHERE sku = 'a'")


WAYS = [
    add_by_upsert,
    merge,
    update_without_triggers,
    update_by_a_trigger,
    update_twice_in_one,
    update_by_a_function,
]


@pytest.mark.parametrize("write", WAYS)
def test_every_way_to_write_is_noted(shop: Connection, write: Callable[[Connection], None]) -> None:
    assert is_folded(shop)
    assert total(shop) == 2
    write(shop)
    assert not is_folded(shop)
    assert (total(shop), dear(shop)) == (0, 2)
    fold(shop)
    assert is_folded(shop)
    assert is_listed(shop)
    assert (total(shop), dear(shop)) == (0, 2)


def test_what_is_being_written_is_folded_later(shop: Connection, database: str) -> None:
    with connect(database, "vitrine") as other:
        with other.transaction():
            sold_out(other, "a")
            fold(shop)
            assert (total(other), total(shop)) == (1, 2)
        assert not is_folded(shop)
        assert total(shop) == 1
        fold(shop)
        assert is_folded(shop)
        assert total(shop) == total(other) == 1


def test_a_writer_that_comes_to_nothing_is_forgotten(shop: Connection, database: str) -> None:
    with connect(database, "vitrine") as other, other.transaction(force_rollback=True):
        sold_out(other, "a")
    assert total(shop) == 2
    fold(shop)
    assert is_folded(shop)
    assert total(shop) == 2


def test_a_folding_that_looks_at_the_past_takes_what_it_sees(
    shop: Connection, database: str
) -> None:
    with connect(database, "vitrine") as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert total(other) == 2
        sold_out(shop, "a")
        other.execute("SELECT fold_facets()")
        assert total(other) == 2
    assert not is_folded(shop)
    assert total(shop) == 1


def test_who_looks_at_the_past_counts_it(shop: Connection, database: str) -> None:
    with connect(database, "vitrine") as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert total(other) == 2
        sold_out(shop, "a")
        fold(shop)
        assert (total(other), total(shop)) == (2, 1)


def test_a_transaction_that_folds_goes_on_writing(shop: Connection) -> None:
    with shop.transaction():
        sold_out(shop, "a")
        fold(shop)
        assert total(shop) == 1
        sold_out(shop, "b")
        assert total(shop) == 0
        with shop.transaction(force_rollback=True):
            shop.execute("UPDATE variant SET stock = 1, price = 10")
            fold(shop)
            assert total(shop) == 2
        assert total(shop) == 0
    assert total(shop) == 0


def test_who_may_update_variants_notes_them(shop: Connection) -> None:
    """A role of the shop's own, with a right that nobody foresaw."""
    with shop.transaction(force_rollback=True):
        shop.execute("CREATE ROLE till")
        shop.execute("GRANT USAGE ON SCHEMA vitrine TO till")
        shop.execute("GRANT SELECT, UPDATE (stock, price) ON variant TO till")
        shop.execute("SET LOCAL ROLE till")
        sold_out(shop, "a")
        shop.execute("RESET ROLE")
        assert total(shop) == 1


def test_a_moved_variant_is_listed_where_it_is(shop: Connection) -> None:
    shop.execute(
        "UPDATE variant SET product_id = (SELECT product_id FROM product WHERE external_id = 'b')"
    )
    assert total(shop) == 1
    fold(shop)
    assert total(shop) == 1
    assert is_listed(shop)


def test_new_variants_are_listed_at_once(copied: tuple[Connection, list[Product]]) -> None:
    assert is_listed(copied[0])


def test_a_load_without_triggers_is_listed(shop: Connection) -> None:
    with shop.transaction():
        shop.execute("SET LOCAL session_replication_role = replica")
        shop.execute("INSERT INTO variant (product_id, sku, price) VALUES (1, 'c', 5)")
    assert is_listed(shop)


@pytest.mark.parametrize("table", ["variant", "product CASCADE"])
def test_an_emptied_table_leaves_no_prices(shop: Connection, table: str) -> None:
    change(shop, f"TRUNCATE {table}")
    assert is_listed(shop)


def test_what_changes_meanwhile_is_for_the_next_folding(shop: Connection) -> None:
    """A note is a row of each update: products are taken with all of theirs."""
    for _ in range(3):
        shop.execute("UPDATE variant SET price = price + 1")
    assert shop.execute("SELECT fold_facets(1)").fetchone() == (3,)
    assert not is_folded(shop)
    assert shop.execute("SELECT fold_facets(1)").fetchone() == (0,)
    assert is_folded(shop)


def price_of(wanted: dict[str, Any], product: Product, *, dearest: bool) -> float | None:
    prices = [v.price for v in fitting_variants(wanted, product) if v.price is not None]
    return (max if dearest else min)(prices, default=None)


def check_prices(connection: Connection, shop: list[Product]) -> None:
    """Pages in both orders, a picture's, and the facets against naive ones."""
    for wanted in WANTED:
        shown = [product for product in shop if is_shown(wanted, product)]
        for dearest in (False, True):
            sign = -1 if dearest else 1
            hits = ask(
                connection,
                filters=wanted,
                options={"sort": "-price" if dearest else "price"},
                k=1000,
            )
            found = [hit["product_id"] for hit in hits]
            priced = {p.product_id: price_of(wanted, p, dearest=dearest) for p in shown}
            known = sorted(
                (sign * price, sign * one) for one, price in priced.items() if price is not None
            )
            assert found[: len(known)] == [sign * one for _, one in known]
            assert sorted(found) == sorted(priced)
        hits = ask(connection, terms=[{"image": KEY}], filters=wanted, k=1000)
        assert sorted(hit["product_id"] for hit in hits) == sorted(priced)
        by_picture = {hit["product_id"] for hit in hits if "image" in hit["why"]}
        assert by_picture >= {
            p.product_id
            for p in shown
            if any(i.vector is not None for i in counting_pictures(wanted, p))
        }
        check(connection, shop, wanted)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_prices_follow_changes_of_every_kind(
    copied: tuple[Connection, list[Product]], seed: int
) -> None:
    connection, shop = copied
    rng = random.Random(seed)
    check_prices(connection, shop)
    for number in range(8):
        before = deepcopy(shop)
        with connection.transaction(force_rollback=number % 4 == 3):
            for step in range(6):
                change_something(connection, rng, shop, 10 * number + step)
            if rng.random() < 0.5:
                connection.execute("SELECT fold_facets(%s)", (rng.choice([1, 3, 10000]),))
            check_prices(connection, shop)
        if number % 4 == 3:
            shop = before
        check_prices(connection, shop)
    fold(connection)
    check_prices(connection, shop)
    assert is_listed(connection)


def test_nothing_that_always_fits_is_ever_missed(shop: Connection, database: str) -> None:
    """Prices move within what is asked for, while others fold them."""
    done = threading.Event()

    def keep(*statements: str) -> None:
        with connect(database, "vitrine") as other:
            while not done.is_set():
                for statement in statements:
                    other.execute(statement.encode())

    workers = [
        threading.Thread(target=keep, args=("UPDATE variant SET price = 10 + random() * 30",)),
        threading.Thread(target=keep, args=("SELECT fold_facets(1)", "SELECT fold_facets()")),
    ]
    for worker in workers:
        worker.start()
    try:
        for _ in range(60):
            assert total(shop) == 2
    finally:
        done.set()
        for worker in workers:
            worker.join()
    fold(shop)
    assert is_listed(shop)
