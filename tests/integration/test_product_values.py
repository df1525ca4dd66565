"""Values of products, kept as numbers: the same as in the catalogue, once changes are folded."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tests.conftest import CopyOf
from tests.integration.personal_reference import Event, features
from tests.integration.searchable import (
    Picture,
    Product,
    add_category,
    add_product,
    ask,
    know_picture,
    make_space,
    random_product,
    random_vector,
)
from tests.integration.test_personal_features import CLOSE, asked, log
from vitrine.database import Connection

KEY = "a" * 64
EVENTS = [Event("view", "P1", 3), Event("purchase", "P4", 2), Event("add_to_cart", "P9", 1)]
KEPT = "SELECT product_id, numbers FROM product_value ORDER BY product_id"
WANTED = """
    SELECT p.product_id, ARRAY(
        SELECT value_number(v.value) FROM product_values(ARRAY[p.product_id]) v ORDER BY 1)
    FROM product p ORDER BY p.product_id"""
NUMBERS = """
    SELECT p.product_id, ARRAY(SELECT unnest(n.numbers) ORDER BY 1)
    FROM product_numbers(ARRAY(SELECT q.product_id FROM product q)) n
    RIGHT JOIN product p USING (product_id) ORDER BY p.product_id"""


def fold(connection: Connection) -> None:
    """Do what a worker does with changes."""
    while connection.execute("SELECT fold_facets()").fetchone() != (0,):
        pass


def kept(connection: Connection) -> list[tuple[int, list[int]]]:
    return [(one, sorted(many)) for one, many in connection.execute(KEPT).fetchall()]


def told(connection: Connection, products: list[Product]) -> np.ndarray[Any, Any]:
    """The features of every product for the shopper of EVENTS, a row each."""
    return np.array(asked(connection, products, client="u"), float)


def random_shop(connection: Connection) -> list[Product]:
    """A random shop, nothing of it folded."""
    rng = random.Random(1)
    make_space(connection)
    products = [random_product(rng, number) for number in range(40)]
    for product in products:
        product.attributes = {k: v for k, v in product.attributes.items() if k != "weight"}
        add_product(connection, product)
    connection.execute("SELECT ensure_partitions((now() - interval '1 year')::date)")
    connection.execute("SELECT tend_shares('0')")
    return products


@pytest.fixture
def copied(copy_of: CopyOf) -> tuple[Connection, list[Product]]:
    return copy_of(random_shop)


@pytest.fixture
def connection(copied: tuple[Connection, list[Product]]) -> Connection:
    return copied[0]


@pytest.fixture
def shop(copied: tuple[Connection, list[Product]]) -> list[Product]:
    log(copied[0], EVENTS, client="u")
    return copied[1]


def test_features_are_the_same_from_what_is_kept_and_from_the_catalogue(
    shop: list[Product], connection: Connection
) -> None:
    assert kept(connection) == []
    before = told(connection, shop)
    fold(connection)
    assert kept(connection) == connection.execute(WANTED).fetchall()
    assert told(connection, shop) == pytest.approx(before, abs=1e-4)
    connection.execute("DELETE FROM product_value WHERE product_id % 2 = 0")
    assert told(connection, shop) == pytest.approx(before, abs=1e-4)
    assert connection.execute(NUMBERS).fetchall() == connection.execute(WANTED).fetchall()
    shares = dict(connection.execute("SELECT value, share FROM value_share").fetchall())
    paths = dict(connection.execute("SELECT path, category_id FROM category").fetchall())
    row = connection.execute("SELECT personal_weights()").fetchone()
    assert row is not None
    for own, wanted in zip(before, features(shop, EVENTS, row[0], shares, paths), strict=True):
        assert own == pytest.approx(wanted, **CLOSE)


def test_what_is_kept_is_read_instead_of_the_catalogue(
    shop: list[Product], connection: Connection
) -> None:
    fold(connection)
    before = told(connection, shop)
    connection.execute("UPDATE product_value SET profile = '{}/1000000000'")
    after = told(connection, shop)
    assert [row[3] for row in after] == [0] * len(shop)
    assert any(row[3] for row in before)


CHANGES: list[str] = [
    "UPDATE product SET brand = 'Other' WHERE external_id = 'P1'",
    "UPDATE product SET attributes = '{\"material\": [\"felt\", 3]}' WHERE external_id = 'P2'",
    "DELETE FROM product_category",
    "UPDATE category SET parent_id = (SELECT category_id FROM category WHERE path = 'elsewhere') "
    "WHERE parent_id IS NULL AND path <> 'elsewhere'",
    "DELETE FROM product WHERE external_id IN ('P3', 'P5')",
    "TRUNCATE product_category",
    "TRUNCATE product CASCADE",
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_every_kind_are_followed(
    shop: list[Product], connection: Connection, change: str
) -> None:
    add_category(connection, "Elsewhere")
    fold(connection)
    before = kept(connection)
    connection.execute(change.encode())
    fold(connection)
    assert kept(connection) == connection.execute(WANTED).fetchall() != before


def test_prices_and_stock_do_not_touch_what_is_kept(
    shop: list[Product], connection: Connection
) -> None:
    fold(connection)
    rows = "SELECT ctid, xmin::text, * FROM product_value ORDER BY product_id"
    before = connection.execute(rows).fetchall()
    connection.execute("UPDATE variant SET price = 77, stock = 5")
    connection.execute("UPDATE product SET popularity = popularity + 1")
    fold(connection)
    assert connection.execute(rows).fetchall() == before


def test_very_many_values_count_though_they_are_not_kept(
    shop: list[Product], connection: Connection
) -> None:
    many = Product("many", attributes={f"field {n}": "yes" for n in range(400)})
    add_product(connection, many)
    shop.append(many)
    log(connection, [Event("purchase", "many", 0.5)], client="u")
    before = told(connection, shop)
    fold(connection)
    assert many.product_id not in dict(kept(connection))
    assert len(kept(connection)) == 40
    assert told(connection, shop) == pytest.approx(before, abs=1e-4)


def test_a_worker_may_fold_values(shop: list[Product], connection: Connection) -> None:
    connection.execute("SET ROLE vitrine_worker")
    fold(connection)
    connection.execute("RESET ROLE")
    assert kept(connection) == connection.execute(WANTED).fetchall()


def test_a_shop_of_yesterday_has_its_values_after_the_upgrade(
    shop: list[Product], connection: Connection
) -> None:
    connection.execute("SELECT ensure_values()")  # no worker has ever folded anything
    assert kept(connection) == []
    fold(connection)
    wanted = kept(connection)
    connection.execute("DELETE FROM product_value")
    connection.execute("SELECT ensure_values()")
    assert kept(connection) == wanted
    connection.execute("UPDATE product_value SET numbers = '{}'")
    connection.execute("SELECT ensure_values()")  # not again
    assert kept(connection) != wanted


def rare_shop(connection: Connection) -> None:
    """Products of one direction; P7 alone has a material that the shares do not know."""
    rng = random.Random(2)
    make_space(connection)
    for n in range(30):
        near = [1, 0, 0, 0.05 * n]
        product = Product(
            f"P{n}",
            brand="AB"[n % 2],
            attributes={"material": "Vicuña" if n == 7 else "wool"},
            popularity=30.0 - n,
            pictures=[Picture([*near[:3], near[3] + 0.001 * random_vector(rng)[0]])],
        )
        add_product(connection, product)
    know_picture(connection, KEY, [1, 0, 0, 0.1])
    connection.execute("SELECT ensure_partitions()")
    connection.execute("SELECT tend_shares('0')")


@pytest.fixture
def rare(copy_of: CopyOf) -> Connection:
    return copy_of(rare_shop)[0]


@pytest.mark.parametrize("folded", [False, True])
def test_a_value_that_the_shares_do_not_know_is_said_in_words(
    rare: Connection, folded: bool
) -> None:
    if folded:
        fold(rare)
    assert rare.execute("SELECT 1 FROM value_share WHERE value LIKE '%vicuña'").fetchone() is None
    log(rare, [Event("purchase", "P7", 0.1)] * 3, client="u")
    hit = next(h for h in ask(rare, client="u", k=24) if h["external_id"] == "P7")
    said = {one["field"]: one for one in hit["why"]["personal"]["values"]}
    assert said["attributes.material"]["value"] == "vicuña"
    assert said["attributes.material"]["preference"] > said["brand"]["preference"]


def test_a_category_is_said_by_the_path_that_it_has_now(
    shop: list[Product], connection: Connection
) -> None:
    """Once the shares are counted again, every ten minutes."""
    said = (
        "SELECT array_agg(said_as ->> 'value') FROM value_share "
        "WHERE said_as ->> 'field' = 'category'"
    )

    def paths() -> list[str]:
        row = connection.execute(said).fetchone()
        assert row is not None
        return list(row[0])

    before = paths()
    assert before
    assert {(path,) for path in before} <= set(
        connection.execute("SELECT path FROM category").fetchall()
    )
    connection.execute("UPDATE category SET name = name || ' of old' WHERE parent_id IS NULL")
    connection.execute("SELECT tend_shares('0')")
    assert len(paths()) == len(before)
    assert all(" of old" in path for path in paths())


@pytest.mark.parametrize("k", [1, 7, 30])
def test_with_a_history_each_hit_still_says_why_its_picture_was_found(
    rare: Connection, k: int
) -> None:
    log(rare, [Event("purchase", "P20", 0.1), Event("view", "P9", 0.2)], client="u")
    asked_for = {"terms": [{"image": KEY}]}
    plain = {h["external_id"]: h["why"]["image"] for h in ask(rare, k=30, **asked_for)}
    shown: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(shown) < 28:
        hits = ask(rare, k=k, client="u", cursor=cursor, **asked_for)
        # The rank is the one among those that were not shown before.
        left = sorted(
            (o["rank"], name)
            for name, o in plain.items()
            if name not in {h["external_id"] for h in shown}
        )
        ranks = {name: place for place, (_, name) in enumerate(left, 1)}
        for hit in hits:
            image = hit["why"]["image"]
            assert image["rank"] == ranks[hit["external_id"]]
            assert image["similarity"] == plain[hit["external_id"]]["similarity"]
        shown += hits
        cursor = hits[-1]["why"].get("cursor")
        if cursor is None:
            break
    assert [h["external_id"] for h in shown] != list(plain)
    assert any("personal" in h["why"] for h in shown)
