"""The shop writes the very rows that an import brings in: neither loses, nothing is half done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

import psycopg
import pytest
from psycopg import sql

from tests.integration.catalogue_files import (
    MAGENTO,
    Importer,
    Writer,
    all_rows,
    hoodie,
    magento,
    make_space,
    one,
    pictures,
    rejects,
    write_csv,
)
from tests.integration.workers import PATIENCE, until
from vitrine.catalogue import ImportOptions, ImportReport, applying, import_catalogue
from vitrine.database import Connection, set_search_path
from vitrine.errors import DatabaseError

Importing = Callable[..., "Aside[ImportReport]"]
T = TypeVar("T")


class Aside(Generic[T]):
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._future = self._pool.submit(call)

    def result(self) -> T:
        """What the call returned, or its error, once it has ended."""
        return self._future.result(PATIENCE)


@pytest.fixture
def importing(run_import: Importer) -> Importing:
    """Return a function that starts an import beside the test."""
    return lambda path, **options: Aside(lambda: run_import(path, **options))


@pytest.fixture
def shop(database: str) -> Iterator[Connection]:
    """The shop's own session, in the middle of a transaction."""
    with psycopg.connect(database) as session:
        set_search_path(session, "vitrine")
        session.commit()
        yield session


def blocks(connection: Connection, session: Connection) -> bool:
    """Whether some other session waits for what this one holds."""
    query = "SELECT count(*) FROM pg_stat_activity a WHERE %s = ANY (pg_blocking_pids(a.pid))"
    return connection.execute(query.encode(), (session.info.backend_pid,)).fetchone() != (0,)


def meet(connection: Connection, shop: Connection) -> None:
    """Wait until the import waits for the shop's transaction, then let the shop commit."""
    until(lambda: blocks(connection, shop), "the import meets the shop's transaction")
    shop.commit()


def whole_hoodie(connection: Connection) -> None:
    """The hoodie of the file is there with all its parts, once each."""
    assert all_rows(
        connection, "SELECT external_id, status FROM product WHERE external_id = 'H'"
    ) == [("H", "active")]
    skus = all_rows(
        connection,
        "SELECT sku, price, stock FROM variant JOIN product USING (product_id) "
        "WHERE external_id = 'H' ORDER BY sku",
    )
    assert skus == [("H-M", 10, 5), ("H-S", 10, 5)]
    assert len(pictures(connection, "H")) == 4
    assert one(connection, "SELECT count(*) FROM image_variant") == 4
    assert one(connection, "SELECT count(*) FROM caption") == 1
    assert one(connection, "SELECT count(*) FROM work_queue") == 5


def test_a_price_that_the_shop_sets_meanwhile_stays_where_the_file_has_no_prices(
    run_import: Importer, importing: Importing, write_rows: Writer, connection: Connection,
    shop: Connection,
) -> None:  # fmt: skip
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    shop.execute("UPDATE variant SET price = 77 WHERE sku = 'H-S'")
    stocks = write_rows({"sku": "H-S", "stock": "1"}, {"sku": "H-M", "stock": "2"}, name="s.csv")
    running = importing(stocks, mapping={"sku": "sku"})
    meet(connection, shop)
    assert running.result().counts["variant", "changed"] == 2
    found = all_rows(connection, "SELECT sku, price, stock FROM variant ORDER BY sku")
    assert found == [("H-M", 10, 2), ("H-S", 77, 1)]


def test_a_price_that_the_file_names_is_the_files(
    run_import: Importer, importing: Importing, write_rows: Writer, connection: Connection,
    shop: Connection,
) -> None:  # fmt: skip
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    rows = hoodie()
    rows[0]["price"] = "12"
    shop.execute("UPDATE variant SET price = 77 WHERE sku = 'H-S'")
    running = importing(write_rows(*rows, columns=MAGENTO))
    meet(connection, shop)
    running.result()
    assert one(connection, "SELECT price FROM variant WHERE sku = 'H-S'") == 12


def test_a_product_that_the_shop_deletes_meanwhile_comes_back_whole(
    run_import: Importer, importing: Importing, write_rows: Writer, connection: Connection,
    shop: Connection,
) -> None:  # fmt: skip
    make_space(connection)
    run_import(write_rows(*hoodie(name="Old name"), columns=MAGENTO))
    shop.execute("DELETE FROM product WHERE external_id = 'H'")
    running = importing(write_rows(*hoodie(), columns=MAGENTO))
    meet(connection, shop)
    report = running.result()
    assert (report.counts["product", "new"], report.counts["variant", "new"]) == (1, 2)
    whole_hoodie(connection)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO product (external_id) VALUES ('H')",
        "WITH p AS (INSERT INTO product (external_id) VALUES ('MINE') RETURNING product_id) "
        "INSERT INTO variant (product_id, sku, price) SELECT product_id, 'H-S', 1 FROM p",
    ],
)
def test_a_key_that_the_shop_adds_meanwhile_is_taken_up_once(
    importing: Importing, write_rows: Writer, connection: Connection, shop: Connection,
    statement: str,
) -> None:  # fmt: skip
    make_space(connection)
    shop.execute(statement.encode())
    running = importing(write_rows(*hoodie(), columns=MAGENTO))
    meet(connection, shop)
    report = running.result()
    assert report.rejects == 0
    assert report.counts["variant", "new"] + report.counts["variant", "changed"] == 2
    whole_hoodie(connection)


