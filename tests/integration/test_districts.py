"""Districts that a large shop's search looks into: near ones, and those of the graph's nearest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.searchable import make_space
from tests.integration.test_cells import DIMENSION, assign, clustered, load, one, train
from vitrine.database import Connection

LARGE, SMALL = 200_001, 200_000
ALL = "ARRAY(SELECT s.cell_id FROM image_sketch_1 s)"
VECTOR = "image_vector_1 v WHERE v.product_id = 1"
NEAR = (
    "UPDATE product SET brand = 'Near' WHERE product_id IN (SELECT n.product_id "
    "FROM image_vector_1 n, image_vector_1 v WHERE v.product_id = 1 "
    "ORDER BY n.embedding <#> v.embedding LIMIT 100)"
)


@pytest.fixture
def shop(connection: Connection) -> Connection:
    make_space(connection, DIMENSION)
    load(connection, clustered(1_500))
    train(connection)
    assign(connection)
    return connection


def by_centre(shop: Connection) -> list[int]:
    """All districts, the nearest to product 1 first."""
    row = shop.execute(
        "SELECT array_agg(district_of(c.cell_id) ORDER BY c.centroid <#> v.embedding) "
        "FROM cell c, image_vector_1 v WHERE v.product_id = 1 AND c.parent_id <> 0 "
        "AND c.cell_id = district_of(c.cell_id) << 8"
    ).fetchone()
    assert row is not None
    found: list[int] = row[0]
    return found


def nearest_districts(shop: Connection, near: int) -> object:
    """Those as near to product 1 as so many of all sketches."""
    function = f"search_nearest_districts('image', 1, v.embedding, {ALL}, {near})"
    return one(shop, f"SELECT {function} FROM {VECTOR}")


def brand_route(shop: Connection, total: int, near: int, part: float, wanted: int = 10) -> Any:
    """The route through districts around product 1 under the brand Near."""
    row = shop.execute(
        'SELECT r.* FROM search_conditions(\'{"brand": "near"}\', NULL) f, image_vector_1 v, '
        f"search_in_districts('image', 1, v.embedding, f, {ALL}, %s, %s, %s, "
        "jsonb_populate_record(NULL::search_route, jsonb_build_object('total', %s::bigint))) r "
        "WHERE v.product_id = 1".encode(),
        (near, part, wanted, total),
    )
    assert row.description is not None
    names = [column.name for column in row.description]
    values = row.fetchone()
    assert values is not None
    return dict(zip(names, values, strict=True))


def test_as_many_districts_as_hold_so_many_of_a_sample_the_nearest_first(shop: Connection) -> None:
    order = by_centre(shop)
    assert len(order) > 5
    # Of all sketches, those in the two nearest districts.
    row = shop.execute(
        "SELECT count(*) FILTER (WHERE district_of(s.cell_id) = %s), "
        "count(*) FILTER (WHERE district_of(s.cell_id) = ANY (%s)), count(*) FROM image_sketch_1 s",
        (order[0], order[:2]),
    ).fetchone()
    assert row is not None
    first, two, whole = row

    assert nearest_districts(shop, first - 1) == order[:1]
    assert nearest_districts(shop, first) == order[:2]
    assert nearest_districts(shop, two - 1) == order[:2]
    assert nearest_districts(shop, whole - 1) == order
    assert nearest_districts(shop, whole) is None


def test_what_has_no_cell_yet_is_looked_at_too(shop: Connection) -> None:
    shop.execute("UPDATE image_sketch_1 SET cell_id = 0 WHERE product_id = 7")
    found = nearest_districts(shop, 0)
    assert found == [0, *by_centre(shop)[:1]]


def test_terms_of_what_has_no_cell_yet_are_indexed_too(shop: Connection) -> None:
    placed = "placed_terms({0}, '{{2,3,4}}') = ARRAY[placed_term(2, {0}), placed_term(4, {0})]"
    assert one(shop, f"SELECT {placed.format(0)} AND {placed.format(9)}") is True


def test_what_the_graph_reaches(shop: Connection) -> None:
    """Its districts, and how far off those are that have the terms; as if it missed nothing."""
    shop.execute("DROP INDEX image_vector_1_hnsw_idx")
    shop.execute(NEAR.encode())
    shop.execute("UPDATE product SET brand = NULL WHERE product_id % 2 = 0")
    row = shop.execute(
        'SELECT r.distances, r.districts FROM search_conditions(\'{"brand": "near"}\', NULL) f, '
        "image_vector_1 v, search_reached('image', 1, v.embedding, f) r WHERE v.product_id = 1"
    ).fetchone()
    expected = shop.execute(
        "SELECT array_agg(n.distance) FILTER (WHERE n.product_id % 2 = 1), "
        "array_agg(DISTINCT n.district ORDER BY n.district) FROM ("
        "SELECT n.product_id, n.embedding <#> v.embedding AS distance, "
        "district_of(s.cell_id) AS district FROM image_vector_1 v, image_vector_1 n "
        "JOIN image_sketch_1 s USING (product_id, image_id) "
        "WHERE v.product_id = 1 ORDER BY distance LIMIT 100) n"
    ).fetchone()
    assert row is not None
    assert expected is not None
    assert sorted(row[0]) == pytest.approx(sorted(expected[0]))
    assert row[1] == expected[1]
    assert one(shop, "SELECT current_setting('hnsw.ef_search')") == "40"


def test_a_large_shop_looks_also_where_the_graph_finds_the_nearest(shop: Connection) -> None:
    shop.execute(NEAR.encode())
    reached = one(
        shop,
        'SELECT r.districts FROM search_conditions(\'{"brand": "near"}\', NULL) f, '
        "image_vector_1 v, search_reached('image', 1, v.embedding, f) r WHERE v.product_id = 1",
    )
    route = brand_route(shop, LARGE, 0, 0.07)
    assert route["plan"] == "districts"
    assert route["cells"][0] == by_centre(shop)[0]
    assert len(route["cells"]) == len(set(route["cells"]))
    assert isinstance(reached, list)
    assert set(route["cells"]) == {*reached, route["cells"][0]}
    assert len(reached) > 1


def test_a_small_one_or_one_without_a_graph_does_not(shop: Connection) -> None:
    small = brand_route(shop, SMALL, 0, 0.07)
    assert (small["cells"], small["near"], small["reached"]) == (by_centre(shop)[:1], None, None)
    shop.execute("DROP INDEX image_vector_1_hnsw_idx")
    without = brand_route(shop, LARGE, 0, 0.07)
    assert (without["cells"], without["near"], without["reached"]) == (by_centre(shop)[:1], 1, None)


@pytest.mark.parametrize(
    ("part", "wanted", "share", "edge"),
    [(0.07, 10, 3, False), (0.07, 60, 2, False), (1.4, 10, 2, False), (1.45, 10, 1, True)],
    ids=["twice the page", "less of a longer page", "not much less than elsewhere", "less"],
)
def test_fewer_districts_will_do_where_the_graph_finds_what_has_the_terms(
    shop: Connection, part: float, wanted: int, share: int, *, edge: bool
) -> None:
    """All of the 100 nearest have the brand, or a part of all would be more than they are."""
    shop.execute(NEAR.encode())
    if part > 1:
        shop.execute("UPDATE product SET brand = NULL WHERE product_id % 7 <> 1")
        part *= len_reached(shop) / 100
    route = brand_route(shop, LARGE, 900, part, wanted)
    near = nearest_districts(shop, 900 // share)
    assert isinstance(near, list)
    assert route["cells"][: len(near)] == near
    assert route["near"] == (len(near) if edge else None)
    if not edge:  # and no more of those near than that
        further = by_centre(shop)[len(near)]
        assert further in route["cells"][len(near) :] or further not in route["cells"]


def len_reached(shop: Connection) -> int:
    return len(brand_route(shop, LARGE, 0, 0)["reached"])


def test_where_more_is_looked_at_it_follows_what_was(shop: Connection) -> None:
    """So that what was listed need not be listed again."""
    shop.execute(NEAR.encode())
    order = by_centre(shop)
    before = [order[-1], *order[:2]]
    shop.execute(
        "CREATE OR REPLACE FUNCTION search_nearest_districts(kind text, space_id integer, "
        "vector halfvec, cells integer[], near integer) RETURNS integer[] LANGUAGE sql "
        f"RETURN ARRAY{order[:5]}".encode()
    )
    row = shop.execute(
        'SELECT r.plan, r.cells, r.near FROM search_conditions(\'{"brand": "near"}\', NULL) f, '
        "image_vector_1 v, search_route_wider('image', 1, v.embedding, f, 10, "
        "jsonb_populate_record(NULL::search_route, jsonb_build_object("
        "'plan', 'districts', 'near', 2, 'total', 1500, 'cells', %s::integer[])), 1) r "
        "WHERE v.product_id = 1",
        (before,),
    ).fetchone()
    assert row is not None
    assert row[0] == "districts"
    assert row[1][:3] == before
    assert sorted(row[1][3:]) == sorted(order[2:5])
    assert row[2] is None


@pytest.mark.parametrize(
    ("reached", "wanted", "expected"),
    [
        ([-0.9, -0.8, -0.3, -0.2], 4, False),
        ([-0.9, -0.4, -0.3, -0.2], 4, True),
        ([-0.9, -0.4, -0.3, -0.2], 2, False),
        ([-0.3, -0.2], 10, True),
        ([-0.5], 10, False),
        ([], 10, False),
        (None, 10, False),
    ],
)
def test_the_graph_lost_its_way(
    connection: Connection, reached: list[float] | None, wanted: int, *, expected: bool
) -> None:
    """Most of what it reached, or of the page, lies beyond the last of the page."""
    row = connection.execute(
        "SELECT coalesce(search_is_lost(%s::float8[], -0.5, %s), false)", (reached, wanted)
    ).fetchone()
    assert row == (expected,)


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


@pytest.mark.parametrize(("length", "expected"), [(12, True), (13, False)])
def test_one_of_twelve_lies_at_the_edge(shop: Connection, length: int, *, expected: bool) -> None:
    """The others lie in districts that are not listed."""
    row = shop.execute(
        "SELECT search_is_at_edge('image', 1, jsonb_populate_record(NULL::search_route, "
        "jsonb_build_object('near', 1, 'cells', ARRAY[district_of(s.cell_id)])), "
        "ARRAY[s.product_id] || array_fill(-1::bigint, ARRAY[%(length)s::integer - 1]), "
        "ARRAY[s.image_id] || array_fill(-1::bigint, ARRAY[%(length)s::integer - 1])) "
        "FROM image_sketch_1 s WHERE s.product_id = 1",
        {"length": length},
    ).fetchone()
    assert row == (expected,)
