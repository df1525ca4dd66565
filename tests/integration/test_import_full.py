"""A full file retires what it lacks, unless that is most of the shop."""

from __future__ import annotations

import pytest

from tests.integration.catalogue_files import (
    MAGENTO,
    Importer,
    Writer,
    hoodie,
    magento,
    make_space,
    one,
    versions,
)
from vitrine.catalogue import ImportOptions, import_catalogue
from vitrine.database import Connection
from vitrine.errors import CatalogueError


def test_full_retires_what_is_missing_and_brings_it_back(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    make_space(connection)
    both = write_rows(*hoodie(), magento("X", base_image="/x.jpg"), columns=MAGENTO)
    run_import(both)
    rows = hoodie(configurable_variations="sku=H-S,size=S,color=Black")
    less = write_rows(rows[0], rows[2], columns=MAGENTO, name="less.csv")
    assert run_import(less).changes == 1  # without --full only the pictures of H-M's row are gone
    report = run_import(less, full=True)
    assert report.counts["product", "retired"] == 1
    assert report.counts["variant", "retired"] == 1
    retired = "SELECT external_id FROM product WHERE status = 'retired'"
    assert one(connection, retired) == "X"
    assert one(connection, "SELECT sku FROM variant WHERE status = 'retired'") == "H-M"
    waiting = (
        "SELECT count(*) FROM work_queue JOIN product USING (product_id) WHERE external_id = 'X'"
    )
    assert one(connection, waiting) == 0
    assert run_import(less, full=True).changes == 0
    run_import(both, full=True)
    assert connection.execute(retired.encode()).fetchall() == []
    assert one(connection, "SELECT count(*) FROM variant WHERE status = 'retired'") == 0
    assert one(connection, waiting) == 2


def test_a_refused_row_is_not_missing(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*hoodie(), magento("X"), columns=MAGENTO))
    rows = hoodie()
    rows[1]["price"] = "free"
    report = run_import(write_rows(*rows, magento("X", price="cheap"), columns=MAGENTO), full=True)
    assert report.rejects == 2
    assert report.changes == 0
    assert one(connection, "SELECT count(*) FROM product WHERE status = 'active'") == 2


@pytest.mark.parametrize("broken", ["{row},extra", '"{row}', "{row}\udcff"])
def test_while_a_row_tells_no_product_nothing_is_missing(
    run_import: Importer, write_rows: Writer, connection: Connection, broken: str
) -> None:
    rows = [*hoodie(), magento("X", base_image="/x.jpg"), magento("Y")]
    path = write_rows(*rows, columns=MAGENTO)
    run_import(path)
    text = path.read_text()
    *others, x, _ = text.splitlines()
    assert x.startswith("X,")
    path.write_text("\n".join([*others, broken.format(row=x)]) + "\n", errors="surrogateescape")
    report = run_import(path, full=True)
    assert (report.rejects, report.unreadable, report.changes) == (1, 1, 0)
    assert one(connection, "SELECT count(*) FROM product WHERE status = 'active'") == 3
    path.write_text("\n".join(others) + "\n")
    assert run_import(path, full=True).counts["product", "retired"] == 2


