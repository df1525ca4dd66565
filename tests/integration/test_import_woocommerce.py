"""WooCommerce's product export, as its own exporter writes it, end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.catalogue_files import (
    Importer,
    all_rows,
    make_space,
    one,
    paths,
    pictures,
    rejects,
    versions,
    write_csv,
)
from vitrine.catalogue import ImportReport
from vitrine.database import Connection

COLUMNS = [
    "ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?",
    "Visibility in catalog", "Short description", "Description", "Date sale price starts",
    "Date sale price ends", "Tax status", "Tax class", "In stock?", "Stock", "Low stock amount",
    "Backorders allowed?", "Sold individually?", "Weight (kg)", "Length (cm)", "Width (cm)",
    "Height (cm)", "Allow customer reviews?", "Purchase note", "Sale price", "Regular price",
    "Categories", "Tags", "Shipping class", "Images", "Download limit", "Download expiry days",
    "Parent", "Grouped products", "Upsells", "Cross-sells", "External URL", "Button text",
    "Position", "Brands", "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible",
    "Attribute 1 global", "Attribute 2 name", "Attribute 2 value(s)", "Attribute 2 visible",
    "Attribute 2 global", "Attribute 1 default",
]  # fmt: skip
UPLOADS = "https://shop.example/wp-content/uploads/2026/01/"


def product(number: int, kind: str, sku: str, name: str, **cells: str) -> dict[str, str]:
    row = {
        "ID": str(number), "Type": kind, "SKU": sku, "Name": name, "Published": "1",
        "Is featured?": "0", "Visibility in catalog": "visible", "Tax status": "taxable",
        "In stock?": "1", "Backorders allowed?": "0", "Sold individually?": "0",
        "Allow customer reviews?": "1", "Position": "0",
    }  # fmt: skip
    return row | {COLUMN.get(name, name): value for name, value in cells.items()}


COLUMN = {
    "price": "Regular price", "sale": "Sale price", "ends": "Date sale price ends",
    "starts": "Date sale price starts", "stock": "Stock", "in_stock": "In stock?",
    "backorders": "Backorders allowed?", "parent": "Parent", "images": "Images",
    "categories": "Categories", "tags": "Tags", "text": "Description", "brands": "Brands",
    "short": "Short description", "published": "Published", "visibility": "Visibility in catalog",
    "attribute1": "Attribute 1 name", "values1": "Attribute 1 value(s)",
    "attribute2": "Attribute 2 name", "values2": "Attribute 2 value(s)",
}  # fmt: skip


def images(*names: str) -> str:
    return ", ".join(UPLOADS + name for name in names)


def hoodie() -> list[dict[str, str]]:
    """A variable product in two colours and its variations, which follow all products by ID."""
    colour = {"attribute1": "Colour", "attribute2": "Logo"}
    return [
        product(
            12, "variable", "woo-hoodie", "Hoodie &amp; hood",
            text="<p>Warm.</p>\\n<p>Soft &#8211; really.</p>", short="Not this one",
            categories="Clothing > Hoodies, Clothing > Men\\, Women & Kids, Sale",
            tags="winter, soft\\, warm", brands="Northwind",
            images=images("hoodie.jpg", "hoodie-back.jpg"), stock="7",
            **colour, values1="Blue, Green", values2="Yes, No",
        ),
        product(
            30, "variation", "woo-hoodie-blue", "Hoodie - Blue", parent="woo-hoodie", price="45",
            sale="39,50", stock="3", images=images("hoodie-blue.jpg"),
            **colour, values1="Blue", values2="Yes",
        ),
        product(
            31, "variation", "woo-hoodie-green", "Hoodie - Green", parent="woo-hoodie", price="45",
            stock="parent", images=images("hoodie-green.jpg"),
            **colour, values1="Green", values2="",
        ),
        product(
            32, "variation, virtual", "", "Hoodie - Red", parent="woo-hoodie", price="45",
            stock="parent", in_stock="0", attribute1="Colour", values1="Red",
        ),
    ]  # fmt: skip


def export(folder: Path, *rows: dict[str, str]) -> Path:
    """WooCommerce's file: a byte order mark first, then lines ending in LF."""
    path = write_csv(folder / "wc-product-export.csv", COLUMNS, *rows, lineterminator="\n")
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    return path


@pytest.fixture
def imported(run_import: Importer, connection: Connection, tmp_path: Path) -> ImportReport:
    """The hoodie, simple products with and without SKU, and what the platform hides."""
    make_space(connection)
    variable, *variations = hoodie()
    return run_import(
        export(
            tmp_path,
            product(
                10, "simple, downloadable, virtual", "woo-album", "Album", price="1,299.00",
                sale="5", starts="2001-01-01 0:00:00", ends="2001-12-31 23:59:59", stock="'-3",
                in_stock="backorder", backorders="notify", short="A single\\nwith two sides",
                attribute1="Color", values1="Black", categories="Music",
                images=images("album.jpg"),
            ),
            product(11, "simple", "", "Nameless", price="15", stock="4"),
            variable,
            product(13, "simple", "draft", "Draft", price="1", published="'-1"),
            product(14, "simple", "private", "Private", price="1", published="0"),
            product(15, "simple", "hidden", "Hidden", price="1", visibility="hidden"),
            product(16, "external", "'=cmd", "Affiliate", price="9", stock="", in_stock="1"),
            *variations,
        )
    )  # fmt: skip


