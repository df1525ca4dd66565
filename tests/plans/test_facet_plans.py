"""What a count of facets reads: bitmaps, not the catalogue, in tables never analysed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import CopyOf
from vitrine.database import Connection

PRODUCTS = 9_000


def fill(connection: Connection) -> None:
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


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


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


PRICES = ["price", "in_stock"]


@pytest.mark.parametrize("filters", [{}, {"in_stock": True}])
def test_while_nobody_updates_variants_are_asked_for_the_ends_of_prices_alone(
    shop: Connection, filters: dict[str, Any]
) -> None:
    found = reads(shop, filters, [*NOT_PRICES, *PRICES])
    # From both ends of the prices until the set holds one. Of stock the variant itself is asked.
    whole, looked_up = found.pop("variant")
    assert whole == 0
    assert found == {"product": (0, 0), "product_category": (0, 0)}
    assert looked_up <= (200 if filters else 2)


def test_after_an_update_what_was_updated_is_looked_up(shop: Connection) -> None:
    shop.execute("UPDATE variant SET stock = stock WHERE product_id = 1")
    for wanted in ({}, {"in_stock": True}):
        whole, looked_up = reads(shop, wanted, [*NOT_PRICES, *PRICES])["variant"]
        assert whole == 0
        assert looked_up <= 20
    shop.execute("SELECT fold_facets()")
    assert reads(shop, {}, [*NOT_PRICES, *PRICES])["variant"] == (0, 2)


def test_the_ends_of_prices_are_those_of_this_moment(shop: Connection) -> None:
    """Of what is folded, of what is noted, and of more notes than are looked through."""

    def ends(filters: dict[str, Any]) -> tuple[float, float]:
        row = shop.execute(
            "SELECT facet_counts(%s, '[\"price\"]')", (json.dumps(filters),)
        ).fetchone()
        assert row is not None
        prices = row[0]["facets"]["price"]
        return prices["min"], prices["max"]

    stocked = {"in_stock": True}
    assert ends({}) == ends(stocked) == (0, 89)
    # The cheapest were 0 in a hundred products, the dearest 89.
    shop.execute("UPDATE variant SET price = 50 WHERE product_id % 90 = 0 OR price = 89")
    assert ends({}) == ends(stocked) == (1, 88)
    shop.execute("UPDATE variant SET price = 200 WHERE sku = 'p7-1'")
    shop.execute("UPDATE variant SET price = 0.5 WHERE sku = 'p8-2'")
    assert (ends({}), ends(stocked)) == ((0.5, 200), (0.5, 88))
    shop.execute("UPDATE variant SET status = 'retired' WHERE price = 1")
    shop.execute("UPDATE variant SET price = 1.5 WHERE sku = 'p8-2'")
    assert (ends({}), ends(stocked)) == ((1.5, 200), (1.5, 88))
    shop.execute("UPDATE variant SET price = price + 1")
    assert (ends({}), ends(stocked)) == ((2.5, 201), (2.5, 89))
    while shop.execute("SELECT fold_facets()").fetchone() != (0,):
        pass
    assert (ends({}), ends(stocked)) == ((2.5, 201), (2.5, 89))


def test_of_many_that_pass_those_that_were_updated_are_looked_at(shop: Connection) -> None:
    """Too many to read them all from the catalogue, and a filter that asks of no price."""
    wanted = {"brand": [f"b{number}" for number in range(1, 21)]}
    shop.execute("UPDATE variant SET stock = 0 WHERE product_id % 50 = 1")
    asked = (json.dumps(wanted), '["in_stock"]')
    row = shop.execute("SELECT facet_counts(%s, %s)", asked).fetchone()
    assert row is not None
    counts = {value["value"]: value["count"] for value in row[0]["facets"]["in_stock"]}
    assert counts[True] == 19 * PRODUCTS // 50


def test_what_is_in_stock_is_counted_without_bitmaps_of_variants(shop: Connection) -> None:
    """Two blocks of three planes; of products: 2 of themselves, 2 in stock, 6 of sizes in stock."""
    assert bitmaps_read(shop, {"in_stock": True}, ["options.size"]) <= 10


def test_prices_of_a_few_are_looked_up(shop: Connection) -> None:
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


BITMAPS = """SELECT seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0)
FROM pg_stat_xact_user_tables
WHERE relname = 'facet_bitmap' AND schemaname = current_schema()"""


def bitmaps_read(connection: Connection, filters: Any, facets: Any) -> int:
    """How many bitmaps were read; never all of them."""
    with connection.transaction():
        before = connection.execute(BITMAPS).fetchone()
        connection.execute(
            "SELECT facet_counts(%s, %s)", (json.dumps(filters), json.dumps(facets))
        ).fetchone()
        after = connection.execute(BITMAPS).fetchone()
    assert before is not None
    assert after is not None
    assert after[0] == before[0]
    read: int = after[1] - before[1]
    return read


def test_few_products_are_counted_without_the_bitmaps_of_their_values(shop: Connection) -> None:
    """90 products and 100 articles in two blocks: 200 bitmaps."""
    shop.execute(
        "UPDATE product SET attributes = attributes || jsonb_build_object('article', "
        "product_id % 100)"
    )
    while shop.execute("SELECT fold_facets()").fetchone() != (0,):
        pass
    shop.execute("ANALYZE facet_bitmap")
    assert bitmaps_read(shop, {"category": "narrow"}, ["attributes.article"]) < 20


def test_what_all_products_have_is_not_counted(shop: Connection) -> None:
    """A facet whose own filter is all that there is counts all products: 100 bitmaps of brands."""
    assert bitmaps_read(shop, {"brand": "b1"}, ["brand"]) < 20


def products_read(connection: Connection, filters: Any) -> int:
    """Rows of products, or of their index alone, that a page with facets reads."""
    with connection.transaction():
        connection.execute(
            "SELECT search_page(filters => %s, options => %s)",
            (json.dumps(filters), json.dumps({"facets": NOT_PRICES})),
        ).fetchone()
        row = connection.execute(
            "SELECT sum(pg_stat_get_xact_tuples_returned(i.indexrelid)) FROM pg_index i "
            "WHERE i.indrelid = 'product'::regclass"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_page_shows_what_was_counted(shop: Connection) -> None:
    """Of 90 products all are looked at, of 8,910 the first in the order of the page."""
    # How many products there are decides; the server may have counted them while they came.
    shop.execute("ANALYZE product")
    narrow = products_read(shop, {"category": "narrow"})
    assert 24 <= narrow <= 400
    broad = products_read(shop, {"category": "broad"})
    assert 24 <= broad <= 400
