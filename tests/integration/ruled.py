"""A small shop for tests of merchandising, and its functions called with Python values."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.searchable import Product, add_category, add_product
from vitrine.database import Connection

TYPES = {
    "product": "text", "position": "integer", "products": "text[]", "filters": "jsonb",
    "factor": "double precision", "words": "text", "instead": "text[]", "both_ways": "boolean",
    "starts_at": "timestamptz", "ends_at": "timestamptz", "enabled": "boolean",
}  # fmt: skip


def put(connection: Connection, action: str, name: str | None, **arguments: Any) -> int:
    """Call an action's function with named arguments; filters as Python objects."""
    given = {"name": name} | {
        key: json.dumps(value) if key == "filters" and value is not None else value
        for key, value in arguments.items()
    }
    named = ", ".join(f'"{key}" => %({key})s::{TYPES.get(key, "text")}' for key in given)
    row = connection.execute(f"SELECT {action}({named})".encode(), given).fetchone()
    assert row is not None
    return int(row[0])


def rules(
    connection: Connection, words: str | None = None, *categories: str, at: str = "now"
) -> dict[str, Any]:
    row = connection.execute(
        "SELECT search_rules(%s, %s::text[], %s::timestamptz)", (words, [*categories], at)
    ).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def applying(answer: dict[str, Any]) -> list[str]:
    """The names of the rules in an answer."""
    parts = ("pins", "hidden", "boosts", "synonyms")
    return [rule["rule"] for part in parts for rule in answer[part]]


def pins(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(pin["position"], pin["external_id"]) for pin in answer["pins"]]


def column(connection: Connection, name: str, rule: str) -> Any:
    row = connection.execute(
        f"SELECT {name} FROM rule_status WHERE name = %s".encode(), (rule,)
    ).fetchone()
    assert row is not None
    return row[0]


def fill(connection: Connection) -> None:
    """Some categories, and five products of one brand in one of them."""
    for path in ("Women/Tops/Shirts", "Women/Dresses", "Men/Tops", "Sale"):
        add_category(connection, path)
    for number in range(1, 6):
        add_product(connection, Product(f"P{number}", brand="Acme", categories=["Women/Tops"]))
