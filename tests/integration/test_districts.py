"""Districts that a large shop's search looks into: near ones, and those of the graph's nearest."""

from __future__ import annotations

import pytest

from tests.integration.searchable import make_space
from tests.integration.test_cells import DIMENSION, assign, clustered, load, one, train
from vitrine.database import Connection

LARGE, SMALL = 200_001, 200_000


@pytest.fixture
def shop(connection: Connection) -> Connection:
    make_space(connection, DIMENSION)
    load(connection, clustered(1_500))
    train(connection)
    assign(connection)
    return connection


def districts(shop: Connection, radius: float, total: int) -> tuple[list[int], int]:
    """The districts around the vector of product 1, and how many of them lie near."""
    row = shop.execute(
        "SELECT d.districts, d.near FROM image_vector_1 v CROSS JOIN LATERAL "
        "search_districts('image', 1, v.embedding, %s, %s) d WHERE v.product_id = 1",
        (radius, total),
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_the_nearest_come_first_and_none_twice(shop: Connection) -> None:
    found, near = districts(shop, 1.0, LARGE)  # within which all lie
    row = shop.execute(
        "SELECT array_agg(district_of(c.cell_id) ORDER BY c.centroid <#> v.embedding) "
        "FROM cell c, image_vector_1 v WHERE v.product_id = 1 AND c.parent_id <> 0 "
        "AND c.cell_id = district_of(c.cell_id) << 8"
    ).fetchone()
    assert row is not None
    assert found == row[0]
    assert near == len(found) > 5


def test_a_large_shop_looks_also_where_the_graph_finds_the_nearest(shop: Connection) -> None:
    found, near = districts(shop, -2.0, LARGE)  # within which nothing lies
    assert near == 0
    assert len(found) == len(set(found))
    nearest = shop.execute(
        "SELECT district_of(s.cell_id) FROM image_vector_1 v JOIN image_vector_1 o "
        "ON o.product_id = 1 JOIN image_sketch_1 s ON s.product_id = v.product_id "
        "ORDER BY v.embedding <#> o.embedding LIMIT 20"
    ).fetchall()
    assert {row[0] for row in nearest} <= set(found)
    assert one(shop, "SELECT current_setting('hnsw.ef_search')") == "40"


def test_a_small_one_or_one_without_a_graph_does_not(shop: Connection) -> None:
    assert districts(shop, -2.0, SMALL) == ([], 0)
    shop.execute("DROP INDEX image_vector_1_hnsw_idx")
    assert districts(shop, -2.0, LARGE) == ([], 0)


@pytest.mark.parametrize(
    ("place", "near", "expected"),
    [(1, 9, False), (6, 9, False), (7, 9, True), (9, 9, True), (7, 6, False), (10, 9, False)],
    ids=["first", "two thirds", "outer third", "last", "the graph's", "nowhere"],
)
def test_what_was_found_lies_at_the_edge(
    shop: Connection, place: int, near: int, *, expected: bool
) -> None:
    """The district of product 1 stands at a place of the list, after others that hold nothing."""
    cells = [*range(-1, -place, -1)]
    row = shop.execute(
        "SELECT search_is_at_edge('image', 1, jsonb_populate_record(NULL::search_route, "
        "jsonb_build_object('near', %s::integer, 'cells', %s::integer[] "
        "|| (CASE WHEN %s < 10 THEN ARRAY[district_of(s.cell_id)] ELSE '{}' END))), "
        "ARRAY[s.product_id], ARRAY[s.image_id]) FROM image_sketch_1 s WHERE s.product_id = 1",
        (near, cells, place),
    ).fetchone()
    assert row == (expected,)