def test_a_category_that_the_shop_adds_meanwhile_is_the_same_category(
    importing: Importing, write_rows: Writer, connection: Connection, shop: Connection
) -> None:
    shop.execute("INSERT INTO category (name, path) VALUES ('MEN', 'men')")
    running = importing(write_rows(*hoodie(), columns=MAGENTO))
    meet(connection, shop)
    running.result()
    found = all_rows(
        connection,
        "SELECT c.path, p.name FROM category c LEFT JOIN category p "
        "ON p.category_id = c.parent_id ORDER BY 1",
    )
    assert found == [("men", None), ("men/tops", "MEN"), ("sale", None)]


def test_a_deadlock_costs_the_shop_nothing_and_the_import_a_second_try(
    database: str, run_import: Importer, importing: Importing, write_rows: Writer,
    connection: Connection, shop: Connection,
) -> None:  # fmt: skip
    make_space(connection)
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    connection.execute("UPDATE variant SET price = 1")
    # The import, which comes second, is the one that looks for deadlocks, so it gives way.
    connection.execute(
        sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '10ms'").format(
            sql.Identifier(connection.info.dbname)
        )
    )
    shop.execute("SET deadlock_timeout = '60s'")
    shop.execute("SELECT FROM variant WHERE sku = 'H-S' FOR UPDATE")
    with psycopg.connect(database) as brake:
        brake.execute("SELECT FROM vitrine.product_text FOR UPDATE")
        rows = hoodie(name="New name", additional_attributes="brand=Other")
        running = importing(write_rows(*rows, columns=MAGENTO))
        until(lambda: blocks(connection, brake), "the import has written the product")
        popular = "UPDATE product SET popularity = 9 WHERE external_id = 'H'"
        shopping = Aside(lambda: shop.execute(popular.encode()))
        blocked = "SELECT cardinality(pg_blocking_pids(%s))"
        until(
            lambda: one(connection, blocked, shop.info.backend_pid), "the shop waits for the import"
        )
        brake.commit()  # the import's variants are next
    shopping.result()
    shop.commit()
    report = running.result()
    assert (report.counts["product", "changed"], report.counts["variant", "changed"]) == (1, 2)
    assert one(connection, "SELECT popularity, brand FROM product") == (9, "Other")
    whole_hoodie(connection)


def test_a_shop_that_crosses_every_try_is_reported_and_the_same_call_goes_on(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    make_space(connection)
    connection.execute(
        "CREATE FUNCTION cross() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected'; END $$"
    )
    connection.execute("CREATE TRIGGER crossing BEFORE INSERT ON image EXECUTE FUNCTION cross()")
    path = write_rows(*hoodie(), columns=MAGENTO)
    said = r"5 times in a row \(deadlock detected\).*same command"
    with pytest.raises(DatabaseError, match=said):
        run_import(path)
    assert one(connection, "SELECT count(*) FROM product") == 0
    connection.execute("DROP TRIGGER crossing ON image")
    report = run_import(path)
    assert report.resumed
    assert report.counts["product", "new"] == 1
    whole_hoodie(connection)


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch a product, one after the other."""
    monkeypatch.setattr(applying, "BATCH_ROWS", 1)


@pytest.mark.usefixtures("step_by_step")
def test_prices_of_a_product_that_the_shop_deletes_meanwhile_are_refused_by_line(
    database: str, run_import: Importer, write_rows: Writer, connection: Connection, tmp_path: Path
) -> None:
    run_import(write_rows(magento("A"), magento("B"), magento("C"), columns=MAGENTO))

    def delete(stage: str, _: int) -> None:
        done = one(connection, "SELECT count(*) FROM variant WHERE price = 7")
        if stage == "writing" and done == 1:
            connection.execute("DELETE FROM product WHERE external_id = 'C'")

    prices = [{"sku": sku, "price": "7"} for sku in "ABC"]
    path = write_csv(tmp_path / "p.csv", ["sku", "price"], *prices)
    options = ImportOptions(mapping={"sku": "sku"}, jobs=1)
    report = import_catalogue(database, "vitrine", path, options, delete)
    assert rejects(report) == [
        (4, "sku", "C", "the shop deleted this product while the import ran")
    ]
    found = all_rows(connection, "SELECT sku, price FROM variant ORDER BY sku")
    assert found == [("A", 7), ("B", 7)]
    assert one(connection, "SELECT count(*) FROM product") == 2


@pytest.mark.usefixtures("step_by_step")
def test_a_category_that_the_shop_deletes_meanwhile_is_made_again_by_the_same_call(
    database: str, run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    rows = [magento(sku, categories=f"Default Category/{sku}") for sku in "ABC"]
    path = write_rows(*rows, columns=MAGENTO)

    def delete(stage: str, _: int) -> None:
        if stage == "writing":
            connection.execute("DELETE FROM category WHERE path = 'c'")

    with pytest.raises(DatabaseError, match="give the same command again"):
        import_catalogue(database, "vitrine", path, ImportOptions(jobs=1), delete)
    assert one(connection, "SELECT count(*) FROM product") == 2
    assert run_import(path).counts["product", "new"] == 3
    found = all_rows(
        connection, "SELECT external_id, path FROM product JOIN product_category USING "
        "(product_id) JOIN category USING (category_id) ORDER BY 1",
    )  # fmt: skip
    assert found == [("A", "a"), ("B", "b"), ("C", "c")]
