"""Small shops for search tests, with vectors put in directly, and a naive search beside."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import dict_row

from vitrine.database import Connection

DIMENSION = 4
WORDS = "warm coat"


@dataclass
class Variant:
    sku: str
    price: float | None = 10.0
    stock: int | None = 5
    options: dict[str, Any] = field(default_factory=dict)
    status: str = "active"
    variant_id: int = 0


@dataclass
class Picture:
    vector: Sequence[float] | None
    shows: Sequence[str] = ()
    image_id: int = 0


@dataclass
class Product:
    external_id: str
    brand: str | None = None
    categories: Sequence[str] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    popularity: float = 0.0
    status: str = "active"
    variants: list[Variant] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    caption: Sequence[float] | None = None
    product_id: int = 0


def unit(vector: Iterable[float]) -> list[float]:
    numbers = list(vector)
    norm = math.sqrt(sum(x * x for x in numbers))
    return [x / norm for x in numbers]


def make_space(connection: Connection, dimension: int = DIMENSION, name: str = "test") -> int:
    row = connection.execute(
        "SELECT create_space('test/model', %s, %s, 'none', %s)", (name, dimension, name)
    ).fetchone()
    assert row is not None
    return int(row[0])


def know(
    connection: Connection,
    vector: Sequence[float],
    words: str = WORDS,
    space: int = 1,
) -> None:
    connection.execute(
        "INSERT INTO query_vector (space_id, kind, key, query, embedding) "
        "VALUES (%s, 'text', query_key(%s), %s, %s)",
        (space, words, words, str(unit(vector))),
    )


def know_picture(connection: Connection, key: str, vector: Sequence[float], space: int = 1) -> None:
    connection.execute(
        "INSERT INTO query_vector (space_id, kind, key, embedding) VALUES (%s, 'image', %s, %s)",
        (space, key, str(unit(vector))),
    )


def add_category(connection: Connection, path: str) -> int:
    """Create a category and what lies above it."""
    parent: int | None = None
    walked: list[str] = []
    for name in path.split("/"):
        walked.append(name.lower())
        row = connection.execute(
            "SELECT category_id FROM category WHERE path = %s", ("/".join(walked),)
        ).fetchone()
        row = (
            row
            or connection.execute(
                "INSERT INTO category (name, parent_id) VALUES (%s, %s) RETURNING category_id",
                (name, parent),
            ).fetchone()
        )
        assert row is not None
        parent = int(row[0])
    assert parent is not None
    return parent


def _inserted(connection: Connection, statement: str, values: Sequence[object]) -> int:
    row = connection.execute(statement.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def add_product(connection: Connection, product: Product, space: int = 1) -> Product:
    """Insert a product with everything below it; fills in the ids."""
    # One transaction takes 10 ms of the server's time, many take 25; a session's own goes on.
    with connection.transaction() if connection.autocommit else nullcontext():
        _add_product(connection, product)
        for position, picture in enumerate(product.pictures):
            _add_picture(connection, product, picture, position, space)
        if product.caption is not None:
            _add_caption(connection, product, space)
    return product


def _add_product(connection: Connection, product: Product) -> None:
    product.product_id = _inserted(
        connection,
        "INSERT INTO product (external_id, brand, attributes, popularity, status) "
        "VALUES (%s, %s, %s, %s, %s) RETURNING product_id",
        (
            product.external_id,
            product.brand,
            json.dumps(product.attributes),
            product.popularity,
            product.status,
        ),
    )
    for path in product.categories:
        connection.execute(
            "INSERT INTO product_category VALUES (%s, %s)",
            (product.product_id, add_category(connection, path)),
        )
    for variant in product.variants:
        variant.variant_id = _inserted(
            connection,
            "INSERT INTO variant (product_id, sku, price, stock, options, status) "
            "VALUES (%s, %s, %s, %s, %s, %s) RETURNING variant_id",
            (
                product.product_id,
                variant.sku,
                variant.price,
                variant.stock,
                json.dumps(variant.options),
                variant.status,
            ),
        )


def _add_picture(
    connection: Connection, product: Product, picture: Picture, position: int, space: int
) -> None:
    picture.image_id = _inserted(
        connection,
        "INSERT INTO image (product_id, uri, position) VALUES (%s, %s, %s) RETURNING image_id",
        (product.product_id, f"{product.external_id}-{position}.jpg", position),
    )
    for variant in product.variants:
        if variant.sku in picture.shows:
            connection.execute(
                "INSERT INTO image_variant VALUES (%s, %s, %s)",
                (product.product_id, picture.image_id, variant.variant_id),
            )
    if picture.vector is not None:
        connection.execute(
            f"INSERT INTO image_vector_{space} (product_id, image_id, embedding, input_version, "
            "content) VALUES (%s, %s, %s, 1, 'x')".encode(),
            (product.product_id, picture.image_id, str(unit(picture.vector))),
        )


def _add_caption(connection: Connection, product: Product, space: int) -> None:
    caption_id = _inserted(
        connection,
        "INSERT INTO caption (product_id, locale, source, text) "
        "VALUES (%s, 'en', 'catalogue', 'text') RETURNING caption_id",
        (product.product_id,),
    )
    assert product.caption is not None
    connection.execute(
        f"INSERT INTO caption_vector_{space} (product_id, caption_id, embedding, input_version, "
        "content) VALUES (%s, %s, %s, 1, 'x')".encode(),
        (product.product_id, caption_id, str(unit(product.caption))),
    )


ARGUMENT_TYPES = {
    "query": "text",
    "terms": "jsonb",
    "filters": "jsonb",
    "k": "integer",
    "cursor": "text",
    "client": "text",
    "session": "text",
    "options": "jsonb",
}


def ask(connection: Connection, **arguments: Any) -> list[dict[str, Any]]:
    """Call search with named arguments; JSON ones as Python objects."""
    given = {
        name: json.dumps(value) if ARGUMENT_TYPES[name] == "jsonb" and value is not None else value
        for name, value in arguments.items()
    }
    named = ", ".join(f"{name} => %({name})s::{ARGUMENT_TYPES[name]}" for name in given)
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM search({named})".encode(), given).fetchall()


def names(hits: Iterable[Mapping[str, Any]]) -> list[str]:
    return [hit["external_id"] for hit in hits]


def random_vector(rng: random.Random, dimension: int = DIMENSION) -> list[float]:
    return unit(rng.gauss(0, 1) for _ in range(dimension))


def random_product(rng: random.Random, number: int) -> Product:
    """Any product that the schema allows: without variants, retired, unpriced, unpictured."""
    name = f"P{number}"
    variants = [
        Variant(
            sku=f"{name}-{i}",
            price=rng.choice([None, 5.0, 10.0, 19.99, 20.0, 80.0]),
            stock=rng.choice([None, 0, 3]),
            options=rng.choice(
                [
                    {},
                    {"color": "Red"},
                    {"color": "red", "size": "M"},
                    {"Color": "Blue", "size": 40},
                    {"color": "Blue", "size": "40"},
                    {"color": ["Red", "Green"]},
                ]
            ),
            status=rng.choice(["active", "active", "active", "retired"]),
        )
        for i in range(rng.choice([0, 1, 1, 2, 4]))
    ]
    skus = [variant.sku for variant in variants]
    return Product(
        external_id=name,
        brand=rng.choice([None, "Acme", "ACME", "Bolt"]),
        categories=rng.sample(
            ["Women", "Women/Tops", "Men/Tops", "Women/Tops/Shirts", "Bags"], rng.randrange(3)
        ),
        attributes=rng.choice(
            [
                {},
                {"material": "Wool", "weight": 3},
                {"material": ["wool", "Silk"], "weight": "4.5"},
                {"Material": "silk", "eco": True},
            ]
        ),
        popularity=rng.choice([0.0, 1.0, 2.5]),
        status=rng.choice(["active"] * 6 + ["retired"]),
        variants=variants,
        pictures=[
            Picture(
                vector=rng.choice([None, random_vector(rng), random_vector(rng)]),
                shows=rng.sample(skus, rng.randrange(len(skus) + 1)),
            )
            for _ in range(rng.randrange(4))
        ],
        caption=rng.choice([None, random_vector(rng)]),
    )


# The naive search: the rules of docs/filters.md, one product and variant at a time.


def fits(filters: Mapping[str, Any], product: Product, variant: Variant | None) -> bool:
    return all(_field_fits(key, value, product, variant) for key, value in filters.items())


def _field_fits(key: str, value: Any, product: Product, variant: Variant | None) -> bool:
    match key:
        case "any":
            return any(fits(part, product, variant) for part in value)
        case "all":
            return all(fits(part, product, variant) for part in value)
        case "not":
            return not fits(value, product, variant)
        case "brand":
            return _same(product.brand, value)
        case "external_id":
            return _same(product.external_id, value)
        case "category":
            return any(
                _under(path, wanted) for path in product.categories for wanted in _list(value)
            )
        case "attributes":
            return all(_member(product.attributes, name, v) for name, v in value.items())
    if variant is None:
        return False
    match key:
        case "sku":
            return _same(variant.sku, value)
        case "price":
            return any(_in_range(variant.price, wanted) for wanted in _list(value))
        case "in_stock":
            return (variant.stock is None or variant.stock > 0) == value
        case "options":
            return all(_member(variant.options, name, v) for name, v in value.items())
    raise AssertionError(key)


def on_variants(filters: Mapping[str, Any], *fields: str) -> bool:
    """Whether a filter asks about one of these fields anywhere."""
    inner = [*filters.get("any", ()), *filters.get("all", ())]
    inner += [filters["not"]] if "not" in filters else []
    return any(name in filters for name in fields) or any(on_variants(f, *fields) for f in inner)


def fitting_variants(filters: Mapping[str, Any], product: Product) -> list[Variant]:
    return [v for v in product.variants if v.status == "active" and fits(filters, product, v)]


def is_shown(filters: Mapping[str, Any], product: Product) -> bool:
    if product.status != "active":
        return False
    if fitting_variants(filters, product):
        return True
    needs_variant = on_variants(filters, "price", "in_stock", "options", "sku")
    return not needs_variant and not product.variants and fits(filters, product, None)


def counting_pictures(filters: Mapping[str, Any], product: Product) -> list[Picture]:
    """Pictures that may stand for the product under this filter."""
    shown = [v.sku for v in product.variants if v.status == "active"]
    if on_variants(filters, "options"):
        shown = [v.sku for v in fitting_variants(filters, product)]
    return [p for p in product.pictures if not p.shows or set(p.shows) & set(shown)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _same(value: Any, wanted: Any) -> bool:
    return value is not None and any(
        _text(value).lower() == _text(w).lower() for w in _list(wanted)
    )


def _in_range(value: float | None, wanted: Any) -> bool:
    if value is None:
        return False
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    compare = {
        "gt": value.__gt__,
        "gte": value.__ge__,
        "lt": value.__lt__,
        "lte": value.__le__,
        "eq": value.__eq__,
    }
    return all(compare[operator](float(bound)) is True for operator, bound in wanted.items())


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _member(members: Mapping[str, Any], name: str, wanted: Any) -> bool:
    exact = {name: members[name]} if name in members else {}
    found = exact or {k: v for k, v in members.items() if k.lower() == name.lower()}
    for value in (v for values in found.values() for v in _list(values)):
        for want in _list(wanted):
            number = isinstance(want, Mapping | int | float) and not isinstance(want, bool)
            if number and _in_range(_number(value), want):
                return True
            if not isinstance(want, Mapping) and _same(value, want):
                return True
    return False


def _under(path: str, wanted: str) -> bool:
    return (path.lower() + "/").startswith(wanted.lower() + "/")
