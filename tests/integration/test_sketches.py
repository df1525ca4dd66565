"""Sketches follow the catalogue: after every change they are what a new start would make them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_product,
    ask,
    make_space,
    random_vector,
)
from tests.integration.sketches_from_scratch import (
    TABLES,
    UNIQ_SORTED,
    check,
    contents,
    rows,
)
from vitrine.database import Connection

CHANGES = [
    "INSERT INTO product (external_id, brand, status) VALUES (%(new)s, %(brand)s, %(status)s)",
    "DELETE FROM product WHERE product_id = %(product)s",
    "UPDATE product SET status = %(status)s WHERE product_id = %(product)s",
    "UPDATE product SET status = %(status)s WHERE product_id %% 3 = %(number)s",
    "UPDATE product SET brand = %(brand)s WHERE product_id = %(product)s",
    "UPDATE product SET brand = %(brand)s WHERE product_id %% 2 = %(number)s",
    "UPDATE product SET attributes = %(object)s WHERE product_id = %(product)s",
    "UPDATE product SET external_id = %(new)s WHERE product_id = %(product)s",
    "INSERT INTO variant (product_id, sku, options, status) "
    "SELECT product_id, %(new)s, %(object)s, %(status)s FROM product "
    "WHERE product_id = %(product)s",
    "UPDATE variant SET options = %(object)s WHERE variant_id = %(variant)s",
    "UPDATE variant SET options = %(object)s WHERE variant_id %% 3 = %(number)s",
    "UPDATE variant SET status = %(status)s WHERE variant_id = %(variant)s",
    "UPDATE variant SET status = %(status)s WHERE product_id = %(product)s",
    "UPDATE variant SET sku = %(new)s, price = 3 WHERE variant_id = %(variant)s",
    "DELETE FROM variant WHERE variant_id = %(variant)s",
    "INSERT INTO product_category SELECT product_id, category_id FROM product, category "
    "WHERE product_id = %(product)s AND category_id = %(category)s ON CONFLICT DO NOTHING",
    "INSERT INTO product_category SELECT product_id, category_id FROM product, category "
    "WHERE product_id %% 3 = %(number)s AND category_id = %(category)s ON CONFLICT DO NOTHING",
    "DELETE FROM product_category WHERE product_id = %(product)s",
    "UPDATE product_category SET category_id = %(category)s WHERE product_id = %(product)s "
    "AND (product_id, category_id) IN (SELECT product_id, min(category_id) "
    "FROM product_category GROUP BY 1 HAVING count(*) = 1)",
    # A parent has the lower number, so that none lies under itself.
    "UPDATE category SET parent_id = %(category)s "
    "WHERE category_id = %(category)s + 1 + %(number)s",
    "UPDATE category SET parent_id = NULL WHERE category_id = %(category)s",
    "INSERT INTO image_variant SELECT product_id, image_id, variant_id "
    "FROM image JOIN variant USING (product_id) WHERE image_id = %(image)s "
    "ORDER BY md5(variant_id::text || %(new)s) LIMIT 1 ON CONFLICT DO NOTHING",
    "DELETE FROM image_variant WHERE image_id = %(image)s",
    "INSERT INTO image (product_id, uri) SELECT product_id, %(new)s FROM product "
    "WHERE product_id = %(product)s",
    "INSERT INTO image_vector_1 (product_id, image_id, embedding, input_version, content) "
    "SELECT product_id, image_id, %(vector)s, 1, 'x' FROM image WHERE image_id = %(image)s "
    "ON CONFLICT (product_id, image_id) DO UPDATE SET embedding = excluded.embedding",
    "INSERT INTO image_vector_1 (product_id, image_id, embedding, input_version, content) "
    "SELECT product_id, image_id, %(vector)s, 1, 'x' FROM image ON CONFLICT DO NOTHING",
    "UPDATE image_vector_1 SET embedding = %(vector)s WHERE product_id %% 3 = %(number)s",
    "DELETE FROM image_vector_1 WHERE image_id = %(image)s",
    "DELETE FROM image_vector_1 WHERE product_id = %(product)s",
    "DELETE FROM image WHERE image_id = %(image)s",
    "INSERT INTO caption (product_id, locale, source, text) "
    "SELECT product_id, %(new)s, 'catalogue', 'x' FROM product WHERE product_id = %(product)s",
    "INSERT INTO caption_vector_1 (product_id, caption_id, embedding, input_version, content) "
    "SELECT product_id, caption_id, %(vector)s, 1, 'x' FROM caption "
    "WHERE product_id = %(product)s ON CONFLICT DO NOTHING",
    "DELETE FROM caption WHERE product_id = %(product)s",
]
RARE = [
    "TRUNCATE product_category",
    "TRUNCATE image_variant",
    "TRUNCATE variant CASCADE",
    "TRUNCATE image_vector_1",
    "TRUNCATE caption CASCADE",
    "TRUNCATE product CASCADE",
]


class Walk:
    """Random changes, each of a random product, variant, picture and category."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self.connection = connection
        self.rng = random.Random(seed)
        self.made = 0

    def some(self, table: str, column: str) -> int | None:
        found = rows(self.connection, f"SELECT {column} FROM {table}")
        return self.rng.choice(found)[0] if found else None

    def values(self) -> dict[str, Any]:
        self.made += 1
        return {
            "new": f"new {self.made}",
            "brand": self.rng.choice([None, "Acme", "Bolt"]),
            "status": self.rng.choice(["active", "active", "retired"]),
            "object": self.rng.choice(["{}", '{"Color": "Red"}', '{"color": ["x", 3]}']),
            "number": self.rng.randrange(3),
            "vector": str(random_vector(self.rng)),
            "product": self.some("product", "product_id"),
            "variant": self.some("variant", "variant_id"),
            "image": self.some("image", "image_id"),
            "category": self.some("category", "category_id"),
        }

    def step(self) -> str:
        change = self.rng.choice(CHANGES * 10 + RARE)
        if change in RARE:
            self.connection.execute(change.encode())
        else:
            self.connection.execute(change.encode(), self.values())
        return change


