"""What is refused goes to a file, and the rest goes in."""

from __future__ import annotations

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
