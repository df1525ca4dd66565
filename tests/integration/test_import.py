"""Catalogue files become products, variants, texts, pictures and captions, and queue their work."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from vitrine.catalogue import ImportOptions, ImportReport, import_catalogue
from vitrine.database import Connection
from vitrine.errors import CatalogueError

SCHEMA = "vitrine"
TABLES = (
    "setting", "product", "product_text", "category", "product_category", "variant", "image",
    "image_variant", "caption", "work_queue",
)  # fmt: skip
MAGENTO = [
    "sku",
    "store_view_code",
    "product_type",
    "name",
    "description",
    "visibility",
    "price",
    "qty",
    "categories",
    "base_image",
    "additional_images",
    "additional_attributes",
    "configurable_variations",
    "product_online",
]

Importer = Callable[..., ImportReport]
Writer = Callable[..., Path]


@pytest.fixture
def run(database: str) -> Importer:
    """Return a function that imports a file into the test's shop."""

    def imports(path: Path, **options: Any) -> ImportReport:
        return import_catalogue(database, SCHEMA, path, ImportOptions(**options))

    return imports


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Return a function that writes rows (dicts) as a CSV file with these columns."""

    def writes(
        *rows: dict[str, str], columns: list[str] | None = None, name: str = "a.csv"
    ) -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(
                file, columns or list(dict.fromkeys(k for r in rows for k in r))
            )
            writer.writeheader()
            writer.writerows(rows)
        return path

    return writes


def magento(sku: str, **cells: str) -> dict[str, str]:
    defaults = {"product_type": "simple", "name": f"Name of {sku}", "price": "10", "qty": "5"}
    return {"sku": sku, **defaults, **cells}


def hidden(sku: str, **cells: str) -> dict[str, str]:
    return magento(sku, visibility="Not Visible Individually", **cells)


def hoodie(**cells: str) -> list[dict[str, str]]:
    """Two variants and the configurable product that names them, in Magento's order."""
    return [
        hidden("H-S", base_image="/s.jpg", additional_images="/both.jpg"),
        hidden("H-M", base_image="/m.jpg", additional_images="/both.jpg"),
        magento(
            "H",
            **{
                "product_type": "configurable",
                "description": "<p>Warm &amp; soft.</p><p>Washable.</p>",
                "categories": "Default Category/Men/Tops,Default Category/Sale,Default Category",
                "base_image": "/h.jpg",
                "additional_images": "/s.jpg",
                "additional_attributes": "has_options=1,material=Wool|Silk,brand=Acme,new=Yes",
                "configurable_variations": "sku=H-S,size=S,color=Black|sku=H-M,size=M,color=Black",
                **cells,
            },
        ),
    ]


