"""Magento's export becomes products, variants, texts, pictures and captions."""

from __future__ import annotations

from pathlib import Path

from tests.integration.catalogue_files import (
    MAGENTO,
    Importer,
    Writer,
    hoodie,
    magento,
    make_space,
    one,
    rejects,
    versions,
)
from vitrine.database import Connection


def test_the_real_magento_export_goes_in_whole_and_again_changes_nothing(
    run_import: Importer, connection: Connection, shared_data: Path, tmp_path: Path
) -> None:
    make_space(connection)
    source = shared_data / "magento" / "products.csv"
    rejected = tmp_path / "r.csv"
    report = run_import(source, preset="magento", rejects=rejected)
    counts = {noun: report.counts[noun, "new"] for noun in ("product", "variant", "image")}
    assert counts == {"product": 147, "variant": 1847, "image": 675}
    assert report.rejects == 0
    assert not rejected.exists()
    assert one(connection, "SELECT count(*) FROM image_variant") == 2966
    assert one(connection, "SELECT count(*) FROM work_queue") == 675 + 147
    assert one(connection, "SELECT count(*) FROM category WHERE name = 'Default Category'") == 0
    product = one(
        connection,
        "SELECT p.attributes ->> 'material', t.title, left(t.description, 9), c.text "
        "FROM product p JOIN product_text t USING (product_id) JOIN caption c USING (product_id) "
        "WHERE external_id = 'MH01'",
    )
    assert product[:3] == ("Wool", "Chaz Kangeroo Hoodie", "Ideal for")
    assert product[3].startswith("Chaz Kangeroo Hoodie. Ideal for")
    before = versions(connection)
    again = run_import(source, rejects=rejected)
    assert again.changes == 0
    assert again.counts["variant", "unchanged"] == 1847
    assert versions(connection) == before


def test_a_configurable_product_and_its_variants(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    report = run_import(write_rows(*hoodie(), columns=MAGENTO))
    assert report.rejects == 0
    assert one(connection, "SELECT external_id, brand, attributes FROM product") == (
        "H", "Acme", {"material": ["Wool", "Silk"], "new": "Yes"},
    )  # fmt: skip
    assert one(connection, "SELECT title, description FROM product_text") == (
        "Name of H", "Warm & soft.\nWashable.",
    )  # fmt: skip
    variants = connection.execute(
        "SELECT sku, price, stock, options FROM variant ORDER BY variant_id"
    ).fetchall()
    assert variants == [
        ("H-S", 10, 5, {"size": "S", "color": "Black"}),
        ("H-M", 10, 5, {"size": "M", "color": "Black"}),
    ]
    paths = connection.execute(
        "SELECT path FROM category JOIN product_category USING (category_id) ORDER BY 1"
    ).fetchall()
    assert paths == [("men/tops",), ("sale",)]
    pictures = connection.execute(
        "SELECT uri, array_agg(v.sku ORDER BY v.sku) FILTER (WHERE v.sku IS NOT NULL) "
        "FROM image i LEFT JOIN image_variant USING (product_id, image_id) "
        "LEFT JOIN variant v USING (product_id, variant_id) GROUP BY uri, position "
        "ORDER BY position"
    ).fetchall()
    assert pictures == [
        ("/h.jpg", None),
        ("/s.jpg", ["H-S"]),
        ("/both.jpg", ["H-M", "H-S"]),
        ("/m.jpg", ["H-M"]),
    ]


def test_a_variant_that_two_products_name_stays_with_the_first(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    other = magento("K", product_type="configurable", configurable_variations="sku=H-S,size=S")
    report = run_import(write_rows(*hoodie(), other, columns=MAGENTO))
    assert [(line, value, reason) for line, _, value, reason in rejects(report)] == [
        (5, "H-S", "H has this variant already")
    ]


def test_another_store_views_texts_fall_back_to_the_defaults(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    german = {"sku": "H", "store_view_code": "german", "name": "Kapuzenpulli"}
    report = run_import(
        write_rows(german, *hoodie(), columns=MAGENTO), locales={"german": "de"}, locale="en-GB"
    )
    assert report.rejects == 0
    texts = connection.execute(
        "SELECT t.locale, t.title, t.description, c.text FROM product_text t "
        "JOIN caption c USING (product_id, locale) ORDER BY 1"
    ).fetchall()
    assert [row[:2] for row in texts] == [("de", "Kapuzenpulli"), ("en-GB", "Name of H")]
    assert texts[0][2] == texts[1][2] == "Warm & soft.\nWashable."
    assert texts[0][3] == "Kapuzenpulli. Warm & soft. Washable."


def test_a_sku_moves_to_the_product_that_names_it_now(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    before = one(connection, "SELECT variant_id FROM variant WHERE sku = 'H-S'")
    moved = magento("K", product_type="configurable", configurable_variations="sku=H-S,size=S")
    report = run_import(write_rows(hoodie()[0], moved, columns=MAGENTO))
    assert report.rejects == 0
    after = one(
        connection,
        "SELECT variant_id, external_id FROM variant JOIN product USING (product_id) "
        "WHERE sku = 'H-S'",
    )
    assert after == (before, "K")


def test_offline_products_are_retired_and_queue_nothing(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    make_space(connection)
    run_import(write_rows(magento("X", product_online="2", base_image="/x.jpg"), columns=MAGENTO))
    assert one(connection, "SELECT status FROM product") == "retired"
    assert one(connection, "SELECT count(*) FROM work_queue") == 0
