"""Files of no known platform, of every format, read by a mapping of their columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from tests.integration.catalogue_files import (
    MAGENTO,
    Importer,
    Writer,
    all_rows,
    hoodie,
    make_space,
    one,
    paths,
    pictures,
    rejects,
    versions,
    write_csv,
)
from vitrine.database import Connection
from vitrine.errors import CatalogueError

Rows = list[dict[str, Any]]
MAPPING = {
    "parent": "product", "code": "sku", "label": "title", "story": "description",
    "maker": "brand", "path": "category", "cost": "price", "pieces": "stock", "photos": "image",
    "own photo": "variant_image", "shown": "active", "EU size": "option.Size",
    "fit": "attribute.fit", "lasts": "attribute.Lasts",
}  # fmt: skip
BOOT = {
    "parent": "BOOT", "label": "Boot <i>No. 1</i>", "maker": "Acme & Sons",
    "story": "<p>Dry feet.</p><p>漂亮 &amp; warm.</p>", "path": ["Shoes > Boots", "New"],
    "cost": Decimal("89.90"), "photos": ["a.jpg", "https://cdn.example/b.jpg"], "shown": True,
    "fit": ["wide", "warm"], "lasts": [38, 41],
}  # fmt: skip
ROWS: Rows = [
    {**BOOT, "code": "BOOT-40", "EU size": "40", "pieces": 3, "own photo": "forty.jpg"},
    {**BOOT, "code": "BOOT-41", "EU size": "41", "pieces": 0, "cost": Decimal("94.00")},
    {**BOOT, "parent": "GONE", "code": "GONE-1", "shown": False, "photos": [], "pieces": None},
    {**BOOT, "code": None, "EU size": "42"},
]


def json_lines(folder: Path, rows: Rows) -> Path:
    path = folder / "feed.jsonl"
    lines = (json.dumps(row, ensure_ascii=False, default=float) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def table(folder: Path, rows: Rows) -> Path:
    def cell(value: Any) -> str:
        if isinstance(value, list):
            return "|".join(map(str, value))
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None else str(value)

    written = [{name: cell(value) for name, value in row.items()} for row in rows]
    return write_csv(folder / "feed.tsv", list(MAPPING), *written, dialect="excel-tab")


def columnar(folder: Path, rows: Rows) -> Path:
    path = folder / "feed.parquet"
    columns = {name: [row.get(name) for row in rows] for name in MAPPING}
    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


@pytest.mark.parametrize(
    ("write", "refused"),
    [(json_lines, 4), (table, 5), (columnar, 4)],
    ids=["jsonl", "tsv", "parquet"],
)
def test_a_file_of_any_format_lands_whole_and_again_changes_nothing(
    run_import: Importer, connection: Connection, tmp_path: Path,
    write: Callable[[Path, Rows], Path], refused: int,
) -> None:  # fmt: skip
    make_space(connection)
    path = write(tmp_path, ROWS)
    report = run_import(path, mapping=MAPPING)
    assert rejects(report) == [(refused, "code", "", "empty")]
    assert all_rows(
        connection,
        "SELECT external_id, status, brand, attributes FROM product ORDER BY external_id",
    ) == [
        ("BOOT", "active", "Acme & Sons", {"fit": ["wide", "warm"], "lasts": ["38", "41"]}),
        ("GONE", "retired", "Acme & Sons", {"fit": ["wide", "warm"], "lasts": ["38", "41"]}),
    ]
    assert all_rows(
        connection, "SELECT sku, price, stock, options, status FROM variant ORDER BY sku"
    ) == [
        ("BOOT-40", Decimal("89.90"), 3, {"size": "40"}, "active"),
        ("BOOT-41", Decimal("94.00"), 0, {"size": "41"}, "active"),
        ("GONE-1", Decimal("89.90"), None, {}, "retired"),
    ]
    assert paths(connection, "BOOT") == ["new", "shoes/boots"]
    assert pictures(connection, "BOOT") == [
        ("a.jpg", None), ("https://cdn.example/b.jpg", None), ("forty.jpg", ["BOOT-40"]),
    ]  # fmt: skip
    assert all_rows(
        connection,
        "SELECT t.title, t.description, c.text FROM product_text t "
        "JOIN caption c USING (product_id) JOIN product USING (product_id) "
        "WHERE external_id = 'BOOT'",
    ) == [("Boot No. 1", "Dry feet.\n漂亮 & warm.", "Boot No. 1. Dry feet. 漂亮 & warm.")]
    assert one(connection, "SELECT count(*) FROM work_queue") == 3 + 1
    before = versions(connection)
    again = run_import(path, mapping=MAPPING, full=True)
    assert again.changes == 0
    assert versions(connection) == before


def test_prices_alone_leave_everything_else_as_it_is(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    prices = write_rows(
        {"code": "H-S", "cost": "7,50 EUR"}, {"code": "NO", "cost": "1"}, name="p.csv"
    )
    report = run_import(prices, mapping={"code": "sku", "cost": "price"})
    assert report.changes == 1
    assert one(
        connection, "SELECT price, stock, options ->> 'size' FROM variant WHERE sku = 'H-S'"
    ) == (7.5, 5, "S")
    assert [reason for *_, reason in rejects(report)] == ["a new product needs a title"]
    assert one(connection, "SELECT value FROM setting WHERE name = 'currency'") == "EUR"
    with pytest.raises(CatalogueError, match="currency is EUR"):
        run_import(prices, mapping={"code": "sku", "cost": "price"}, currency="usd")
    usd = write_rows({"sku": "H-S", "title": "x", "price": "$8"}, name="q.csv")
    assert [reason for *_, reason in rejects(run_import(usd))] == [
        "the price is in USD, the shop's currency is EUR"
    ]


def test_json_lines_with_a_mapping(
    run_import: Importer, tmp_path: Path, connection: Connection
) -> None:
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
    report = run_import(path, mapping=mapping)
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
