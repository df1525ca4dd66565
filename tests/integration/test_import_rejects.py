"""What is refused goes to a file, and the rest goes in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.catalogue_files import (
    MAGENTO,
    Importer,
    Writer,
    hidden,
    hoodie,
    magento,
    one,
    rejects,
)
from vitrine.database import Connection
from vitrine.errors import CatalogueError


def test_what_is_refused_goes_to_a_file_and_the_rest_goes_in(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    path = write_rows(
        *hoodie(configurable_variations="sku=H-S,size=S|sku=GONE,size=M|sku=H-M,size=M"),
        magento("A", price="ten"),
        magento("B"),
        magento("B", name="again"),
        magento("", name="no key"),
        magento("C", name=""),
        hidden("ORPHAN"),
        magento("D", qty="lots"),
        magento("E", product_type="configurable"),
        magento("漂亮 👗", name="فستان 漂亮 👗"),
        columns=MAGENTO,
    )
    report = run_import(path)
    assert rejects(report) == [
        (4, "configurable_variations", "GONE", "this variation has no row in the file"),
        (5, "price", "ten", "not a price"),
        (7, "sku", "B", "duplicate: line 6 has this SKU already"),
        (8, "sku", "", "empty"),
        (9, "name", "", "empty"),
        (10, "sku", "ORPHAN", "not visible by itself, and no product names it as its variant"),
        (11, "qty", "lots", "not a number of pieces"),
        (12, "configurable_variations", "", "a configurable product without variations"),
    ]
    assert report.rejects_file == path.with_name("a.csv.rejects.csv")
    keys = connection.execute("SELECT external_id FROM product ORDER BY product_id").fetchall()
    assert keys == [("H",), ("B",), ("漂亮 👗",)]
    assert one(connection, "SELECT count(*) FROM variant WHERE sku LIKE 'H-%'") == 2


def test_a_place_for_rejects_that_does_not_exist_stops_the_import_first(
    run_import: Importer, write_rows: Writer, connection: Connection, tmp_path: Path
) -> None:
    path = write_rows(magento("A"), columns=MAGENTO)
    for place in (tmp_path / "none" / "r.csv", tmp_path):
        with pytest.raises(CatalogueError, match=f"^{place}: .* --rejects"):
            run_import(path, rejects=place)
    assert one(connection, "SELECT count(*) FROM product") == 0


def test_rejects_that_cannot_be_written_in_the_end_are_found_again(
    run_import: Importer, write_rows: Writer, connection: Connection, tmp_path: Path
) -> None:
    path = write_rows(magento("A"), magento("B", price="ten"), columns=MAGENTO)
    (tmp_path / "r.csv.part").mkdir()
    with pytest.raises(CatalogueError, match=r"is imported, but .*r\.csv cannot be written"):
        run_import(path, rejects=tmp_path / "r.csv")
    assert one(connection, "SELECT count(*) FROM product") == 1
    report = run_import(path, rejects=tmp_path / "other.csv")
    assert report.changes == 0
    assert rejects(report) == [(3, "price", "ten", "not a price")]


def test_the_products_of_refused_rows_keep_their_pictures(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    rows = hoodie()
    rows[0]["price"] = "ten"
    report = run_import(write_rows(*rows, columns=MAGENTO))
    assert (report.rejects, report.changes) == (1, 0)
    assert one(connection, "SELECT count(*) FROM image") == 4
