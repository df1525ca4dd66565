"""Near-duplicates: which pairs are listed, once each, in which direction."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_product,
    make_space,
    random_vector,
    unit,
)
from vitrine.database import Connection

FIRST = (1.0, 0.0, 0.0, 0.0)
NEAR = (1.0, 0.03, 0.0, 0.0)  # cosine 0.99955
LESS = (1.0, 0.3, 0.0, 0.0)  # cosine 0.958


@pytest.fixture
def shop(connection: Connection) -> Connection:
    make_space(connection)
    return connection


def add(connection: Connection, name: str, *vectors: Any, **more: Any) -> Product:
    return add_product(connection, Product(name, pictures=[Picture(v) for v in vectors], **more))


def same_bytes(connection: Connection, *products: Product, content: str = "same") -> None:
    """The first pictures of some products have the same bytes; all others differ."""
    connection.execute("UPDATE image_vector_1 SET content = image_id::text::bytea")
    connection.execute(
        "UPDATE image_vector_1 SET content = %s WHERE image_id = ANY (%s)",
        (content.encode(), [product.pictures[0].image_id for product in products]),
    )


def pairs(connection: Connection, *arguments: Any) -> list[tuple[str, str, float, bool]]:
    source = "near_duplicates(%s, %s)" if arguments else "near_duplicate"
    rows = connection.execute(
        f"SELECT external_id, other_external_id, similarity, same_bytes FROM {source}".encode(),
        arguments,
    ).fetchall()
    return [(a, b, round(similarity, 3), same) for a, b, similarity, same in rows]


def test_a_pair_is_listed_once_with_its_pictures_most_alike(shop: Connection) -> None:
    a = add(shop, "a", LESS, FIRST)
    b = add(shop, "b", NEAR, (0, 0, 1, 0), LESS)
    add(shop, "c", (0, 1, 0, 0))
    same_bytes(shop)
    assert pairs(shop, 0.9, None) == [("a", "b", 1.0, False)]
    row = shop.execute("SELECT image_id, other_image_id, similarity FROM near_duplicate").fetchone()
    assert row is not None
    assert row[:2] == (a.pictures[0].image_id, b.pictures[2].image_id)
    assert row[2] == pytest.approx(1, abs=1e-4)


def test_the_least_similarity_is_a_bound(shop: Connection) -> None:
    add(shop, "a", FIRST)
    add(shop, "b", LESS)
    same_bytes(shop)
    assert pairs(shop) == []
    assert pairs(shop, 0.95, None) == [("a", "b", 0.958, False)]
    assert pairs(shop, 0.96, None) == []


def test_the_same_bytes_are_said_to_be_so(shop: Connection) -> None:
    a, b, c = add(shop, "a", FIRST), add(shop, "b", FIRST), add(shop, "c", FIRST)
    same_bytes(shop, a, c)
    assert pairs(shop) == [("a", "b", 1, False), ("a", "c", 1, True), ("b", "c", 1, False)]
    assert b.product_id


def test_pictures_of_one_product_are_no_pair(shop: Connection) -> None:
    add(shop, "a", FIRST, FIRST, NEAR)
    assert pairs(shop, 0.5, None) == []


def test_what_is_not_shown_is_not_listed(shop: Connection) -> None:
    add(shop, "a", FIRST)
    add(shop, "retired", FIRST, status="retired")
    add(shop, "sold out", FIRST, variants=[Variant("s", status="retired")])
    add_product(
        shop,
        Product(
            "old picture",
            variants=[Variant("x"), Variant("y", status="retired")],
            pictures=[Picture(FIRST, shows=["y"])],
        ),
    )
    assert pairs(shop) == []
    assert pairs(shop, 0.9, "retired") == []
    shop.execute("UPDATE product SET status = 'active'")
    assert pairs(shop) == [("a", "retired", 1, True)]


def test_one_product_stands_first_in_its_pairs(shop: Connection) -> None:
    for name, vector in (("a", FIRST), ("b", NEAR), ("c", LESS)):
        add(shop, name, vector)
    same_bytes(shop)
    assert pairs(shop, 0.9, "c") == [("c", "b", 0.966, False), ("c", "a", 0.958, False)]
    assert pairs(shop, 0.9, "b") == [("b", "a", 1.0, False), ("b", "c", 0.966, False)]


def test_a_picture_of_very_many_products_is_paired_with_the_first_alone(shop: Connection) -> None:
    with shop.transaction():
        products = [add(shop, f"p{number:02}", FIRST) for number in range(51)]
    same_bytes(shop, *products)
    listed = pairs(shop)
    assert len(listed) == 50
    assert {first for first, *_ in listed} == {"p00"}
    shop.execute("UPDATE product SET status = 'retired' WHERE external_id = 'p50'")
    assert len(pairs(shop)) == 50 * 49 / 2
    assert len(pairs(shop, 0.9, "p07")) == 49


def test_other_spaces_and_vectors_of_other_lengths(shop: Connection) -> None:
    add(shop, "a", FIRST)
    add(shop, "b", NEAR)
    shop.execute("UPDATE image_vector_1 SET embedding = '[0.992,0,0,0]', content = 'y'")
    assert pairs(shop, 1, None) == [("a", "b", 1, True)]
    same_bytes(shop)
    assert pairs(shop, 0.999, None) == [("a", "b", 1, False)]
    make_space(shop, name="new", dimension=2)
    shop.execute("SELECT activate_space('new', force => true)")
    assert pairs(shop) == []
    shop.execute("UPDATE space SET status = 'retired'")
    with pytest.raises(psycopg.Error, match="no active embedding space"):
        pairs(shop)


@pytest.mark.parametrize("least", [None, 0, 0.49, 1.01, "NaN", -1])
def test_a_similarity_that_cannot_be(shop: Connection, least: Any) -> None:
    with pytest.raises(psycopg.Error, match="min_similarity is") as caught:
        pairs(shop, least, None)
    assert caught.value.sqlstate == "VT001"


def test_an_unknown_product(shop: Connection) -> None:
    with pytest.raises(psycopg.Error, match='has the external_id "\'; --"') as caught:
        pairs(shop, 0.9, "'; --")
    assert caught.value.sqlstate == "VT001"


def test_it_writes_nothing_and_leaves_no_setting(shop: Connection) -> None:
    add(shop, "a", FIRST)
    add(shop, "b", FIRST)
    with shop.transaction():
        shop.execute("SET TRANSACTION READ ONLY")
        assert len(pairs(shop)) == 1
        assert shop.execute("SHOW hnsw.iterative_scan").fetchone() == ("off",)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_pairs_that_a_naive_comparison_finds(shop: Connection, seed: int) -> None:
    rng = random.Random(seed)
    corners = [random_vector(rng) for _ in range(20)]
    products = []
    with shop.transaction():
        for number in range(60):
            vectors = [
                unit(x + rng.gauss(0, 0.05) for x in rng.choice(corners))
                for _ in range(rng.randrange(3))
            ]
            products.append(add(shop, f"p{number}", *vectors))
    same_bytes(shop)
    expected = {
        (a.external_id, b.external_id)
        for i, a in enumerate(products)
        for b in products[i + 1 :]
        if any(
            float(np.dot(p.vector, q.vector)) >= 0.99
            for p in a.pictures
            for q in b.pictures
            if p.vector is not None and q.vector is not None
        )
    }
    # Half precision moves those that lie on the bound.
    close = {(a, b) for a, b, *_ in pairs(shop, 0.989, None)}
    sure = {(a, b) for a, b, *_ in pairs(shop, 0.991, None)}
    assert sure <= expected <= close
    assert len(sure) > 20


@pytest.mark.parametrize("of_one", [True, False])
def test_the_nearest_come_from_the_index(shop: Connection, of_one: bool) -> None:
    row = shop.execute("SELECT near_duplicates_sql(1, %s)", (of_one,)).fetchone()
    assert row is not None
    shop.execute(f"PREPARE pairs (double precision, bigint) AS {row[0]}".encode())
    with shop.transaction():
        shop.execute("SET LOCAL enable_seqscan = off")
        rows = shop.execute("EXPLAIN EXECUTE pairs (0.995, 1)").fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "Index Scan using image_vector_1_hnsw_idx" in plan
    assert "Seq Scan" not in plan
