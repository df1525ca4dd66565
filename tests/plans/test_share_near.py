"""Where what lies near a query passes the filter, the graph is asked; elsewhere a list is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.conftest import CopyOf
from tests.integration.searchable import ask, names
from tests.plans.clustered_shop import KEY, QUERIES, fill, query_of, true_order, vector_plans
from vitrine.database import Connection

NEAR = {"brand": "Near"}
BRANDED = 4_000  # a quarter of the shop


@pytest.fixture
def shop(copy_of: CopyOf) -> tuple[Connection, Any, set[int]]:
    """The products nearest to the first query have a brand; lists look dear to the router."""
    connection, vectors = copy_of(fill)
    order = np.argsort(-(vectors @ query_of(connection, 0))) + 1
    branded = {int(product) for product in order[:BRANDED]}
    connection.execute(
        "UPDATE product SET brand = 'Near' WHERE product_id = ANY (%s)", (list(branded),)
    )
    connection.execute("SELECT sketch_products(array_agg(product_id)) FROM product")
    connection.execute("ANALYZE")
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_near_least() RETURNS double precision "
        "LANGUAGE sql RETURN 0"
    )
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_near_cost(share double precision, "
        "others double precision, checks double precision, second_opinion double precision) "
        "RETURNS double precision LANGUAGE sql RETURN 1"
    )
    return connection, vectors, branded


def share_near(connection: Connection, number: int) -> float | None:
    row = connection.execute(
        "SELECT search_share_near('image', 1, q.embedding::halfvec, "
        "search_conditions(%s::jsonb, '{}'::bigint[])) FROM query_vector q WHERE q.key = %s",
        ('{"brand": "Near"}', KEY.format(number)),
    ).fetchone()
    assert row is not None
    return row[0]


def farthest(connection: Connection) -> int:
    """The query that is least like the first."""
    first = query_of(connection, 0)
    return min(range(QUERIES), key=lambda number: float(first @ query_of(connection, number)))


def test_the_share_is_of_what_lies_near(shop: tuple[Connection, Any, set[int]]) -> None:
    connection, _, _ = shop
    assert share_near(connection, 0) > 0.9
    assert share_near(connection, farthest(connection)) < 0.1


def test_the_graph_is_asked_where_what_lies_near_passes(
    shop: tuple[Connection, Any, set[int]],
) -> None:
    connection, vectors, branded = shop
    for k in (10, 24):
        hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=NEAR, k=k)
        assert vector_plans(hits)["image"] == "hnsw"
        wanted = true_order(vectors, connection, 0, branded.__contains__)[:k]
        assert len(set(names(hits)) & set(wanted)) >= 0.9 * k


def test_how_much_of_the_shop_matches_is_known_as_well(
    shop: tuple[Connection, Any, set[int]],
) -> None:
    """The search for words goes by the whole shop, not by what lies near a picture."""
    connection, _, _ = shop
    row = connection.execute(
        "SELECT (r.route).plan, (r.route).pass, (r.route).share FROM query_vector q "
        "CROSS JOIN LATERAL (SELECT search_route('image', 1, q.embedding::halfvec, "
        "search_conditions(%s::jsonb, '{}'::bigint[]), 25) AS route OFFSET 0) r WHERE q.key = %s",
        ('{"brand": "Near"}', KEY.format(0)),
    ).fetchone()
    assert row is not None
    plan, near, share = row
    assert plan == "hnsw"
    assert near > 0.9
    assert 0.15 < share < 0.35


def test_elsewhere_it_is_not(shop: tuple[Connection, Any, set[int]]) -> None:
    connection, vectors, branded = shop
    number = farthest(connection)
    hits = ask(connection, terms=[{"image": KEY.format(number)}], filters=NEAR, k=10)
    assert vector_plans(hits)["image"] != "hnsw"
    wanted = true_order(vectors, connection, number, branded.__contains__)[:10]
    assert len(set(names(hits)) & set(wanted)) >= 9


def test_nor_in_a_tight_cluster(shop: tuple[Connection, Any, set[int]]) -> None:
    """All cells, but not the regions, lie where the query does, and as far as each other."""
    connection, _, _ = shop
    query = query_of(connection, 0)
    for spread, alike in ((0.01, True), (0.5, False)):
        for cell, parent in connection.execute(
            "SELECT c.cell_id, c.parent_id FROM cell c WHERE c.kind = 'image' AND EXISTS "
            "(SELECT FROM cell p WHERE p.cell_id = c.parent_id AND p.kind = 'image' "
            "AND p.parent_id <> 0)"
        ).fetchall():
            moved = query * (1 - spread * (7919 * cell % 1000) / 1000)
            connection.execute(
                "UPDATE cell SET centroid = %s::real[]::vector::halfvec "
                "WHERE kind = 'image' AND (cell_id, parent_id) = (%s, %s)",
                (moved.tolist(), cell, parent),
            )
        assert (share_near(connection, 0) is None) is alike
    hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=NEAR, k=10)
    assert vector_plans(hits)["image"] == "hnsw"


def test_cells_without_rows_tell_nothing(shop: tuple[Connection, Any, set[int]]) -> None:
    connection, _, _ = shop
    connection.execute("DELETE FROM image_sketch_1")
    assert share_near(connection, 0) == 0


def test_a_large_shop_lists_what_has_the_terms_where_graph_and_cells_disagree(
    shop: tuple[Connection, Any, set[int]],
) -> None:
    """As if this shop were large, and the graph had found little of what the cells did."""
    connection, vectors, branded = shop
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_is_disputed(found_by integer[], route search_route, "
        "wanted integer) RETURNS boolean LANGUAGE sql RETURN (route).plan = 'hnsw'"
    )
    hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=NEAR, k=10)
    assert vector_plans(hits)["image"] in {"list", "districts", "exact"}
    wanted = true_order(vectors, connection, 0, branded.__contains__)[:10]
    assert len(set(names(hits)) & set(wanted)) >= 9
