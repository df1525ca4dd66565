"""A random small shop whose facets are known, and changes of every kind to it."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.integration.facet_reference import check_facets, facet_counts
from tests.integration.searchable import (
    Product,
    add_category,
    add_product,
    make_space,
    random_product,
)
from vitrine.database import Connection

PATHS = ["women", "women/tops", "women/tops/shirts", "men", "men/tops", "bags"]
FACETS = [
    "category",
    "brand",
    "price",
    "in_stock",
    "options.color",
    "options.SIZE",
    "attributes.material",
    "attributes.Weight",
    "attributes.eco",
]
LIMITS = {name: ({"limit": 1000} if name not in ("price", "in_stock") else {}) for name in FACETS}


def fold(connection: Connection) -> None:
    left = 1
    while left:
        row = connection.execute("SELECT fold_facets()").fetchone()
        assert row is not None
        left = row[0]


def check(connection: Connection, shop: list[Product], wanted: dict[str, Any]) -> None:
    check_facets(shop, wanted, facet_counts(connection, wanted, LIMITS), PATHS)


def some_filters(rng: random.Random) -> list[dict[str, Any]]:
    """A few that ask of everything that changes below."""
    return [
        {},
        {"in_stock": True, "category": "women"},
        {"in_stock": True, "price": {"gte": 10}},
        {"in_stock": True, "options": {"color": "red", "size": "M"}},
        {"options": {"color": "red"}, "price": {"lt": 20}},
        {"brand": "Acme", "options": {"size": ["M", 40]}, "in_stock": rng.random() < 0.5},
        {"any": [{"price": {"gte": 20}}, {"attributes": {"material": "silk"}}]},
        {"not": {"options": {"color": ["Blue", "Red"]}}, "attributes": {"material": "wool"}},
    ]


def make_shop(connection: Connection, seed: int) -> list[Product]:
    """Ninety random products; some lie in another block of bitmaps."""
    rng = random.Random(seed)
    make_space(connection)
    for path in ("Women/Tops/Shirts", "Men/Tops", "Bags"):
        add_category(connection, path)
    with connection.transaction():
        products = [add_product(connection, random_product(rng, number)) for number in range(70)]
    with connection.transaction():
        connection.execute("SELECT setval(pg_get_serial_sequence('product', 'product_id'), 31993)")
        products += [add_product(connection, random_product(rng, 100 + n)) for n in range(20)]
    return products


def change_something(
    connection: Connection, rng: random.Random, shop: list[Product], number: int
) -> None:
    """One change of any kind, in the database and in the list."""
    product = rng.choice(shop)
    variant = rng.choice(product.variants) if product.variants else None
    kind = rng.randrange(9)
    if kind == 0:
        shop.append(add_product(connection, random_product(rng, 1000 + number)))
    elif kind == 1:
        connection.execute("DELETE FROM product WHERE product_id = %s", (product.product_id,))
        shop.remove(product)
    elif kind == 2:
        product.status = rng.choice(["active", "retired"])
        product.brand = rng.choice([None, "Acme", "Newcomer"])
        product.attributes = rng.choice([{}, {"material": "linen"}, {"material": "Wool"}])
        connection.execute(
            "UPDATE product SET status = %s, brand = %s, attributes = %s WHERE product_id = %s",
            (
                product.status,
                product.brand,
                json.dumps(product.attributes),
                product.product_id,
            ),
        )
    elif kind == 3:
        product.categories = rng.sample(["men/tops", "bags", "women/tops"], rng.randrange(3))
        connection.execute(
            "DELETE FROM product_category WHERE product_id = %s", (product.product_id,)
        )
        connection.execute(
            "INSERT INTO product_category SELECT %s, category_id FROM category "
            "WHERE path = ANY (%s)",
            (product.product_id, list(product.categories)),
        )
    elif variant is None:
        return
    elif kind in (4, 5):
        variant.price = rng.choice([None, 7.5, 12.34, 20.0, 500.0])
        variant.stock = rng.choice([None, 0, 1])
        connection.execute(
            "UPDATE variant SET price = %s, stock = %s WHERE variant_id = %s",
            (variant.price, variant.stock, variant.variant_id),
        )
    elif kind == 6:
        variant.options = rng.choice([{"color": "Pink"}, {"COLOR": "Red", "size": 40}, {}])
        connection.execute(
            "UPDATE variant SET options = %s WHERE variant_id = %s",
            (json.dumps(variant.options), variant.variant_id),
        )
    elif kind == 7:
        variant.status = rng.choice(["active", "retired"])
        connection.execute(
            "UPDATE variant SET status = %s WHERE variant_id = %s",
            (variant.status, variant.variant_id),
        )
    else:
        connection.execute("DELETE FROM variant WHERE variant_id = %s", (variant.variant_id,))
        product.variants.remove(variant)
