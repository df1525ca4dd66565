"""The clock of variants: whether counts of facets may trust that no price was written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.facet_reference import facet_counts
from vitrine.database import Connection, connect

IN_STOCK = {"in_stock": True}


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


def fold(connection: Connection) -> None:
    while connection.execute("SELECT fold_facets()").fetchone() != (0,):
        pass


def is_settled(connection: Connection) -> bool:
    """Whether a count need not look who wrote the variants."""
    row = connection.execute(
        "SELECT h.clock IS NOT DISTINCT FROM c.last_value FROM facet_horizon h, variant_clock c"
    ).fetchone()
    assert row is not None
    settled: bool = row[0]
    return settled


def sold_out(connection: Connection, sku: str) -> None:
    connection.execute("UPDATE variant SET stock = 0 WHERE sku = %s", (sku,))


def total(connection: Connection) -> int:
    found: int = facet_counts(connection, IN_STOCK, ["in_stock"])["total"]
    return found


def add_by_upsert(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO variant (product_id, sku, stock) SELECT product_id, external_id, 0 "
        "FROM product ON CONFLICT (sku) DO UPDATE SET stock = excluded.stock"
    )


def merge(connection: Connection) -> None:
    connection.execute(
        "MERGE INTO variant v USING product p ON v.product_id = p.product_id "
        "WHEN MATCHED THEN UPDATE SET stock = 0"
    )


def update_without_triggers(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("UPDATE variant SET stock = 0")


def update_by_a_trigger(connection: Connection) -> None:
    """The statement names no price and no stock."""
    connection.execute(
        "CREATE FUNCTION empty() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.stock := 0; RETURN NEW; END'"
    )
    connection.execute(
        "CREATE TRIGGER empty BEFORE UPDATE ON variant FOR EACH ROW EXECUTE FUNCTION empty()"
    )
    connection.execute("UPDATE variant SET updated_at = now()")


@pytest.mark.parametrize(
    "write", [add_by_upsert, merge, update_without_triggers, update_by_a_trigger]
)
def test_every_way_to_write_moves_the_clock(
    shop: Connection, write: Callable[[Connection], None]
) -> None:
    assert is_settled(shop)
    assert total(shop) == 2
    write(shop)
    assert not is_settled(shop)
    assert total(shop) == 0
    fold(shop)
    assert is_settled(shop)
    assert total(shop) == 0


def test_what_is_being_written_is_not_settled(shop: Connection, database: str) -> None:
    with connect(database, "vitrine") as other:
        with other.transaction():
            sold_out(other, "a")
            fold(shop)
            assert not is_settled(shop)
            assert (total(other), total(shop)) == (1, 2)
        assert total(shop) == 1
        fold(shop)
        assert is_settled(shop)
        assert total(shop) == total(other) == 1


def test_a_writer_that_comes_to_nothing_is_forgotten(shop: Connection, database: str) -> None:
    with connect(database, "vitrine") as other, other.transaction(force_rollback=True):
        sold_out(other, "a")
    assert total(shop) == 2
    fold(shop)
    assert is_settled(shop)
    assert total(shop) == 2


def test_a_folding_that_looks_at_the_past_settles_nothing(shop: Connection, database: str) -> None:
    with connect(database, "vitrine") as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert total(other) == 2
        sold_out(shop, "a")
        other.execute("SELECT fold_facets()")
        assert total(other) == 2
    assert not is_settled(shop)
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
            shop.execute("UPDATE variant SET stock = 1")
            fold(shop)
            assert total(shop) == 2
        assert total(shop) == 0
    assert total(shop) == 0


def test_who_may_update_variants_moves_the_clock(shop: Connection) -> None:
    """A role of the shop's own, with a right that nobody foresaw."""
    with shop.transaction(force_rollback=True):
        shop.execute("CREATE ROLE till")
        shop.execute("GRANT USAGE ON SCHEMA vitrine TO till")
        shop.execute("GRANT SELECT, UPDATE (stock) ON variant TO till")
        shop.execute("SET LOCAL ROLE till")
        sold_out(shop, "a")
        shop.execute("RESET ROLE")
        assert total(shop) == 1
