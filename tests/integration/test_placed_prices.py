"""Prices by district: what the tables hold is what variants and vectors say, or is noted."""

from __future__ import annotations

import random
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import SCHEMA
from tests.integration.searchable import make_space
from tests.integration.test_cells import (
    DIMENSION,
    assign,
    clustered,
    load,
    one,
    train,
)
from vitrine.database import Connection, set_search_path

PRODUCTS = 400
HELD = "SELECT district, price, product_id, image_id, sketch, vector_at FROM image_price_1"
# From the catalogue and the vectors alone.
WANTED = """
    SELECT DISTINCT s.cell_id >> 8, v.price::double precision, product_id, image_id, s.sketch,
        s.vector_at
    FROM image_sketch_1 s JOIN variant v USING (product_id)
    WHERE s.cell_id > 0 AND v.price IS NOT NULL"""
ARE_PLACED = "SELECT prices_are_placed('image', 1)"
NOTED = "SELECT product_id FROM price_change UNION SELECT product_id FROM place_change"


@pytest.fixture
def shop(connection: Connection) -> Iterator[Connection]:
    make_space(connection, DIMENSION)
    connection.execute("DROP INDEX image_vector_1_hnsw_idx")
    load(connection, clustered(PRODUCTS))
    connection.execute(
        "INSERT INTO variant (product_id, sku, price) SELECT product_id, 's' || product_id || n, "
        "10 + product_id % 7 + n / 2 FROM product CROSS JOIN generate_series(1, 3) n"
    )
    fold(connection)
    yield connection
    check_all_is_known(connection)
    fold(connection)
    check_all_is_placed(connection)


@pytest.fixture
def sorted_shop(shop: Connection) -> Connection:
    train(shop)
    assign(shop)
    return shop


def fold(connection: Connection) -> None:
    while one(connection, "SELECT fold_facets()") != 0:
        pass


def check_all_is_placed(connection: Connection) -> None:
    assert one(connection, f"SELECT count(*) FROM ({NOTED}) n") == 0
    held, wanted = (connection.execute(query.encode()).fetchall() for query in (HELD, WANTED))
    assert sorted(held) == sorted(wanted)


def check_all_is_known(connection: Connection) -> None:
    """A search under prices misses nothing: it reads what is placed, and all of who is noted."""
    missing = f"SELECT count(*) FROM ({WANTED} EXCEPT {HELD}) m WHERE product_id NOT IN ({NOTED})"
    assert one(connection, missing) == 0


def test_nothing_is_placed_before_there_are_districts(shop: Connection) -> None:
    assert one(shop, "SELECT count(*) FROM image_price_1") == 0
    assert one(shop, ARE_PLACED) is False
    train(shop)
    assert one(shop, ARE_PLACED) is False
    assign(shop)
    assert one(shop, ARE_PLACED) is True
    assert one(shop, f"SELECT count(*) FROM ({NOTED}) n") == 0


def test_sorting_places_without_a_note(sorted_shop: Connection) -> None:
    check_all_is_placed(sorted_shop)
    # Three variants, of two prices.
    assert one(sorted_shop, "SELECT count(*) FROM image_price_1") == 2 * PRODUCTS


def test_what_was_noted_before_the_first_training_is_placed_with_its_sketch(
    shop: Connection,
) -> None:
    noted = "SELECT count(*) FROM place_change"
    more = "INSERT INTO variant (product_id, sku, price) SELECT 5, %s, 76"
    shop.execute(more, ("one",))
    assert one(shop, noted) == 1
    train(shop)
    assert one(shop, noted) == 0
    assign(shop)
    check_all_is_placed(shop)
    shop.execute(more, ("another",))
    train(shop)  # which places nothing anew until it is sorted
    assert one(shop, noted) == 1


def test_what_was_placed_by_an_earlier_training_goes(sorted_shop: Connection) -> None:
    train(sorted_shop)
    assign(sorted_shop)
    assert one(sorted_shop, "SELECT count(*) FROM image_price_1") == 4 * PRODUCTS
    assert one(sorted_shop, "SELECT forget_cells('image', 1)") is True
    check_all_is_placed(sorted_shop)


