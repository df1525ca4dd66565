"""The demo shop in its folder: a file that an importer understands, and every picture in it."""

from __future__ import annotations

import csv

import pytest
from PIL import Image

from vitrine.demo.products import products
from vitrine.demo.shop import COLUMNS, write_shop

COUNT = 24


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("shop"), count=COUNT, size=48, processes=1)


@pytest.fixture(scope="module")
def rows(shop):
    with shop.catalogue.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_file_has_the_columns_and_a_row_for_each_product_and_variant(shop, rows):
    assert tuple(rows[0]) == COLUMNS
    singles = sum(len(product.variants) == 1 for product in products(COUNT))
    assert len(rows) == shop.products + shop.variants - singles
    assert shop.products == COUNT


def test_configurable_rows_join_the_variants_above_them(rows):
    simple = {row["sku"] for row in rows if row["product_type"] == "simple"}
    joined = []
    for row in rows:
        if row["product_type"] == "configurable":
            cells = [
                dict(pair.split("=") for pair in cell.split(","))
                for cell in row["configurable_variations"].split("|")
            ]
            joined += [cell["sku"] for cell in cells]
            assert all(cell["color"] for cell in cells)
    assert set(joined) <= simple
    assert len(set(joined)) == len(joined)
    alone = simple - set(joined)
    assert {row["visibility"] for row in rows if row["sku"] in alone} == {"Catalog, Search"}


def test_brands_and_options_are_attributes(rows):
    for row in rows:
        pairs = dict(pair.split("=") for pair in row["additional_attributes"].split(","))
        if row["visibility"] == "Catalog, Search":
            assert pairs["brand"]
        if row["product_type"] == "simple":
            assert pairs["color"]


def test_stock_columns_agree(rows):
    for row in rows:
        if row["product_type"] == "simple" and row["manage_stock"] == "1":
            assert row["is_in_stock"] == str(int(int(row["qty"]) > 0))
        elif row["product_type"] == "simple":
            assert (row["qty"], row["is_in_stock"]) == ("", "1")


def test_every_picture_named_is_there_and_nothing_else(shop, rows):
    named = set()
    for row in rows:
        named |= {row["base_image"], *filter(None, row["additional_images"].split(","))}
    there = {
        f"/{path.relative_to(shop.images).as_posix()}"
        for path in shop.images.rglob("*")
        if path.is_file()
    }
    assert named == there
    assert len(there) == shop.pictures
    for path in there:
        with Image.open(shop.images / path[1:]) as picture:
            assert (picture.format, picture.size) == ("JPEG", (48, 48))


def test_writing_again_does_nothing_unless_something_is_missing(shop):
    folder = shop.catalogue.parent
    victim = next(shop.images.rglob("*.jpg"))
    before = victim.stat().st_mtime_ns
    calls = []
    again = write_shop(
        folder, count=COUNT, size=48, processes=1, progress=lambda *numbers: calls.append(numbers)
    )
    assert again == shop
    assert not calls
    assert victim.stat().st_mtime_ns == before
    victim.unlink()
    write_shop(
        folder, count=COUNT, size=48, processes=1, progress=lambda *numbers: calls.append(numbers)
    )
    assert victim.is_file()
    assert calls[-1] == (shop.pictures, shop.pictures)


def test_several_processes_draw_the_same_pictures(shop, tmp_path):
    other = write_shop(tmp_path, count=COUNT, size=48, processes=2)
    for path in shop.images.rglob("*.jpg"):
        twin = other.images / path.relative_to(shop.images)
        assert twin.read_bytes() == path.read_bytes()
    assert other.catalogue.read_bytes() == shop.catalogue.read_bytes()
