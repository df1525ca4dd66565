"""Sketches say where their vectors lie; whatever moves these is noticed, and mended."""

from __future__ import annotations

import psycopg
import pytest

from tests.conftest import SCHEMA
from tests.integration.searchable import make_space
from tests.integration.test_cells import DIMENSION, clustered, load, one
from vitrine import sql_files
from vitrine.database import Connection, set_search_path

WRONG = (
    "SELECT count(*) FROM image_sketch_1 s JOIN image_vector_1 v USING (product_id, image_id) "
    "WHERE s.vector_at IS DISTINCT FROM v.ctid"
)
PRICED_WRONG = WRONG.replace("_sketch_", "_price_")


@pytest.fixture
def shop(connection: Connection) -> Connection:
    make_space(connection, DIMENSION)
    connection.execute("DROP INDEX image_vector_1_hnsw_idx")
    load(connection, clustered(1_500))
    return connection


def locate(connection: Connection) -> None:
    after: object = 0
    while after is not None:
        after = one(connection, f"SELECT locate_vectors('image', 1, {after}, 3)")


def test_what_is_written_is_known_to_lie_there(shop: Connection) -> None:
    assert one(shop, WRONG) == 0
    shop.execute("UPDATE image_vector_1 SET input_version = 2 WHERE product_id % 3 = 0")
    assert one(shop, WRONG) == 0
    mirrored = "embedding * array_fill(-1, ARRAY[16])::halfvec(16)"
    shop.execute(f"UPDATE image_vector_1 SET embedding = {mirrored}".encode())
    assert one(shop, WRONG) == 0


def test_nothing_is_written_where_nothing_is_wrong(shop: Connection) -> None:
    before = shop.execute("SELECT ctid, xmin FROM image_sketch_1").fetchall()
    locate(shop)
    assert shop.execute("SELECT ctid, xmin FROM image_sketch_1").fetchall() == before


def test_a_table_written_anew_is_noticed_and_mended(shop: Connection) -> None:
    shop.execute("DELETE FROM product WHERE product_id % 2 = 0")
    shop.execute("VACUUM FULL image_vector_1")
    assert one(shop, WRONG) == 749  # all but the first
    locate(shop)
    assert one(shop, WRONG) == 0


def test_whoever_has_no_worker_mends_it_with_the_rest(shop: Connection) -> None:
    shop.execute(
        "INSERT INTO variant (product_id, sku, price) SELECT product_id, 's' || product_id, 9 "
        "FROM product"
    )
    shop.execute("SELECT train_cells('image', 1)")
    shop.execute("SELECT tune_search()")
    assert one(shop, "SELECT count(*) FROM image_price_1") == 1_500
    shop.execute("UPDATE image_sketch_1 SET vector_at = NULL")
    shop.execute("UPDATE image_price_1 SET vector_at = NULL")
    shop.execute("SELECT tune_search()")
    assert one(shop, WRONG) == one(shop, PRICED_WRONG) == 0


def test_a_sketch_that_another_has_locked_is_passed_over(shop: Connection, database: str) -> None:
    shop.execute("UPDATE image_sketch_1 SET vector_at = NULL")
    with psycopg.connect(database) as other:
        set_search_path(other, SCHEMA)
        other.execute("SELECT FROM image_sketch_1 WHERE product_id <= 50 FOR UPDATE")
        locate(shop)
        assert one(shop, WRONG) == 50


def test_the_sketches_of_an_older_shop_are_told(shop: Connection) -> None:
    shape = (
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = 'image_sketch_1'::regclass ORDER BY 1"
    )
    today = shop.execute(shape.encode()).fetchall()
    shop.execute("DROP TABLE place_change")
    shop.execute("ALTER TYPE search_filter DROP ATTRIBUTE price_condition")
    for kind in ("image", "caption"):
        for statement in (
            f"ALTER TABLE {kind}_sketch_1 DROP COLUMN vector_at",
            f"ALTER TABLE {kind}_sketch_1 ADD PRIMARY KEY (product_id, {kind}_id) INCLUDE (sketch)",
            f"CREATE INDEX {kind}_sketch_1_cell_idx ON {kind}_sketch_1 (cell_id) "
            f"INCLUDE (product_id, {kind}_id, sketch)",
        ):
            shop.execute(statement.encode())
    shop.execute(sql_files.read("schema/0032_vector_places").encode())
    assert one(shop, WRONG) == 0
    assert shop.execute(shape.encode()).fetchall() == today
