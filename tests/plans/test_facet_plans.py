"""What a count of facets reads: bitmaps, not the catalogue, in tables never analysed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vitrine.database import Connection

PRODUCTS = 9_000


@pytest.fixture
def shop(connection: Connection) -> Connection:
    for statement in (
        "INSERT INTO category (name) VALUES ('broad'), ('narrow')",
        "INSERT INTO product (external_id, brand, attributes) SELECT 'p' || i, 'b' || i % 50, "
        """jsonb_build_object('material', 'm' || i % 7) """
        f"FROM generate_series(1, {PRODUCTS}) i",
        "INSERT INTO product_category SELECT product_id, CASE WHEN product_id % 100 = 0 THEN 2 "
        "ELSE 1 END FROM product",
        "INSERT INTO variant (product_id, sku, price, stock, options) SELECT product_id, "
        "external_id || '-' || s, product_id % 90, s - 1, jsonb_build_object('size', s) "
        "FROM product, generate_series(1, 3) s",
    ):
        connection.execute(statement.encode())
    while connection.execute("SELECT fold_facets()").fetchone() != (0,):
        pass
    return connection


SCANS = """SELECT relname, seq_scan, idx_scan FROM pg_stat_xact_user_tables
WHERE relname IN ('product', 'variant', 'product_category') AND schemaname = current_schema()"""


def reads(connection: Connection, filters: Any, facets: Any) -> dict[str, tuple[int, int]]:
    """How often each table of the catalogue was read whole, and how often by an index."""
    with connection.transaction():
        before = {name: scans for name, *scans in connection.execute(SCANS).fetchall()}
        connection.execute(
            "SELECT facet_counts(%s, %s)", (json.dumps(filters), json.dumps(facets))
        ).fetchone()
        after = connection.execute(SCANS).fetchall()
    return {
        name: (whole - before[name][0], looked_up - before[name][1])
        for name, whole, looked_up in after
    }


NOT_PRICES = ["category", "brand", "options.size", "attributes.material"]


@pytest.mark.parametrize(
    "filters", [{}, {"category": "narrow"}, {"options": {"size": 2}, "brand": ["b1", "b2"]}]
)
def test_folded_products_are_not_read(shop: Connection, filters: dict[str, Any]) -> None:
    assert set(reads(shop, filters, NOT_PRICES).values()) == {(0, 0)}


def test_prices_are_not_read_while_no_variant_is_written(shop: Connection) -> None:
    facets = [*NOT_PRICES, "price", "in_stock"]
    assert set(reads(shop, {}, facets).values()) == {(0, 0)}
    assert set(reads(shop, {"options": {"size": 2}}, facets).values()) == {(0, 0)}


def test_prices_of_all_are_looked_at_once(shop: Connection) -> None:
    shop.execute("UPDATE variant SET price = 1 WHERE variant_id = 1")
    found = reads(shop, {}, [*NOT_PRICES, "price", "in_stock"])
    # And the product of the one that was written is looked up.
    assert found == {"product": (0, 1), "product_category": (0, 0), "variant": (1, 1)}


def test_prices_of_a_few_are_looked_up(shop: Connection) -> None:
    shop.execute("UPDATE variant SET price = 1 WHERE variant_id = 1")
    found = reads(shop, {"category": "narrow"}, ["price", "in_stock", "brand"])
    whole, looked_up = found["variant"]
    assert whole == 0
    assert 90 <= looked_up <= 200
    assert found["product"] == (0, 0)


def test_what_changed_is_looked_up_and_nothing_else(shop: Connection) -> None:
    shop.execute("UPDATE product SET brand = 'new' WHERE product_id <= 10")
    for table, (whole, looked_up) in reads(shop, {}, NOT_PRICES).items():
        assert whole == 0, table
        assert looked_up <= 40, table
