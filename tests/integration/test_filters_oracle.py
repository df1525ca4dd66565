"""Every filter against a naive search in Python, on random small shops."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.searchable import (
    Product,
    add_category,
    add_product,
    counting_pictures,
    fits,
    fitting_variants,
    is_shown,
    know_picture,
    make_space,
    random_product,
    random_vector,
)
from vitrine.database import Connection

KEY = "ab" * 32

numbers = st.sampled_from([0, 4.5, 5, 10, 19.99, 20, 40, 80, 100])
ranges = st.dictionaries(
    st.sampled_from(["gt", "gte", "lt", "lte", "eq"]), numbers, min_size=1, max_size=2
)


def one_or_list(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, st.lists(values, max_size=3))


option_values = one_or_list(st.one_of(st.sampled_from(["red", "Blue", "m", "40", 40]), ranges))
attribute_values = one_or_list(
    st.one_of(st.sampled_from(["WOOL", "silk", 3, "4.5", True, "true", "x"]), ranges)
)
fields: dict[str, st.SearchStrategy[Any]] = {
    "category": one_or_list(
        st.sampled_from(["women", "Women/Tops", "bags", "men", "women/tops/shirts", "nowhere"])
    ),
    "brand": one_or_list(st.sampled_from(["acme", "Bolt", "Nobody"])),
    "price": one_or_list(st.one_of(numbers, ranges)),
    "in_stock": st.booleans(),
    "options": st.dictionaries(st.sampled_from(["color", "SIZE", "x"]), option_values, max_size=2),
    "attributes": st.dictionaries(
        st.sampled_from(["material", "Weight", "eco"]), attribute_values, max_size=2
    ),
    "external_id": one_or_list(st.sampled_from(["p1", "P2", "P3", "nothing"])),
    "sku": one_or_list(st.sampled_from(["p1-0", "P2-0", "P4-1"])),
}
simple = st.fixed_dictionaries({}, optional=fields)
filters = st.recursive(
    simple,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            **fields,
            "any": st.lists(inner, max_size=3),
            "all": st.lists(inner, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=6,
)


@pytest.fixture(params=[1, 2])
def shop(connection: Connection, request: pytest.FixtureRequest) -> list[Product]:
    rng = random.Random(request.param)
    make_space(connection)
    know_picture(connection, KEY, random_vector(rng))
    for path in ("Women/Tops/Shirts", "Men/Tops", "Bags"):
        add_category(connection, path)
    with connection.transaction():
        return [add_product(connection, random_product(rng, number)) for number in range(60)]


def test_every_filter_finds_what_a_naive_search_finds(
    shop: list[Product], connection: Connection
) -> None:
    by_id = {product.product_id: product for product in shop}

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(filters)
    def check(wanted: dict[str, Any]) -> None:
        rows = connection.execute(
            "SELECT product_id, variant_id, image_id, why FROM search("
            "terms => %s, filters => %s, k => 1000)",
            (json.dumps([{"image": KEY}]), json.dumps(wanted)),
        ).fetchall()
        expected = {product.product_id for product in shop if is_shown(wanted, product)}
        assert sorted(row[0] for row in rows) == sorted(expected)
        for product_id, variant_id, image_id, why in rows:
            _check_hit(wanted, by_id[product_id], variant_id, image_id, why)

    check()


def _check_hit(
    wanted: dict[str, Any],
    product: Product,
    variant_id: int | None,
    image_id: int | None,
    why: dict[str, Any],
) -> None:
    allowed = {variant.variant_id for variant in fitting_variants(wanted, product)}
    assert variant_id in (allowed or {None})
    pictures = counting_pictures(wanted, product)
    assert image_id in ({picture.image_id for picture in pictures} or {None})
    assert ("image" in why) == any(picture.vector is not None for picture in pictures)
    assert why.get("waiting", False) == ("image" not in why)
    if variant_id is None:
        assert not product.variants
        assert fits(wanted, product, None)
