"""A page that is browsed beside its facets shows what it shows without them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.conftest import CopyOf
from tests.integration.facet_shop import change_something, fold, make_shop, some_filters
from tests.integration.searchable import Picture, Product, Variant, add_product, ask, make_space
from vitrine.database import Connection


def fill(connection: Connection, seed: int) -> list[Product]:
    shop = make_shop(connection, seed)
    connection.execute("UPDATE product SET popularity = product_id * 7919 % 31")
    return shop


def pages(connection: Connection, wanted: dict[str, Any], options: Any, k: int) -> list[Any]:
    """The hits of the first two pages."""
    hits: list[Any] = []
    cursor = None
    for _ in range(2):
        row = connection.execute(
            "SELECT search_page(filters => %s, options => %s, k => %s, cursor => %s)",
            (json.dumps(wanted), json.dumps(options), k, cursor),
        ).fetchone()
        assert row is not None
        hits += row[0]["hits"]
        cursor = row[0]["cursor"]
        if cursor is None:
            break
    return hits


@pytest.mark.parametrize("sort", ["relevance", "popularity", "price", "-price", "newest"])
def test_counted_pages_are_those_not_counted(copy_of: CopyOf, sort: str) -> None:
    """Walked in their order (a few of many) or listed, folded or not."""
    connection, shop = copy_of(fill, 3)
    rng = random.Random(4)
    listed = walked = 0
    for number in range(3):
        if number != 1:
            fold(connection)
        for wanted in [*some_filters(rng), {"category": "women"}, {"brand": "Nobody"}]:
            for k in (1, 5, 40):
                counted = pages(connection, wanted, {"sort": sort, "facets": ["brand"]}, k)
                assert counted == pages(connection, wanted, {"sort": sort}, k)
                listed += len(counted) > 5
                walked += 0 < len(counted) <= 5
        for step in range(8):
            change_something(connection, rng, shop, 10 * number + step)
    assert min(listed, walked) > 5


def coat(connection: Connection) -> Product:
    """A blue variant has the first picture, a red one that is sold out and another the second."""
    make_space(connection)
    vector = (1.0, 0.0, 0.0, 0.0)
    return add_product(
        connection,
        Product(
            "coat",
            variants=[
                Variant("red", 10, 0, {"color": "red", "size": "M"}),
                Variant("red L", 12, 3, {"color": "red", "size": "L"}),
                Variant("blue", 5, 2, {"color": "blue", "size": "M"}),
            ],
            pictures=[Picture(vector, shows=["blue"]), Picture(vector, shows=["red", "red L"])],
        ),
    )


@pytest.mark.parametrize(
    ("wanted", "variant", "picture"),
    [
        ({}, "blue", 0),
        ({"options": {"color": "red"}}, "red L", 1),
        ({"options": {"color": "red", "size": "M"}}, "red", 1),
        ({"price": {"gte": 6}}, "red L", 0),
        ({"in_stock": False}, "red", 0),
        ({"options": {"size": "M"}}, "blue", 0),
    ],
)
def test_browsing_shows_a_variant_that_fits(
    copy_of: CopyOf, wanted: dict[str, Any], variant: str, picture: int
) -> None:
    """Its picture is of one whose options fit; whatever its price and stock."""
    connection, product = copy_of(coat)
    (hit,) = ask(connection, filters=wanted)
    shown = {v.variant_id: v.sku for v in product.variants}[hit["variant_id"]]
    assert (shown, hit["image_id"]) == (variant, product.pictures[picture].image_id)