def test_a_variable_product_is_one_product_of_its_variations(
    imported: ImportReport, connection: Connection
) -> None:
    assert (imported.preset, imported.rejects, imported.rows) == ("woocommerce", 0, 10)
    assert one(
        connection, "SELECT brand, attributes FROM product WHERE external_id = 'woo-hoodie'"
    ) == (
        "Northwind",
        {"colour": ["Blue", "Green"], "logo": ["Yes", "No"], "tags": ["winter", "soft, warm"]},
    )
    assert all_rows(
        connection,
        "SELECT sku, price, stock, options FROM variant JOIN product USING (product_id) "
        "WHERE external_id = 'woo-hoodie' ORDER BY variant_id",
    ) == [
        ("woo-hoodie-blue", 39.5, 3, {"colour": "Blue", "logo": "Yes"}),
        # Its pieces are counted with the product's: there are some, and no number of its own.
        ("woo-hoodie-green", 45, None, {"colour": "Green"}),
        ("id:32", 45, 0, {"colour": "Red"}),
    ]
    assert paths(connection, "woo-hoodie") == [
        "clothing/hoodies", "clothing/men, women & kids", "sale",
    ]  # fmt: skip
    assert pictures(connection, "woo-hoodie") == [
        (f"{UPLOADS}hoodie.jpg", None),
        (f"{UPLOADS}hoodie-back.jpg", None),
        (f"{UPLOADS}hoodie-blue.jpg", ["woo-hoodie-blue"]),
        (f"{UPLOADS}hoodie-green.jpg", ["woo-hoodie-green"]),
    ]


def test_texts_are_read_out_of_their_escapes(
    imported: ImportReport, connection: Connection
) -> None:
    texts = all_rows(
        connection,
        "SELECT external_id, t.title, t.description, c.text FROM product p "
        "JOIN product_text t USING (product_id) JOIN caption c USING (product_id) "
        "WHERE external_id IN ('woo-hoodie', 'woo-album') ORDER BY 1 DESC",
    )
    assert texts[0][1] == "Hoodie & hood"
    assert texts[0][2] == "Warm.\nSoft – really."
    assert texts[0][3].endswith("Warm. Soft – really.")
    assert texts[1][1:3] == ("Album", "A single\nwith two sides")


def test_simple_products_and_their_offers(imported: ImportReport, connection: Connection) -> None:
    assert all_rows(
        connection,
        "SELECT p.external_id, v.sku, v.price, v.stock, v.options FROM product p "
        "JOIN variant v USING (product_id) "
        "WHERE p.status = 'active' AND p.external_id <> 'woo-hoodie' ORDER BY p.product_id",
    ) == [
        # The sale is over; sold on back order, so never out of stock.
        ("woo-album", "woo-album", 1299, None, {"color": "Black"}),
        ("id:11", "id:11", 15, 4, {}),
        ("=cmd", "=cmd", 9, None, {}),
    ]
    assert pictures(connection, "woo-album") == [(f"{UPLOADS}album.jpg", None)]


def test_what_woocommerce_hides_is_retired_and_waits_for_nothing(
    imported: ImportReport, connection: Connection
) -> None:
    retired = all_rows(
        connection, "SELECT external_id FROM product WHERE status = 'retired' ORDER BY 1"
    )
    assert retired == [("draft",), ("hidden",), ("private",)]
    # Five pictures, and the captions of the four products that are shown.
    assert one(connection, "SELECT count(*) FROM work_queue") == 9


def test_the_same_export_again_changes_nothing(
    imported: ImportReport, run_import: Importer, connection: Connection, tmp_path: Path
) -> None:
    before = versions(connection)
    again = run_import(tmp_path / "wc-product-export.csv", full=True)
    assert again.changes == 0
    assert again.counts["product", "unchanged"] == 7
    assert again.counts["variant", "unchanged"] == 9
    assert versions(connection) == before


def test_a_new_variation_and_a_new_price_are_all_that_changes(
    imported: ImportReport, run_import: Importer, connection: Connection, tmp_path: Path
) -> None:
    connection.execute("DELETE FROM work_queue")
    rows = hoodie()
    rows[1]["Sale price"] = ""
    rows.append(product(33, "variation", "woo-hoodie-grey", "Hoodie - Grey", parent="woo-hoodie",
                        price="47", attribute1="Colour", values1="Grey"))  # fmt: skip
    report = run_import(export(tmp_path, *rows))
    assert report.counts["variant", "changed"] == report.counts["variant", "new"] == 1
    assert report.changes == 2
    assert one(connection, "SELECT price FROM variant WHERE sku = 'woo-hoodie-blue'") == 45
    assert one(connection, "SELECT count(*) FROM work_queue") == 0


def test_bad_rows_of_an_export_are_refused_by_line(
    run_import: Importer, connection: Connection, tmp_path: Path
) -> None:
    rows = hoodie()
    rows[1]["Stock"] = "a few"
    rows[2]["Regular price"] = "on request"
    orphan = product(40, "variation", "orphan", "Orphan", parent="id:9", price="1")
    nameless = product(41, "simple", "no-name", " ", price="1")
    report = run_import(export(tmp_path, *rows, orphan, nameless))
    assert rejects(report) == [
        (3, "Stock", "a few", "not a number of pieces"),
        (4, "Regular price", "on request", "not a price"),
        (6, "Parent", "id:9", "neither the file nor the shop has this product"),
        (7, "Name", " ", "empty"),
    ]
    skus = all_rows(connection, "SELECT sku FROM variant ORDER BY sku")
    assert skus == [("id:32",)]