@pytest.fixture
def walk(connection: Connection, request: pytest.FixtureRequest) -> Walk:
    make_space(connection)
    connection.execute(UNIQ_SORTED.encode())
    for number in range(6):
        connection.execute("INSERT INTO category (name) VALUES (%s)", (f"c{number}",))
    made = Walk(connection, request.param)
    for number in range(8):
        variants = [Variant(f"v{number}-{i}", options={"color": "Red"}) for i in range(2)]
        pictures = [Picture(random_vector(made.rng), ["v0-1"]), Picture(random_vector(made.rng))]
        caption = random_vector(made.rng) if number % 2 else None
        product = Product(f"p{number}", variants=variants, pictures=pictures, caption=caption)
        add_product(connection, product)
    return made


@pytest.mark.parametrize("walk", range(3), indirect=True)
def test_every_change_alone(walk: Walk) -> None:
    done: list[str] = []
    for _ in range(120):
        done.append(walk.step())
        check(walk.connection, done)


@pytest.mark.parametrize("walk", range(3, 6), indirect=True)
def test_changes_in_one_transaction(walk: Walk) -> None:
    done: list[list[str]] = []
    for _ in range(40):
        with walk.connection.transaction():
            done.append([walk.step() for _ in range(3)])
        check(walk.connection, done)


def one_product(connection: Connection) -> Product:
    """One product with two variants, each with its picture, in a category below another."""
    make_space(connection)
    connection.execute(UNIQ_SORTED.encode())
    connection.execute("INSERT INTO category (name) VALUES ('elsewhere')")
    return add_product(
        connection,
        Product(
            "P",
            brand="Old",
            categories=["Women/Tops"],
            variants=[Variant("red", options={"color": "Red"}), Variant("blue", price=None)],
            pictures=[Picture((1, 0, 0, 0), ["red"]), Picture((0, 1, 0, 0), ["blue"])],
            caption=(0, 0, 1, 0),
        ),
    )


