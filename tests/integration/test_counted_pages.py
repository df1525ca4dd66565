"""A page that is browsed beside its facets shows what it shows without them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.conftest import CopyOf
from tests.integration.facet_shop import change_something, fold, make_shop, some_filters
from tests.integration.searchable import Product
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