def versions(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row version of the shop, by table."""
    return {
        table: connection.execute(
            sql.SQL("SELECT ctid::text, xmin::text, xmax::text FROM {} ORDER BY 1").format(
                sql.Identifier(table)
            )
        ).fetchall()
        for table in TABLES
    }


def rejects(report: ImportReport) -> list[tuple[int, str, str, str]]:
    if report.rejects_file is None:
        return []
    with report.rejects_file.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "column", "value", "reason"]
    return [(int(row[0]), row[1], row[2], row[3]) for row in rows[1:]]


def one(connection: Connection, query: str) -> Any:
    rows = connection.execute(query.encode()).fetchall()
    assert len(rows) == 1
    return rows[0][0] if len(rows[0]) == 1 else rows[0]


def make_space(connection: Connection) -> None:
    connection.execute("SELECT create_space('test', 'r', 4, 'p')")


def test_the_real_magento_export_goes_in_whole_and_again_changes_nothing(
    run: Importer, connection: Connection, shared_data: Path, tmp_path: Path
) -> None:
    make_space(connection)
    source = shared_data / "magento" / "products.csv"
    rejected = tmp_path / "r.csv"
    report = run(source, preset="magento", rejects=rejected)
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
    again = run(source, rejects=rejected)
    assert again.changes == 0
    assert again.counts["variant", "unchanged"] == 1847
    assert versions(connection) == before


def test_a_configurable_product_and_its_variants(
    run: Importer, write: Writer, connection: Connection
) -> None:
    report = run(write(*hoodie(), columns=MAGENTO))
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


def test_changes_touch_only_what_changed_and_queue_only_new_inputs(
    run: Importer, write: Writer, connection: Connection
) -> None:
    make_space(connection)
    run(write(*hoodie(), columns=MAGENTO))
    connection.execute("DELETE FROM work_queue")
    rows = hoodie()
    rows[0]["price"] = "12.50"
    rows[0]["qty"] = "0"
    report = run(write(*rows, columns=MAGENTO))
    assert report.changes == report.counts["variant", "changed"] == 1
    assert one(connection, "SELECT price, stock FROM variant WHERE sku = 'H-S'") == (12.5, 0)
    assert one(connection, "SELECT count(*) FROM work_queue") == 0
    rows = hoodie(name="Better hoodie", additional_images="/new.jpg")
    report = run(write(*rows, columns=MAGENTO))
    assert report.counts["product", "changed"] == 1
    assert report.counts["image", "new"] == 1
    queued = connection.execute("SELECT kind FROM work_queue ORDER BY 1").fetchall()
    assert queued == [("caption",), ("image",)]


def test_a_picture_that_left_the_file_is_removed_with_its_work(
    run: Importer, write: Writer, connection: Connection
) -> None:
    make_space(connection)
    run(write(*hoodie(), columns=MAGENTO))
    report = run(write(*hoodie(base_image="/s.jpg"), columns=MAGENTO))
    assert report.counts["image", "removed"] == 1
    assert one(connection, "SELECT count(*) FROM image WHERE uri = '/h.jpg'") == 0
    assert one(connection, "SELECT count(*) FROM work_queue WHERE kind = 'image'") == 3


def test_refresh_asks_for_known_pictures_again(
    run: Importer, write: Writer, connection: Connection
) -> None:
    make_space(connection)
    path = write(*hoodie(), columns=MAGENTO)
    run(path)
    connection.execute("UPDATE image SET sha256 = 'seen', etag = 'x'")
    connection.execute("DELETE FROM work_queue")
    report = run(path, refresh=True)
    assert report.counts["image", "changed"] == 4
    assert one(connection, "SELECT count(*) FROM work_queue WHERE kind = 'image'") == 4
    # The worker compares with what it saw before.
    assert one(connection, "SELECT count(*) FROM image WHERE input_version = 2 AND etag = 'x'") == 4


def test_full_retires_what_is_missing_and_brings_it_back(
    run: Importer, write: Writer, connection: Connection
) -> None:
    make_space(connection)
    both = write(*hoodie(), magento("X", base_image="/x.jpg"), columns=MAGENTO)
    run(both)
    rows = hoodie(configurable_variations="sku=H-S,size=S,color=Black")
    less = write(rows[0], rows[2], columns=MAGENTO, name="less.csv")
    assert run(less).changes == 1  # without --full only the pictures of H-M's row are gone
    report = run(less, full=True)
    assert report.counts["product", "retired"] == 1
    assert report.counts["variant", "retired"] == 1
    retired = "SELECT external_id FROM product WHERE status = 'retired'"
    assert one(connection, retired) == "X"
    assert one(connection, "SELECT sku FROM variant WHERE status = 'retired'") == "H-M"
    waiting = (
        "SELECT count(*) FROM work_queue JOIN product USING (product_id) WHERE external_id = 'X'"
    )
    assert one(connection, waiting) == 0
    assert run(less, full=True).changes == 0
    run(both, full=True)
    assert connection.execute(retired.encode()).fetchall() == []
    assert one(connection, "SELECT count(*) FROM variant WHERE status = 'retired'") == 0
    assert one(connection, waiting) == 2


def test_a_refused_row_is_not_missing(run: Importer, write: Writer, connection: Connection) -> None:
    run(write(*hoodie(), magento("X"), columns=MAGENTO))
    rows = hoodie()
    rows[1]["price"] = "free"
    report = run(write(*rows, magento("X", price="cheap"), columns=MAGENTO), full=True)
    assert report.rejects == 2
    assert report.changes == 0
    assert one(connection, "SELECT count(*) FROM product WHERE status = 'active'") == 2


def test_what_is_refused_goes_to_a_file_and_the_rest_goes_in(
    run: Importer, write: Writer, connection: Connection
) -> None:
    path = write(
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
    report = run(path)
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


def test_a_variant_that_two_products_name_stays_with_the_first(
    run: Importer, write: Writer, connection: Connection
) -> None:
    other = magento("K", product_type="configurable", configurable_variations="sku=H-S,size=S")
    report = run(write(*hoodie(), other, columns=MAGENTO))
    assert [(line, value, reason) for line, _, value, reason in rejects(report)] == [
        (5, "H-S", "H has this variant already")
    ]


def test_another_store_views_texts_fall_back_to_the_defaults(
    run: Importer, write: Writer, connection: Connection
) -> None:
    german = {"sku": "H", "store_view_code": "german", "name": "Kapuzenpulli"}
    report = run(
        write(german, *hoodie(), columns=MAGENTO), locales={"german": "de"}, locale="en-GB"
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
    run: Importer, write: Writer, connection: Connection
) -> None:
    run(write(*hoodie(), columns=MAGENTO))
    before = one(connection, "SELECT variant_id FROM variant WHERE sku = 'H-S'")
    moved = magento("K", product_type="configurable", configurable_variations="sku=H-S,size=S")
    report = run(write(hoodie()[0], moved, columns=MAGENTO))
    assert report.rejects == 0
    after = one(
        connection,
        "SELECT variant_id, external_id FROM variant JOIN product USING (product_id) "
        "WHERE sku = 'H-S'",
    )
    assert after == (before, "K")


def test_prices_alone_leave_everything_else_as_it_is(
    run: Importer, write: Writer, connection: Connection
) -> None:
    run(write(*hoodie(), columns=MAGENTO))
    prices = write({"code": "H-S", "cost": "7,50 EUR"}, {"code": "NO", "cost": "1"}, name="p.csv")
    report = run(prices, mapping={"code": "sku", "cost": "price"})
    assert report.changes == 1
    assert one(
        connection, "SELECT price, stock, options ->> 'size' FROM variant WHERE sku = 'H-S'"
    ) == (7.5, 5, "S")
    assert [reason for *_, reason in rejects(report)] == ["a new product needs a title"]
    assert one(connection, "SELECT value FROM setting WHERE name = 'currency'") == "EUR"
    with pytest.raises(CatalogueError, match="currency is EUR"):
        run(prices, mapping={"code": "sku", "cost": "price"}, currency="usd")
    usd = write({"sku": "H-S", "title": "x", "price": "$8"}, name="q.csv")
    assert [reason for *_, reason in rejects(run(usd))] == [
        "the price is in USD, the shop's currency is EUR"
    ]


def test_json_lines_with_a_mapping(run: Importer, tmp_path: Path, connection: Connection) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"id": "T", "sku": "T1", "label": "Tee", "cat": ["Women > Tops", "New"], "color": "Red",
         "price": 9.90, "pics": ["a.jpg", "b.jpg"], "pic": "r.jpg", "fabric": ["wool", "silk"]},
        {"id": "T", "sku": "T2", "label": "Tee", "color": "Blue", "price": "9.90", "pic": "b.jpg"},
    ]  # fmt: skip
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\nnot json\n")
    mapping = {
        "id": "product", "sku": "sku", "label": "title", "cat": "category", "price": "price",
        "color": "option.Color", "pics": "image", "pic": "variant_image",
        "fabric": "attribute.Fabric",
    }  # fmt: skip
    report = run(path, mapping=mapping)
    assert [(line, reason.split(":")[0]) for line, _, _, reason in rejects(report)] == [
        (3, "not valid JSON")
    ]
    assert one(connection, "SELECT external_id, attributes FROM product") == (
        "T", {"fabric": ["wool", "silk"]},
    )  # fmt: skip
    found = connection.execute("SELECT sku, options, stock FROM variant ORDER BY sku").fetchall()
    assert found == [("T1", {"color": "Red"}, None), ("T2", {"color": "Blue"}, None)]
    linked = connection.execute(
        "SELECT uri, sku FROM image LEFT JOIN image_variant USING (product_id, image_id) "
        "LEFT JOIN variant USING (product_id, variant_id) ORDER BY position"
    ).fetchall()
    assert linked == [("a.jpg", None), ("b.jpg", "T2"), ("r.jpg", "T1")]


def test_a_missing_folder_of_pictures_is_an_error_and_a_real_one_is_kept(
    run: Importer, write: Writer, connection: Connection, tmp_path: Path
) -> None:
    path = write(*hoodie(), columns=MAGENTO)
    with pytest.raises(CatalogueError, match="no such folder"):
        run(path, images=str(tmp_path / "none"))
    run(path, images=str(tmp_path))
    assert one(connection, "SELECT value FROM setting WHERE name = 'images'") == str(tmp_path)


def test_offline_products_are_retired_and_queue_nothing(
    run: Importer, write: Writer, connection: Connection
) -> None:
    make_space(connection)
    run(write(magento("X", product_online="2", base_image="/x.jpg"), columns=MAGENTO))
    assert one(connection, "SELECT status FROM product") == "retired"
    assert one(connection, "SELECT count(*) FROM work_queue") == 0


def test_the_shops_own_role_may_import(
    database: str, write: Writer, connection: Connection
) -> None:
    connection.execute("CREATE ROLE shop_login LOGIN IN ROLE vitrine_app")
    try:
        url = psycopg.conninfo.make_conninfo(database, user="shop_login")
        report = import_catalogue(url, SCHEMA, write(*hoodie(), columns=MAGENTO))
        assert report.counts["product", "new"] == 1
    finally:
        connection.execute("DROP ROLE shop_login")
