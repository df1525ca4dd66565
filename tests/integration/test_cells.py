"""Cells: every sketch lies in one, new ones in the nearest; a new training takes over softly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from tests.conftest import SCHEMA
from tests.integration.searchable import ask, know_picture, make_space
from vitrine.database import Connection, set_search_path

PRODUCTS, DIMENSION = 1_500, 16
KEY = "ab" * 32
Vectors = NDArray[np.float64]


def unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def clustered(count: int, seed: int = 1) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(30, DIMENSION))
    vectors = centres[rng.integers(0, len(centres), count)]
    return unit(vectors + 0.5 * rng.normal(size=vectors.shape))


def load(connection: Connection, vectors: Vectors) -> None:
    """Add a product with one picture for each vector."""
    row = connection.execute("SELECT coalesce(max(product_id), 0) FROM product").fetchone()
    assert row is not None
    for statement in (
        "INSERT INTO product (external_id) SELECT 'p' || n "
        f"FROM generate_series({row[0]} + 1, {row[0] + len(vectors)}) n",
        f"INSERT INTO image (product_id, uri) SELECT product_id, 'x' FROM product "
        f"WHERE product_id > {row[0]} ORDER BY product_id",
    ):
        connection.execute(statement.encode())
    copy = (
        "COPY image_vector_1 (product_id, image_id, embedding, input_version, content) FROM STDIN"
    )
    images = connection.execute(
        "SELECT product_id, image_id FROM image WHERE product_id > %s ORDER BY 1", (row[0],)
    ).fetchall()
    with connection.cursor() as cursor, cursor.copy(copy.encode()) as rows:
        for ids, vector in zip(images, vectors, strict=True):
            rows.write_row((*ids, str(vector.round(4).tolist()), 1, b"x"))


@pytest.fixture
def space(connection: Connection) -> Connection:
    make_space(connection, DIMENSION)
    connection.execute("DROP INDEX image_vector_1_hnsw_idx")  # quicker to load, and not looked at
    return connection


@pytest.fixture
def shop(space: Connection) -> Connection:
    load(space, clustered(PRODUCTS))
    return space


def one(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def train(connection: Connection) -> int:
    made = one(connection, "SELECT train_cells('image', 1)")
    assert isinstance(made, int)
    return made


def assign(connection: Connection, until: int = PRODUCTS * 2) -> None:
    """Move the sketches of the products up to one into the newest cells."""
    after: object = 0
    while isinstance(after, int) and after < until:
        batch = min(400, until - after)
        after = one(connection, f"SELECT assign_cells('image', 1, {after}, {batch})")


def in_cell_0(connection: Connection) -> object:
    return one(connection, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0")


def generations(connection: Connection) -> list[int]:
    query = "SELECT generation FROM cell_generation ORDER BY 1"
    return [row[0] for row in connection.execute(query).fetchall()]


def used(connection: Connection) -> set[int]:
    """The generations whose cells hold sketches."""
    query = (
        "SELECT DISTINCT c.generation FROM image_sketch_1 s JOIN cell c "
        "ON (c.space_id, c.kind, c.cell_id) = (1, 'image', s.cell_id)"
    )
    return {row[0] for row in connection.execute(query.encode()).fetchall()}


def homeless(connection: Connection) -> object:
    """How many sketches lie in no cell that exists and that lies below another."""
    return one(
        connection,
        "SELECT count(*) FROM image_sketch_1 s WHERE NOT EXISTS (SELECT FROM cell c WHERE "
        "(c.space_id, c.kind, c.cell_id) = (1, 'image', s.cell_id) "
        "AND c.parent_id BETWEEN 1 AND c.cell_id)",
    )


def vector(text: str) -> NDArray[np.float64]:
    return np.array(json.loads(text), dtype=np.float64)


def found_all(connection: Connection) -> bool:
    """Whether a search for everything finds every product by its picture."""
    know_picture(connection, KEY, clustered(1, seed=9)[0].tolist())
    hits = ask(connection, terms=[{"image": KEY}], k=1000, filters={"not": {"brand": "x"}})
    connection.execute("DELETE FROM query_vector")
    return len(hits) == 1000 and all("image" in hit["why"] for hit in hits)


def nearest_are_found(connection: Connection) -> float:
    """Recall of the ten nearest over twenty queries, unfiltered."""
    table = connection.execute("SELECT product_id, embedding::text FROM image_vector_1").fetchall()
    ids, stored = [row[0] for row in table], np.array([vector(row[1]) for row in table])
    right = 0
    for query in clustered(20, seed=5):
        know_picture(connection, KEY, query.tolist())
        hits = ask(connection, terms=[{"image": KEY}], k=10)
        connection.execute("DELETE FROM query_vector")
        best = {ids[n] for n in np.argsort(-(stored @ query))[:10]}
        right += len(best & {hit["product_id"] for hit in hits})
    return right / 200


def test_sketches_lie_in_cell_0_until_there_are_cells(shop: Connection) -> None:
    assert in_cell_0(shop) == PRODUCTS
    train(shop)
    assert in_cell_0(shop) == PRODUCTS
    assert nearest_are_found(shop) >= 0.98
    assign(shop)
    assert in_cell_0(shop) == 0
    assert homeless(shop) == 0


def test_a_new_vector_gets_the_nearest_cell_of_the_nearest_districts(shop: Connection) -> None:
    train(shop)
    load(shop, clustered(100, seed=2))
    shop.execute(
        "UPDATE image_vector_1 SET embedding = %s WHERE product_id = 1",
        (str(clustered(1, seed=3)[0].tolist()),),
    )
    rows = shop.execute("SELECT cell_id, parent_id, centroid::text FROM cell").fetchall()
    centres = {cell: vector(text) for cell, _, text in rows}

    def nearest(parents: Iterable[int], query: Vectors, count: int) -> list[int]:
        below = [cell for cell, parent, _ in rows if parent in set(parents)]
        return sorted(below, key=lambda cell: -float(centres[cell] @ query))[:count]

    new = shop.execute(
        "SELECT s.cell_id, v.embedding::text FROM image_sketch_1 s "
        "JOIN image_vector_1 v USING (product_id, image_id) "
        "WHERE product_id = 1 OR product_id > %s",
        (PRODUCTS,),
    ).fetchall()
    assert len(new) == 101
    for lies_in, text in new:
        query = vector(text)
        districts = nearest(nearest([0], query, 2), query, 2)
        best = centres[nearest(districts, query, 1)[0]] @ query
        assert centres[lies_in] @ query >= best - 1e-3


def test_a_cell_tells_its_district(shop: Connection) -> None:
    train(shop)
    train(shop)
    levels = (
        "SELECT count(*) FILTER (WHERE c.parent_id = 0), "
        "count(*) FILTER (WHERE p.parent_id = 0), count(*) FILTER (WHERE p.parent_id <> 0), "
        "bool_and(CASE WHEN p.parent_id <> 0 THEN c.parent_id = district_of(c.cell_id) << 8 "
        "ELSE c.cell_id = district_of(c.cell_id) << 8 END) "
        "FROM cell c LEFT JOIN cell p ON (p.space_id, p.kind, p.cell_id) "
        "= (c.space_id, c.kind, c.parent_id)"
    )
    row = shop.execute(levels.encode()).fetchone()
    assert row is not None
    regions, districts, cells, told = row
    assert 2 <= regions < districts < cells
    assert told is True


def test_cells_hold_what_is_alike(shop: Connection) -> None:
    train(shop)
    assign(shop)
    query = (
        "SELECT avg(-(a.embedding <#> b.embedding)) FROM image_vector_1 a JOIN image_sketch_1 s "
        "USING (product_id) JOIN image_sketch_1 o ON o.cell_id {} s.cell_id "
        "AND o.product_id > s.product_id JOIN image_vector_1 b ON b.product_id = o.product_id "
        "WHERE a.product_id % 10 = 0"
    )
    together, apart = (one(shop, query.format(operator)) for operator in ("=", "<>"))
    assert isinstance(together, float)
    assert isinstance(apart, float)
    assert together > apart + 0.4


def test_a_second_training_takes_over_while_searches_go_on(shop: Connection) -> None:
    assert train(shop) == 1
    assign(shop)
    assert train(shop) == 2
    assert homeless(shop) == 0
    assign(shop, until=PRODUCTS // 2)
    assert used(shop) == {1, 2}
    assert nearest_are_found(shop) >= 0.98
    assert found_all(shop)
    assert one(shop, "SELECT forget_cells('image', 1)") is False
    assert generations(shop) == [1, 2]
    assign(shop)
    assert used(shop) == {2}
    assert one(shop, "SELECT forget_cells('image', 1)") is True
    assert generations(shop) == [2]
    assert homeless(shop) == 0
    assert nearest_are_found(shop) >= 0.98


def test_cells_that_an_older_transaction_knows_are_kept(shop: Connection, database: str) -> None:
    train(shop)
    assign(shop)
    with psycopg.connect(database) as older:
        set_search_path(older, SCHEMA)
        older.execute("UPDATE product SET popularity = 1 WHERE product_id = 1")
        train(shop)
        assign(shop)
        assert one(shop, "SELECT forget_cells('image', 1)") is False
        older.commit()
        assert one(shop, "SELECT forget_cells('image', 1)") is True
    assert generations(shop) == [2]


def test_a_vector_that_did_not_change_keeps_its_cell(shop: Connection) -> None:
    train(shop)
    assign(shop)
    cells = "SELECT array_agg(cell_id ORDER BY product_id) FROM image_sketch_1"
    before = one(shop, cells)
    shop.execute("UPDATE product SET brand = 'new'")
    shop.execute("UPDATE image_vector_1 SET encoded_at = now()")
    assert one(shop, cells) == before


def test_tuning_waits_for_enough_vectors_and_then_for_twice_as_many(space: Connection) -> None:
    load(space, clustered(1_000))
    space.execute("ANALYZE image_sketch_1")
    assert one(space, "SELECT cells_due('image', 1)") is False
    load(space, clustered(5_000, seed=2))
    space.execute("ANALYZE image_sketch_1")
    assert one(space, "SELECT cells_due('image', 1)") is True
    assert one(space, "SELECT cells_due('caption', 1)") is False
    space.execute("SELECT tune_search()")
    assert homeless(space) == 0
    assert generations(space) == [1]
    assert one(space, "SELECT cells_due('image', 1)") is False
    space.execute("SELECT tune_search('test')")
    assert generations(space) == [1]
    assert nearest_are_found(space) >= 0.95
    space.execute("UPDATE cell_generation SET trained_on = 3000")
    assert one(space, "SELECT cells_due('image', 1)") is False
    space.execute("UPDATE cell_generation SET trained_on = 2999")
    assert one(space, "SELECT cells_due('image', 1)") is True


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.tile(clustered(1), (500, 1)),
        lambda: np.repeat(clustered(7), 100, axis=0),
        lambda: clustered(1),
        lambda: clustered(3),
        lambda: unit(np.eye(DIMENSION)),
        lambda: np.concatenate([clustered(50), -clustered(50)]),
    ],
    ids=["all the same", "seven kinds", "one", "three", "orthogonal", "opposite"],
)
def test_odd_sets_of_vectors(space: Connection, make: Callable[[], Vectors]) -> None:
    vectors = make()
    load(space, vectors)
    train(space)
    assign(space)
    assert homeless(space) == 0
    know_picture(space, KEY, vectors[0].tolist())
    hits = ask(space, terms=[{"image": KEY}], k=1000)
    assert len(hits) == len(vectors)
    assert hits[0]["why"]["image"]["similarity"] == pytest.approx(1, abs=0.01)
    space.execute("DELETE FROM product WHERE product_id % 2 = 0")
    train(space)
    assign(space)
    assert homeless(space) == 0


def test_a_space_without_vectors(space: Connection) -> None:
    assert one(space, "SELECT cells_due('image', 1)") is False
    space.execute("SELECT tune_search()")
    train(space)
    assign(space)
    know_picture(space, KEY, clustered(1)[0].tolist())
    assert ask(space, terms=[{"image": KEY}]) == []
    load(space, clustered(3))
    assert len(ask(space, terms=[{"image": KEY}])) == 3
    train(space)
    assign(space)
    assert homeless(space) == 0
    assert len(ask(space, terms=[{"image": KEY}])) == 3


def test_a_table_with_room_for_more_is_trained_once(space: Connection) -> None:
    # The server would count its rows at some moment, before or after the second load.
    space.execute("ALTER TABLE image_sketch_1 SET (autovacuum_enabled = off)")
    load(space, clustered(14_000))
    space.execute("DELETE FROM product WHERE product_id % 5 <> 0")
    row = space.execute("SELECT rows_of('image_sketch_1', 200)").fetchone()
    assert row is not None
    assert row[0] > 5_000  # by the pages that it takes
    assert one(space, "SELECT cells_due('image', 1)") is False
    load(space, clustered(5_000, seed=2))
    space.execute("SELECT tune_search()")
    assert generations(space) == [1]
    assert homeless(space) == 0


def test_numbers_of_cells_are_not_used_again(shop: Connection) -> None:
    train(shop)
    assign(shop)
    last = one(shop, "SELECT max(cell_id) FROM cell")
    shop.execute("DELETE FROM cell_generation")
    train(shop)
    assert one(shop, "SELECT min(cell_id) FROM cell") > last
    assign(shop)
    assert homeless(shop) == 0
