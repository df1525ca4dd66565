"""Shopify's product export, as it comes out of a shop's admin, end to end."""

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
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published",
    "Option1 Name", "Option1 Value", "Option1 Linked To", "Option2 Name", "Option2 Value",
    "Option2 Linked To", "Option3 Name", "Option3 Value", "Option3 Linked To", "Variant SKU",
    "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty",
    "Variant Inventory Policy", "Variant Fulfillment Service", "Variant Price",
    "Variant Compare At Price", "Variant Requires Shipping", "Variant Taxable", "Variant Barcode",
    "Image Src", "Image Position", "Image Alt Text", "Gift Card", "SEO Title", "SEO Description",
    "Color (product.metafields.shopify.color-pattern)",
    "Care guide (product.metafields.custom.care_guide)", "Variant Image", "Variant Weight Unit",
    "Variant Tax Code", "Cost per item", "Included / Germany", "Price / Germany", "Status",
]  # fmt: skip
CDN = "https://cdn.shopify.com/s/files/1/0533/2089/files/"
BODY = """<meta charset="utf-8">
<div class="product-description">
<p data-mce-fragment="1">The <strong>softest</strong> tee we&rsquo;ve made.</p>
<ul>
<li>100% organic cotton &amp; nothing else</li>
<li>Fits true to size</li>
</ul>
<script>track("tee")</script>
</div>"""


def variant(handle: str, sku: str, *values: str, **cells: str) -> dict[str, str]:
    """A variant's row, as Shopify fills it in: no title, no names of options."""
    row = {
        "Handle": handle,
        "Variant SKU": sku,
        "Variant Grams": "180.0",
        "Variant Inventory Tracker": "shopify",
        "Variant Inventory Qty": "10",
        "Variant Inventory Policy": "deny",
        "Variant Fulfillment Service": "manual",
        "Variant Price": "29.00",
        "Variant Requires Shipping": "true",
        "Variant Taxable": "true",
        "Variant Weight Unit": "g",
    }
    row |= {f"Option{place} Value": value for place, value in enumerate(values, 1)}
    return row | {name.replace("_", " "): value for name, value in cells.items()}


def first(handle: str, sku: str, *values: str, **cells: str) -> dict[str, str]:
    """A product's first row, which describes it."""
    described = {"Title": handle.title(), "Vendor": "Plain & Co", "Published": "true",
                 "Gift Card": "false", "Status": "active"}  # fmt: skip
    return {**described, **variant(handle, sku, *values, **cells)}


def picture(handle: str, name: str, place: int) -> dict[str, str]:
    """A row of nothing but one more picture."""
    return {"Handle": handle, "Image Src": CDN + name, "Image Position": str(place)}


def tee() -> list[dict[str, str]]:
    """Four variants of two options, and five pictures, of which two show a colour."""
    names = {"Option1 Name": "Color", "Option2 Name": "Size"}
    described = {
        "Title": "Organic Tee &ndash; Unisex", "Body (HTML)": BODY, "Type": "T-Shirts",
        "Product Category": "Apparel & Accessories > Clothing > Shirts & Tops",
        "Tags": "Organic, Summer 2026, unisex",
        "Color (product.metafields.shopify.color-pattern)": "black; white",
        "Care guide (product.metafields.custom.care_guide)": "Wash cold",
    }  # fmt: skip
    rows = [
        first("organic-tee", "TEE-BLK-S", "Black", "S", Variant_Image=CDN + "black.jpg?v=17"),
        variant("organic-tee", "TEE-BLK-M", "Black", "M", Variant_Image=CDN + "black.jpg?v=17"),
        variant("organic-tee", "TEE-WHT-S", "White", "S", Variant_Image=CDN + "white.jpg?v=17"),
        variant(
            "organic-tee", "TEE-WHT-M", "White", "M",
            Variant_Inventory_Qty="-2", Variant_Inventory_Policy="continue",
        ),
    ]  # fmt: skip
    rows[0] |= names | described
    # Shopify lists a product's pictures down its rows, whatever variant a row is about.
    for place, name in enumerate(("front", "back", "black", "white"), 1):
        rows[place - 1] |= picture("organic-tee", f"{name}.jpg?v=17", place)
    return [*rows, picture("organic-tee", "detail.jpg?v=17", 5)]


def export(folder: Path, *rows: dict[str, str], columns: list[str] = COLUMNS) -> Path:
    """Shopify's file: every field of text in quotes where need be, lines ending in LF."""
    path = folder / "products_export_1.csv"
    kept = [{name: row[name] for name in row if name in columns} for row in rows]
    return write_csv(path, columns, *kept, lineterminator="\n")


@pytest.fixture
def imported(run_import: Importer, connection: Connection, tmp_path: Path) -> ImportReport:
    """The tee, a mug without options or SKU, a draft and an archived product."""
    make_space(connection)
    rows = [
        *tee(),
        first("mug", "", "Default Title", Option1_Name="Title", Variant_Inventory_Tracker="",
              Variant_Inventory_Qty="0", Variant_Price="12.50"),
        first("draft-cap", "CAP-R", "Red", Option1_Name="Color", Status="draft"),
        variant("draft-cap", "CAP-B", "Blue"),
        first("old-cap", "CAP-OLD", "Default Title", Option1_Name="Title", Status="archived"),
        first("secret-cap", "CAP-X", "Default Title", Option1_Name="Title", Published="false"),
    ]  # fmt: skip
    return run_import(export(tmp_path, *rows))