@pytest.fixture
def product(connection: Connection) -> Product:
    return one_product(connection)


@pytest.mark.parametrize("dimension", [8, 96, 192, 384, 512])
def test_a_vector_at_hand_has_the_sketch_that_is_stored(
    connection: Connection, dimension: int
) -> None:
    make_space(connection, dimension)
    vector = random_vector(random.Random(dimension), dimension)
    add_product(connection, Product("one", pictures=[Picture(vector)]))
    assert rows(
        connection,
        "SELECT sketch_of(embedding) = sketch FROM image_vector_1 "
        "JOIN image_sketch_1 USING (product_id, image_id)",
    ) == [(True,)]


def test_prices_and_stock_change_no_sketch(connection: Connection, product: Product) -> None:
    versions = "SELECT xmin::text, ctid::text FROM image_sketch_1"
    before = rows(connection, versions)
    connection.execute("UPDATE variant SET price = 99, stock = 0")
    connection.execute("UPDATE variant SET price = NULL WHERE sku = 'red'")
    connection.execute("UPDATE product SET popularity = 3")
    assert rows(connection, versions) == before
    check(connection)


def test_a_number_with_the_white_space_of_another_script_is_a_text(
    connection: Connection, product: Product
) -> None:
    for text in ("42\u00a0", "\u200342", "\u0664\u0662", "42", " 42\n"):
        change = "UPDATE product SET attributes = jsonb_build_object('size', %s::text)"
        connection.execute(change.encode(), (text,))
        check(connection, text)
        hits = ask(connection, filters={"attributes": {"size": {"gte": 42}}})
        assert len(hits) == (1 if text.strip(" \n") == "42" else 0)


def test_a_statement_that_updates_variants_twice_counts_both(
    connection: Connection, product: Product
) -> None:
    """PostgreSQL lets the end of such a statement fire for one of the updates alone."""
    connection.execute(
        "WITH a AS (UPDATE variant SET price = 9 WHERE sku = 'red') "
        "UPDATE variant SET status = 'retired' WHERE sku = 'blue'"
    )
    check(connection)
    assert rows(connection, "SELECT * FROM stale_product") == []


def test_what_a_savepoint_takes_back_is_made_anew_by_the_next_statement(
    connection: Connection, product: Product
) -> None:
    change = "UPDATE variant SET options = '{\"color\": \"%s\"}' WHERE sku = 'red'"
    with connection.transaction():
        connection.execute((change % "Green").encode())
        with connection.transaction(force_rollback=True):
            connection.execute((change % "Gold").encode())
        connection.execute((change % "Grey").encode())
    check(connection)
    assert rows(connection, "SELECT * FROM stale_product") == []


def test_a_place_that_moves_leaves_one_product_and_enters_another(
    connection: Connection, product: Product
) -> None:
    other = add_product(connection, Product("other", pictures=[Picture([1, 0, 0, 0])]))
    before = contents(connection)
    connection.execute(
        "UPDATE product_category SET product_id = %s WHERE product_id = %s",
        (other.product_id, product.product_id),
    )
    assert contents(connection) != before
    check(connection)


def test_a_product_that_becomes_active_waits(connection: Connection) -> None:
    make_space(connection)
    connection.execute(UNIQ_SORTED.encode())
    add_product(connection, Product("hidden", status="retired"))
    check(connection)
    connection.execute("UPDATE product SET status = 'active'")
    assert rows(connection, TABLES["waiting"]) != []
    check(connection)
    connection.execute("UPDATE product SET status = 'retired'")
    assert rows(connection, TABLES["waiting"]) == []


def test_a_new_space_begins_with_every_active_product_waiting(
    connection: Connection, product: Product
) -> None:
    add_product(connection, Product("retired", status="retired"))
    second = make_space(connection, 8, "second")
    waiting = f"SELECT product_id FROM waiting_product WHERE space_id = {second}"
    assert rows(connection, waiting) == [(product.product_id,)]
