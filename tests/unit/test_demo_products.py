"""The demo catalogue: enough of everything, the same for a seed, and no promise broken."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import pytest

from vitrine.demo.drawing import COLORS
from vitrine.demo.products import products


@pytest.fixture(scope="module")
def shop():
    return tuple(products())


def test_there_is_enough_of_everything(shop):
    assert len(shop) >= 600
    shelves = [path.split("/") for product in shop for path in product.categories]
    assert len({path[0] for path in shelves}) >= 8
    assert {len(path) for path in shelves} == {2, 3}
    assert len({product.brand for product in shop}) >= 15
    colors = {variant.color.lower() for product in shop for variant in product.variants}
    assert colors == set(COLORS)
    patterns = {dict(product.attributes)["pattern"] for product in shop}
    assert len(patterns) >= 8
    assert sum(len(product.variants) > 1 for product in shop) > 400


def test_titles_and_keys_are_unique(shop):
    assert len({product.title for product in shop}) == len(shop)
    variants = [variant for product in shop for variant in product.variants]
    keys = Counter(
        [variant.sku for variant in variants]
        + [product.sku for product in shop if len(product.variants) > 1]
    )
    assert max(keys.values()) == 1


def test_descriptions_vary_and_never_name_a_colour(shop):
    texts = [product.description for product in shop]
    assert len(set(texts)) > 0.9 * len(texts)
    named = re.compile(rf"\b({'|'.join(COLORS)})\b", re.IGNORECASE)
    assert not [text for text in texts if named.search(text)]
    assert not [text for text in texts if "{" in text]


def test_stock_is_tracked_or_not_and_some_is_sold_out(shop):
    stocks = [variant.stock for product in shop for variant in product.variants]
    share = Counter("none" if s is None else "zero" if s == 0 else "some" for s in stocks)
    assert 0.03 < share["none"] / len(stocks) < 0.2
    assert 0.05 < share["zero"] / len(stocks) < 0.25


def test_prices_vary_even_within_a_product(shop):
    prices = {variant.price for product in shop for variant in product.variants}
    assert min(prices) >= Decimal("3")
    assert len(prices) > 100
    assert any(len({variant.price for variant in product.variants}) > 1 for product in shop)


def test_every_colour_has_one_to_three_pictures_of_that_colour(shop):
    for product in shop:
        for variant in product.variants:
            assert 1 <= len(variant.pictures) <= 3
            assert {picture.look.color for picture in variant.pictures} == {variant.color.lower()}
    paths = [picture.path for product in shop for picture in product.pictures]
    assert len(set(paths)) == len(paths)
    assert len(paths) <= 2200


def test_the_seed_decides_everything(shop):
    assert tuple(products()) == shop
    assert tuple(products(seed=8)) != shop


@pytest.mark.parametrize("count", [1, 40, 1500])
def test_any_number_of_products_can_be_had(count):
    found = tuple(products(count))
    assert len(found) == count
    assert len({product.title for product in found}) == count