CHANGES = {
    "prices": "UPDATE variant SET price = price + 1 WHERE product_id % 3 = 0",
    "stock": "UPDATE variant SET stock = 3",
    "no price": "UPDATE variant SET price = NULL WHERE product_id % 5 = 0",
    "new variants": "INSERT INTO variant (product_id, sku, price) "
    "SELECT product_id, 'new' || product_id, 77 FROM product WHERE product_id % 4 = 0",
    "another brand and a new variant": "UPDATE product SET brand = 'b' WHERE product_id % 4 = 0; "
    "INSERT INTO variant (product_id, sku, price) "
    "SELECT product_id, 'new' || product_id, 78 FROM product WHERE product_id % 4 = 0",
    "fewer variants": "DELETE FROM variant WHERE variant_id % 3 = 0",
    "moved variants": "UPDATE variant SET product_id = product_id + 1 WHERE sku IN ('s71', 's91')",
    "other vectors": "UPDATE image_vector_1 SET embedding = "
    "embedding * array_fill(-1, ARRAY[16])::halfvec(16) WHERE product_id % 3 = 1",
    "same vectors": "UPDATE image_vector_1 SET input_version = 7 WHERE product_id % 3 = 1",
    "fewer pictures": "DELETE FROM image WHERE product_id % 6 = 0",
    "fewer products": "DELETE FROM product WHERE product_id % 6 = 1",
    "retired": "UPDATE product SET status = 'retired' WHERE product_id % 6 = 2",
    "back again": "UPDATE product SET status = 'active'",
    "other brands": "UPDATE product SET brand = 'b' || product_id % 5",
    "all prices gone": "TRUNCATE variant CASCADE",
    "all vectors gone": "TRUNCATE image_vector_1",
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_noted_and_then_placed(sorted_shop: Connection, change: str) -> None:
    sorted_shop.execute(CHANGES[change].encode())


def test_what_changes_no_price_and_no_vector_is_not_noted(sorted_shop: Connection) -> None:
    sorted_shop.execute(CHANGES["other brands"].encode())
    assert one(sorted_shop, "SELECT count(*) FROM place_change") == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_changes_upon_changes(sorted_shop: Connection, seed: int) -> None:
    chance = random.Random(seed)
    steps = [*list(CHANGES.values())[:-2], "SELECT fold_facets()", "SELECT tune_search()"]
    for step in chance.choices(steps, k=25):
        sorted_shop.execute(step.replace("'new'", f"'{chance.random()}'").encode())
        check_all_is_known(sorted_shop)


def test_prices_are_folded_later_while_another_sorts(
    sorted_shop: Connection, database: str
) -> None:
    sorted_shop.execute(CHANGES["prices"].encode())
    with psycopg.connect(database) as other:
        set_search_path(other, SCHEMA)
        other.execute("SELECT pg_advisory_xact_lock(place_lock())")
        sorted_shop.execute("SELECT fold_facets()")
        assert one(sorted_shop, "SELECT count(*) FROM price_change") == 0
        check_all_is_known(sorted_shop)


def test_who_sorts_waits_for_who_folds(sorted_shop: Connection, database: str) -> None:
    """What was priced anew but is not committed is placed by who sorts afterwards."""
    with psycopg.connect(database) as other:
        set_search_path(other, SCHEMA)
        other.execute("SELECT fold_facets()")
        sorted_shop.execute("SET lock_timeout = '50ms'")
        train(sorted_shop)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            assign(sorted_shop)
    sorted_shop.execute("SET lock_timeout = 0")
    assign(sorted_shop)
    sorted_shop.execute("SELECT forget_cells('image', 1)")


def test_a_shop_from_before_is_placed_by_its_upgrade(sorted_shop: Connection) -> None:
    sorted_shop.execute("DROP TABLE image_price_1")
    sorted_shop.execute("SELECT ensure_placed_prices()")
    check_all_is_placed(sorted_shop)
