"""Files of no known platform, of every format, read by a mapping of their columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.catalogue_files import (
    MAGENTO,
    Importer,
    Writer,
    hoodie,
    one,
    rejects,
)
from vitrine.database import Connection
from vitrine.errors import CatalogueError


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
