"""Bulk statements stay linear: after single rows and their cached plans, and without statistics."""

from __future__ import annotations

import pytest

from tests.integration.workers import Shop

ROWS = 30_000
LIMIT = "15s"  # linear takes one or two; a loop over all pairs of rows minutes


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """One product whose parts were written and deleted in single rows, then 30,000 more."""
    connection = shop.connection
    for number in range(7):
        product_id = shop.product(f"single {number}")
        for statement in (
            "INSERT INTO product_text (product_id, locale, title) VALUES (%s, 'en', 'x')",
            "INSERT INTO variant (product_id, sku) VALUES (%s, 'single')",
            "INSERT INTO image (product_id, uri) VALUES (%s, 'x')",
            "INSERT INTO image_variant SELECT product_id, image_id, variant_id "
            "FROM image JOIN variant USING (product_id) WHERE product_id = %s",
            "UPDATE product_text SET title = title || 'x' WHERE product_id = %s",
            "UPDATE image SET uri = uri || 'x' WHERE product_id = %s",
            "DELETE FROM product WHERE product_id = %s",
        ):
            connection.execute(statement.encode(), (product_id,))
    connection.execute(f"SET statement_timeout = '{LIMIT}'".encode())
    for statement in (
        f"INSERT INTO product (external_id) SELECT 'p' || n FROM generate_series(1, {ROWS}) n",
        "INSERT INTO product_text (product_id, locale, title) "
        "SELECT product_id, 'en', external_id FROM product",
        "INSERT INTO image (product_id, uri) SELECT product_id, external_id FROM product",
        "INSERT INTO variant (product_id, sku) SELECT product_id, external_id FROM product",
        "INSERT INTO image_variant SELECT product_id, image_id, variant_id "
        "FROM image JOIN variant USING (product_id)",
    ):
        connection.execute(statement.encode())
    assert shop.one("SELECT count(*) FROM work_queue") == 2 * ROWS
    return shop


@pytest.mark.parametrize(
    ("statement", "waiting"),
    [
        ("UPDATE product_text SET title = title || 'x'", 2 * ROWS),
        ("UPDATE product_text SET title = ''", ROWS),
        ("UPDATE image SET uri = uri || 'x'", 2 * ROWS),
        ("DELETE FROM product_text", ROWS),
        ("DELETE FROM image", ROWS),
        ("DELETE FROM variant", 2 * ROWS),
    ],
)
def test_it_is_linear(shop: Shop, statement: str, waiting: int) -> None:
    shop.connection.execute(statement.encode())
    assert shop.one("SELECT count(*) FROM work_queue") == waiting