def test_products_with_their_texts_and_attributes(
    imported: ImportReport, connection: Connection
) -> None:
    assert (imported.preset, imported.rejects, imported.rows) == ("shopify", 0, 10)
    assert one(
        connection,
        "SELECT brand, attributes FROM product WHERE external_id = 'organic-tee'",
    ) == (
        "Plain & Co",
        {
            "type": "T-Shirts",
            "tags": ["Organic", "Summer 2026", "unisex"],
            "color_pattern": ["black", "white"],
            "care_guide": "Wash cold",
        },
    )
    title, description, caption = one(
        connection,
        "SELECT t.title, t.description, c.text FROM product_text t "
        "JOIN caption c USING (product_id, locale) JOIN product p USING (product_id) "
        "WHERE p.external_id = 'organic-tee'",
    )
    assert title == "Organic Tee – Unisex"
    assert description == (
        "The softest tee we’ve made.\n100% organic cotton & nothing else\nFits true to size"
    )
    assert caption.startswith("Organic Tee – Unisex. The softest tee we’ve made.")
    assert paths(connection, "organic-tee") == [
        "apparel & accessories/clothing/shirts & tops", "t-shirts",
    ]  # fmt: skip


def test_variants_with_their_options_price_and_stock(
    imported: ImportReport, connection: Connection
) -> None:
    assert all_rows(
        connection,
        "SELECT sku, price, stock, options FROM variant WHERE status = 'active' ORDER BY sku",
    ) == [
        ("TEE-BLK-M", 29, 10, {"color": "Black", "size": "M"}),
        ("TEE-BLK-S", 29, 10, {"color": "Black", "size": "S"}),
        # Sold although there are none: never out of stock.
        ("TEE-WHT-M", 29, None, {"color": "White", "size": "M"}),
        ("TEE-WHT-S", 29, 10, {"color": "White", "size": "S"}),
        ("mug", 12.5, None, {}),
    ]


def test_pictures_keep_shopifys_order_and_show_their_variants(
    imported: ImportReport, connection: Connection
) -> None:
    assert pictures(connection, "organic-tee") == [
        (f"{CDN}front.jpg?v=17", None),
        (f"{CDN}back.jpg?v=17", None),
        (f"{CDN}black.jpg?v=17", ["TEE-BLK-M", "TEE-BLK-S"]),
        (f"{CDN}white.jpg?v=17", ["TEE-WHT-S"]),
        (f"{CDN}detail.jpg?v=17", None),
    ]


def test_what_shopify_hides_is_retired_with_all_its_variants(
    imported: ImportReport, connection: Connection
) -> None:
    assert all_rows(
        connection,
        "SELECT external_id, array_agg(v.status::text ORDER BY sku) "
        "FROM product p JOIN variant v USING (product_id) "
        "WHERE p.status = 'retired' GROUP BY 1 ORDER BY 1",
    ) == [
        ("draft-cap", ["retired", "retired"]),
        ("old-cap", ["retired"]),
        ("secret-cap", ["retired"]),
    ]
    # Five pictures and two captions: hidden products wait for nothing.
    assert one(connection, "SELECT count(*) FROM work_queue") == 7


def test_the_same_export_again_changes_nothing(
    imported: ImportReport, run_import: Importer, connection: Connection, tmp_path: Path
) -> None:
    before = versions(connection)
    again = run_import(tmp_path / "products_export_1.csv", full=True)
    assert again.changes == 0
    assert again.counts["variant", "unchanged"] == 9
    assert versions(connection) == before


def test_a_shop_of_several_places_exports_no_stock_and_keeps_what_is_known(
    imported: ImportReport, run_import: Importer, connection: Connection, tmp_path: Path
) -> None:
    columns = [name for name in COLUMNS if name != "Variant Inventory Qty"]
    rows = tee()
    rows[1]["Variant Price"] = "31.00"
    report = run_import(export(tmp_path, *rows, columns=columns))
    assert report.changes == report.counts["variant", "changed"] == 1
    assert one(connection, "SELECT price, stock FROM variant WHERE sku = 'TEE-BLK-M'") == (31, 10)


def test_bad_rows_of_an_export_are_refused_by_line(
    run_import: Importer, connection: Connection, tmp_path: Path
) -> None:
    rows = tee()
    rows[1]["Variant Price"] = "call us"
    rows[2]["Variant SKU"] = "W" * 600
    lost = variant("never-described", "LOST", "Red")
    report = run_import(export(tmp_path, *rows, lost))
    # The description of the first row takes lines 2 to 10.
    assert [(line, column, reason) for line, column, _, reason in rejects(report)] == [
        (11, "Variant Price", "not a price"),
        (12, "Variant SKU", "over 500 characters"),
        (15, "Handle", "neither the file nor the shop has this product"),
    ]
    skus = all_rows(connection, "SELECT sku FROM variant ORDER BY sku")
    assert skus == [("TEE-BLK-S",), ("TEE-WHT-M",)]