def test_a_product_whose_every_row_is_refused_is_not_missing(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    row = {"product": "COAT", "sku": "COAT-S", "title": "Coat", "price": "90"}
    hat = {"product": "HAT", "sku": "HAT-S", "title": "Hat", "price": "20"}
    run_import(write_rows(row, hat))
    report = run_import(write_rows(row | {"price": "ninety"}, hat), full=True)
    assert (report.rejects, report.changes) == (1, 0)


def shop_of(count: int) -> list[dict[str, str]]:
    return [magento(f"P{number}") for number in range(count)]


def active(connection: Connection) -> int:
    return int(one(connection, "SELECT count(*) FROM product WHERE status = 'active'"))


def test_a_full_file_that_lacks_most_of_the_shop_stops_before_anything_is_changed(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    shop = shop_of(100)
    run_import(write_rows(*shop, columns=MAGENTO))
    before = versions(connection)
    other = [magento("NEW", price="3 EUR", categories="Default Category/New"), *shop[:43]]
    wrong = write_rows(*other, columns=MAGENTO, name="wrong.csv")
    with pytest.raises(
        CatalogueError,
        match=r"retire 57 of the 100 active products.*share of 0\.5;.*--retire-limit 0\.57",
    ):
        run_import(wrong, full=True)
    assert versions(connection) == before
    # The run is kept: with the option it goes on, without reading the file again.
    report = run_import(wrong, full=True, retire_limit=0.57)
    assert report.resumed
    assert (report.counts["product", "retired"], report.counts["product", "new"]) == (57, 1)
    assert active(connection) == 44


def test_a_run_that_was_allowed_and_stopped_is_not_asked_again(
    database: str, run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*shop_of(24), columns=MAGENTO))
    path = write_rows(magento("NEW"), columns=MAGENTO, name="new.csv")

    def stop(stage: str, _: int) -> None:
        if stage == "writing":
            raise KeyboardInterrupt

    options = ImportOptions(full=True, retire_limit=1)
    with pytest.raises(KeyboardInterrupt):
        import_catalogue(database, "vitrine", path, options, stop)
    assert active(connection) == 25
    report = run_import(path, full=True)
    assert report.resumed
    assert active(connection) == 1


def test_half_of_the_shop_may_be_retired_and_less_where_the_shop_says_so(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*shop_of(24), columns=MAGENTO))
    half = write_rows(*shop_of(12), columns=MAGENTO, name="half.csv")
    with pytest.raises(CatalogueError, match=r"retire 12 of the 24 .* share of 0\.1;"):
        run_import(half, full=True, retire_limit=0.1)
    assert active(connection) == 24
    assert run_import(half, full=True).counts["product", "retired"] == 12


def test_a_column_that_hides_everything_is_stopped_too(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*shop_of(20), columns=MAGENTO))
    hiding = [row | {"product_online": "2"} for row in shop_of(20)]
    path = write_rows(*hiding, columns=MAGENTO, name="hidden.csv")
    with pytest.raises(CatalogueError, match="retire 20 of the 20 active products"):
        run_import(path, full=True)
    assert active(connection) == 20
    run_import(path)  # the file says so of each product, and claims nothing about others
    assert active(connection) == 0


def test_a_handful_of_products_may_all_go(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*shop_of(19), columns=MAGENTO))
    run_import(write_rows(magento("NEW"), columns=MAGENTO), full=True)
    assert active(connection) == 1


def test_refused_rows_are_not_counted_as_missing(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*shop_of(20), columns=MAGENTO))
    unpriced = [row | {"price": "free"} for row in shop_of(20)]
    report = run_import(write_rows(*unpriced, columns=MAGENTO), full=True)
    assert (report.rejects, report.changes) == (20, 0)


def test_what_the_shop_adds_while_a_full_import_runs_is_left_alone(
    database: str, run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*shop_of(3), columns=MAGENTO))

    def add(stage: str, _: int) -> None:
        if stage == "writing":
            connection.execute("INSERT INTO product (external_id) VALUES ('JUST-ADDED')")

    path = write_rows(*shop_of(2), columns=MAGENTO, name="two.csv")
    report = import_catalogue(database, "vitrine", path, ImportOptions(full=True), add)
    assert report.counts["product", "retired"] == 1
    retired = "SELECT external_id FROM product WHERE status = 'retired'"
    assert one(connection, retired) == "P2"
    assert run_import(path, full=True).counts["product", "retired"] == 1


def test_a_limit_that_is_no_share_is_refused() -> None:
    with pytest.raises(CatalogueError, match="from 0 to 1"):
        ImportOptions(full=True, retire_limit=50)


def test_a_file_of_nothing_is_not_the_whole_catalogue(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    empty = write_rows(columns=MAGENTO, name="empty.csv")
    with pytest.raises(CatalogueError, match="would retire 1 of the 1 active products"):
        run_import(empty, full=True)
    assert run_import(empty, full=True, retire_limit=1).counts["product", "retired"] == 1


def test_a_caption_that_the_shop_took_is_not_counted(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    path = write_rows(*hoodie(), magento("X"), columns=MAGENTO)
    assert run_import(path).counts["caption", "new"] == 2
    connection.execute("DELETE FROM caption WHERE text LIKE '%X'")
    connection.execute("UPDATE caption SET text = 'by hand'")
    assert run_import(path).changes == 0
    changed = write_rows(*hoodie(name="Other"), magento("X"), columns=MAGENTO)
    assert run_import(changed).counts["caption", "changed"] == 1
