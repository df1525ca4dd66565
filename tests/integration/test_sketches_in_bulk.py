"""Statements of thousands of rows make sketches in time that grows with the rows."""

from __future__ import annotations

import pytest
from psycopg import sql

from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_product,
    make_space,
)
from tests.integration.sketches_from_scratch import (
    PICTURES,
    rows,
)
from vitrine.database import Connection

BULK, LIMIT = 10_000, "60s"  # linear takes a few; a loop over all pairs of rows many minutes
SINGLE = [
    "INSERT INTO product_category SELECT product_id, category_id FROM product, category",
    "INSERT INTO image_vector_1 (product_id, image_id, embedding, input_version, content) "
    "SELECT product_id, image_id, '[1,0,0,0]', 1, 'x' FROM image",
    "UPDATE product SET brand = 'x'",
    "UPDATE image_vector_1 SET embedding = '[0,1,0,0]'",
    "UPDATE variant SET status = 'retired'",
    "DELETE FROM product",
]


@pytest.fixture
def many(connection: Connection) -> Connection:
    """Single rows and their cached plans first, then 10,000 products, never analysed."""
    make_space(connection)
    connection.execute("DROP INDEX image_vector_1_hnsw_idx")
    connection.execute("INSERT INTO category (name) VALUES ('c')")
    for number in range(7):
        add_product(
            connection,
            Product(f"single {number}", variants=[Variant("v")], pictures=[Picture(None)]),
        )
        for statement in SINGLE:
            connection.execute(statement.encode())
    connection.execute(
        sql.SQL("SET statement_timeout = {}").format(sql.Literal(LIMIT)),
    )
    for statement in (
        f"INSERT INTO product (external_id) SELECT 'p' || n FROM generate_series(1, {BULK}) n",
        "INSERT INTO image (product_id, uri) SELECT product_id, external_id FROM product",
        "INSERT INTO variant (product_id, sku) SELECT product_id, external_id FROM product",
        *SINGLE[:2],
    ):
        connection.execute(statement.encode())
    return connection


@pytest.mark.parametrize("statement", [*SINGLE[2:], "DELETE FROM product_category"])
def test_bulk_statements_are_linear(many: Connection, statement: str) -> None:
    many.execute(statement.encode())
    assert rows(many, "SELECT count(*) FROM image_sketch_1") == rows(
        many, f"SELECT count(*) FROM ({PICTURES}) p"
    )


def test_tables_that_were_analysed_while_empty_are_filled_by_their_keys(
    connection: Connection,
) -> None:
    """Of an empty table every index costs the planner the same; the row's key must be asked."""
    make_space(connection)
    connection.execute("DROP INDEX image_vector_1_hnsw_idx")
    connection.execute("VACUUM ANALYZE")
    for statement in (
        "INSERT INTO product (external_id) SELECT 'p' || n FROM generate_series(1, 2000) n",
        "INSERT INTO image (product_id, uri) SELECT product_id, external_id FROM product",
        "INSERT INTO variant (product_id, sku) SELECT product_id, external_id FROM product",
        SINGLE[1],
        "UPDATE product SET brand = 'x'",
    ):
        connection.execute(statement.encode())
    connection.execute("SELECT pg_stat_force_next_flush()")
    read = connection.execute(
        "SELECT relname, indexrelname, idx_tup_read FROM pg_stat_user_indexes "
        "WHERE relname ~ '^(image|caption)_(sketch|vector)_|^waiting_product$' "
        "AND idx_tup_read > 100 * 2000"
    ).fetchall()
    assert read == []
    assert connection.execute("SELECT count(*) FROM image_sketch_1").fetchone() == (2000,)
