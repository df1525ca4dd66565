"""Catalogue files for the import's tests, and what is read from the shop afterwards."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from psycopg import sql

from vitrine.catalogue import ImportReport
from vitrine.database import Connection

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


def write_csv(path: Path, columns: list[str], *rows: Mapping[str, str], **dialect: Any) -> Path:
    """Write rows under these columns; what a row lacks is empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, **dialect)
        writer.writeheader()
        writer.writerows(rows)
    return path


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


def one(connection: Connection, query: str, *values: Any) -> Any:
    rows = connection.execute(query.encode(), values or None).fetchall()
    assert len(rows) == 1
    return rows[0][0] if len(rows[0]) == 1 else rows[0]


def all_rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def pictures(connection: Connection, key: str) -> list[tuple[str, list[str] | None]]:
    """A product's pictures in their order, each with the SKUs that it shows."""
    return connection.execute(
        "SELECT uri, array_agg(v.sku ORDER BY v.sku) FILTER (WHERE v.sku IS NOT NULL) "
        "FROM image i JOIN product p USING (product_id) "
        "LEFT JOIN image_variant USING (product_id, image_id) "
        "LEFT JOIN variant v USING (product_id, variant_id) WHERE p.external_id = %s "
        "GROUP BY uri, position ORDER BY position",
        (key,),
    ).fetchall()


def paths(connection: Connection, key: str) -> list[str]:
    """The categories of a product."""
    rows = connection.execute(
        "SELECT c.path FROM category c JOIN product_category USING (category_id) "
        "JOIN product p USING (product_id) WHERE p.external_id = %s ORDER BY 1",
        (key,),
    )
    return [path for (path,) in rows]


def make_space(connection: Connection) -> None:
    connection.execute("SELECT create_space('test', 'r', 4, 'p')")
