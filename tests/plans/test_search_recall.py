"""How much of the best a search finds on enough rows, and when it looks again, and further."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from tests.integration.searchable import ask, names
from tests.plans.clustered_shop import (
    BROAD,
    KEY,
    NARROW,
    PRODUCTS,
    QUERIES,
    always_districts,
    query_of,
    true_order,
    vector_plans,
)
from vitrine.database import Connection


@pytest.mark.parametrize(
    ("filters", "keep", "least"),
    [
        ({}, lambda _: True, 0.97),
        (BROAD, lambda product: product % 4 != 0, 0.97),
        (NARROW, lambda product: product % 100 == 0, 1.0),
    ],
)
def test_recall(
    filled: tuple[Connection, Any],
    connection: Connection,
    filters: dict[str, Any],
    keep: Any,
    least: float,
) -> None:
    found = 0
    for number in range(QUERIES):
        hits = ask(connection, terms=[{"image": KEY.format(number)}], filters=filters, k=10)
        found += len(set(names(hits)) & set(true_order(filled[1], connection, number, keep)[:10]))
    assert found >= least * QUERIES * 10


def test_the_graph_is_asked_again_where_few_of_the_nearest_pass(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    found = 0
    for number in range(5):
        order = true_order(filled[1], connection, number, lambda _: True)
        # Of the nearest 420 each seventh is left.
        filters = {"not": {"external_id": [name for n, name in enumerate(order[:420]) if n % 7]}}
        arguments = {"terms": [{"image": KEY.format(number)}], "filters": filters}
        hits = ask(connection, k=10, options={"explain": True}, **arguments)
        report = hits[0]["why"]["search"]["image"]
        assert (report["plan"], report["attempts"]) == ("hnsw", 2)
        found += len(set(names(hits)) & set(order[:70:7]))
    assert found >= 48


def test_the_graph_is_asked_once_where_more_of_the_cells_make_up_for_it(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    found = 0
    for number in range(5):
        order = true_order(filled[1], connection, number, lambda _: True)
        # Of the nearest 600 each sixth is left, and of all some 84 in a hundred.
        near = [name for n, name in enumerate(order[:600]) if n % 6]
        far = [order[start : start + 1000] for start in (8000, 9000)]
        filters = {"not": {"any": [{"external_id": names} for names in (near, *far)]}}
        arguments = {"terms": [{"image": KEY.format(number)}], "filters": filters}
        hits = ask(connection, k=10, options={"explain": True}, **arguments)
        report = hits[0]["why"]["search"]["image"]
        assert (report["plan"], report.get("attempts", 1)) == ("hnsw", 1)
        found += len(set(names(hits)) & set(order[:60:6]))
    assert found >= 48


@pytest.mark.parametrize(
    ("route", "asked", "checked"),
    [
        ({"plan": "hnsw", "cells": [1], "pass": 0.4}, {"terms": "t"}, False),
        ({"plan": "hnsw", "cells": [1], "pass": 0.2}, {"terms": "t"}, True),
        ({"plan": "hnsw", "cells": [1], "pass": 0.9}, {"is_empty": False}, True),
        ({"plan": "hnsw", "cells": [1], "pass": 0.96}, {"is_empty": False}, False),
        ({"plan": "hnsw", "pass": 0.8}, {"prices": "p"}, True),  # the graph alone
        ({"plan": "districts", "cells": [1], "pass": 0.8}, {"terms": "t"}, True),
    ],
)
def test_when_candidates_are_checked_before_they_are_compared(
    connection: Connection, route: dict[str, Any], asked: dict[str, Any], checked: bool
) -> None:
    row = connection.execute(
        "SELECT search_is_checked(jsonb_populate_record(NULL::search_route, %s), "
        "jsonb_populate_record(NULL::search_filter, %s))",
        (Jsonb(route), Jsonb(asked)),
    ).fetchone()
    assert row == (checked,)


def list_of(connection: Connection, rows: int) -> None:
    """Let the router list by terms, as if it were so many rows, and trust 20 of them at first."""
    for function in (
        "search_row_limit(wanted integer) RETURNS integer LANGUAGE sql RETURN 20",
        f"search_listed_rows(route search_route) RETURNS float8 LANGUAGE sql RETURN {rows}",
        "search_cheapest(by_districts double precision, by_cells double precision, "
        "by_prices double precision, by_terms double precision) "
        "RETURNS text LANGUAGE sql RETURN 'terms'",
    ):
        connection.execute(f"CREATE OR REPLACE FUNCTION {function}".encode())


@pytest.mark.parametrize("lacking", [False, True])
def test_the_rest_of_a_list_is_compared_beside_what_was(
    filled: tuple[Connection, Any], connection: Connection, lacking: bool
) -> None:
    """Of so few that the best of them are all over, and of a list that is not compared whole."""
    list_of(connection, 50_000)
    for number in range(3):
        order = true_order(filled[1], connection, number, lambda product: product % 4 != 0)
        if lacking:  # a sketch stays without its vector
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(
                "DELETE FROM image_vector_1 v USING product p "
                "WHERE p.product_id = v.product_id AND p.external_id = %s",
                (order.pop(0),),
            )
            connection.execute("SET LOCAL session_replication_role = origin")
        terms = [{"image": KEY.format(number)}]
        hits = ask(connection, k=10, terms=terms, filters=BROAD, options={"explain": True})
        report = hits[0]["why"]["search"]["image"]
        assert report["plan"] == "list"
        assert 20 < report["compared"] < 1000
        assert len(set(names(hits)) & set(order[:10])) >= 9  # stored numbers are rounded


def test_more_of_a_long_list_is_compared_before_all_of_it(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    list_of(connection, 20_000)
    compared, found = set(), 0
    for number in range(QUERIES):
        terms = [{"image": KEY.format(number)}]
        hits = ask(connection, k=10, terms=terms, filters=BROAD, options={"explain": True})
        report = hits[0]["why"]["search"]["image"]
        compared.add((report["plan"], report["compared"]))
        order = true_order(filled[1], connection, number, lambda product: product % 4 != 0)
        found += len(set(names(hits)) & set(order[:10]))
    assert ("list", 120) in compared  # after 20 and 60
    assert found >= 0.97 * QUERIES * 10


@pytest.mark.parametrize("graph_finds", [True, False])
def test_more_cells_are_looked_at_where_the_graph_lost_its_way(
    connection: Connection, graph_finds: bool
) -> None:
    """As if any doubt were too much, and with a graph that leads nowhere."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_may_miss(wanted integer) RETURNS double precision "
        "LANGUAGE sql RETURN -1"
    )
    if not graph_finds:
        connection.execute(
            "CREATE OR REPLACE FUNCTION search_graph_limit(route search_route, "
            "filter search_filter, row_limit integer) RETURNS integer LANGUAGE sql RETURN 0"
        )
    trusted = 0
    for number in range(QUERIES):
        arguments = {"terms": [{"image": KEY.format(number)}], "options": {"explain": True}}
        report = ask(connection, k=10, **arguments)[0]["why"]["search"]["image"]
        assert (report["plan"] == "hnsw") == (report.get("attempts", 1) == 1)
        trusted += report["plan"] == "hnsw"
    # A graph of clusters loses its way to a few by chance.
    assert trusted >= QUERIES // 2 if graph_finds else trusted == 0


def test_where_the_nearest_hardly_differ_from_the_rest_all_is_looked_at(
    connection: Connection,
) -> None:
    """As if any doubt were too much: a few thousand are compared whole, not listed once more."""
    always_districts(connection)
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_may_miss(wanted integer) RETURNS double precision "
        "LANGUAGE sql RETURN -1"
    )
    hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=BROAD, k=10)
    assert vector_plans(hits)["image"] == "exact"


def test_what_may_be_missed_grows_with_how_little_the_last_differs(connection: Connection) -> None:
    row = connection.execute(
        "SELECT search_missed(1000, -0.5, 0, -0.5), search_missed(1000, -0.1, 0.05, -0.6), "
        "search_missed(1000, -0.1, 0.05, -0.2), search_missed(1000, -0.1, 0.05, -0.1)"
    ).fetchone()
    assert row is not None
    copies, far, near, within = row
    assert copies == 0
    assert far < 1e-6
    assert near == pytest.approx(1000 * math.erfc(2 / math.sqrt(2)))
    assert within == 1000


def test_what_is_next_to_nothing_is_calculated_with(connection: Connection) -> None:
    """Half of the smallest number that the server can hold is an error there, not nothing."""
    row = connection.execute(
        "SELECT count(*), min(search_missed(1, 0, 1, -d::float8) / 2) "
        "FROM generate_series(30, 50, 0.001) d"
    ).fetchone()
    assert row is not None
    assert row[0] == 20_001
    assert 0 < row[1] < 1e-100


def test_what_is_far_from_everything_is_found_by_comparing_all(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    """Without the query's own cluster, of some 400, the rest is at all but right angles to it."""
    for number in range(5):
        order = true_order(filled[1], connection, number, lambda _: True)
        arguments = {
            "terms": [{"image": KEY.format(number)}],
            "filters": {"not": {"external_id": order[:800]}},
        }
        hits = ask(connection, k=24, **arguments)
        assert vector_plans(hits)["image"] == "exact"
        assert len(set(names(hits)) & set(order[800:824])) >= 23  # stored numbers are rounded


def as_large(connection: Connection) -> None:
    """Let the router take the shop for a large one."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_small() RETURNS bigint LANGUAGE sql RETURN 1000"
    )


@pytest.mark.parametrize("large", [False, True])
def test_of_districts_too(
    filled: tuple[Connection, Any], connection: Connection, large: bool
) -> None:
    """In a larger shop the router would choose them by itself; its list is not short."""
    always_districts(connection)
    if large:
        as_large(connection)
        connection.execute(
            "CREATE OR REPLACE FUNCTION search_listed_rows(route search_route) RETURNS float8 "
            "LANGUAGE sql RETURN 50000"
        )
    for number in range(5):
        order = true_order(filled[1], connection, number, lambda product: product % 4 != 0)
        arguments = {
            "terms": [{"image": KEY.format(number)}],
            "filters": BROAD | {"not": {"external_id": order[:600]}},
        }
        hits = ask(connection, k=24, **arguments)
        assert vector_plans(hits)["image"] == "exact"
        assert len(set(names(hits)) & set(order[600:624])) >= 23


@pytest.mark.parametrize("large", [False, True])
def test_where_graph_and_cells_disagree_a_large_shop_compares_more_of_the_cells(
    filled: tuple[Connection, Any], connection: Connection, large: bool
) -> None:
    """As if the graph found six of the page, and a dozen rows of the cells were compared."""
    for function in (
        "search_row_limit(wanted integer) RETURNS integer LANGUAGE sql RETURN 20",
        "search_graph_limit(route search_route, filter search_filter, row_limit integer) "
        "RETURNS integer LANGUAGE sql RETURN 6",
    ):
        connection.execute(f"CREATE OR REPLACE FUNCTION {function}".encode())
    if large:
        as_large(connection)
    found = disputed = 0
    for number in range(QUERIES):
        terms = [{"image": KEY.format(number)}]
        hits = ask(connection, k=10, terms=terms, options={"explain": True})
        report = hits[0]["why"]["search"]["image"]
        assert (report["plan"] == "cells") == (report.get("attempts", 1) > 1)
        disputed += report["plan"] == "cells"
        order = true_order(filled[1], connection, number, lambda _: True)
        found += len(set(names(hits)) & set(order[:10]))
    # In a small shop only where the graph lost its way, as one asked for so few may.
    assert disputed == QUERIES if large else disputed <= QUERIES // 4
    assert (found >= 0.97 * 10 * QUERIES) == large


def test_graph_and_cells_of_a_large_shop_dispute_a_page_of_which_both_found_little(
    connection: Connection,
) -> None:
    row = connection.execute(
        "SELECT search_is_disputed('{3,3,3,3,3,3,1,2,1,2,3}', r, 10), "
        "search_is_disputed('{3,3,3,3,3,3,3,1,2,1}', r, 10), search_is_disputed(NULL, r, 10), "
        "search_is_disputed('{1}', jsonb_populate_record(r, '{\"total\": 200000}'), 1) "
        "FROM jsonb_populate_record(NULL::search_route, '{\"total\": 200001}') r"
    ).fetchone()
    assert row == (True, False, False, False)


def test_a_large_shop_may_have_left_out_what_is_no_nearer_than_chance_has_it(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    query = "(SELECT q.embedding FROM query_vector q WHERE q.key = %s)"
    left_out = f"SELECT (search_left_out('image', 1, {query}, r, %s, %s, NULL)).left_out FROM "
    route = "jsonb_populate_record(NULL::search_route, %s::jsonb) r"
    similarities = np.sort(filled[1] @ query_of(connection, 0))[::-1]
    listed = similarities[800:]  # without the query's own cluster, and what chance has near

    def asked(plan: str, compared: Any, last: float) -> float:
        described = {"plan": plan, "total": PRODUCTS, "matching": 12_000, "pass": 1}
        values = (KEY.format(0), (-compared).tolist(), -last, Jsonb(described))
        row = connection.execute((left_out + route).encode(), values).fetchone()
        assert row is not None
        return float(row[0])

    spread = np.random.default_rng(0).permutation(listed)[:160]
    alike = listed[2000:2100]
    assert asked("list", spread, listed[9]) == 0  # so small a shop compares all at a doubt
    as_large(connection)
    for plan in ("list", "districts"):
        assert asked(plan, spread, listed[9]) > 10
        assert asked(plan, spread, similarities[9]) < 0.1
    # What was compared hardly differs, as pictures of one kind do: that says little of the rest.
    assert asked("list", alike, alike[50:].mean() + 5 * alike[50:].std()) > 1
    assert asked("cells", spread, listed[9]) == 0


def test_of_more_districts_what_was_listed_is_not_listed_again(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    """As if the page lay at the edge of three districts, and then all are looked into."""
    always_districts(connection)
    district = "FROM cell c WHERE c.kind = 'image' AND c.parent_id <> 0 AND (c.cell_id & 255) = 0"
    for function in (
        "search_small() RETURNS bigint LANGUAGE sql RETURN 1000",
        "search_may_miss(wanted integer) RETURNS double precision LANGUAGE sql RETURN 1000",
        "search_is_at_edge(kind text, space_id integer, route search_route, product_ids bigint[], "
        "item_ids bigint[]) RETURNS boolean LANGUAGE sql RETURN true",
        "search_nearest_districts(kind text, space_id integer, vector halfvec, cells integer[], "
        "near integer) RETURNS integer[] LANGUAGE sql RETURN ARRAY(SELECT district_of(c.cell_id) "
        f"{district} ORDER BY c.centroid <#> vector LIMIT 3)",
        "search_route_wider(kind text, space_id integer, vector halfvec, filter search_filter, "
        "wanted integer, before search_route, attempts integer) RETURNS search_route LANGUAGE sql "
        "RETURN jsonb_populate_record(before, jsonb_build_object('cells', (before).cells || "
        f"ARRAY(SELECT district_of(c.cell_id) {district} EXCEPT SELECT unnest((before).cells))))",
    ):
        connection.execute(f"CREATE OR REPLACE FUNCTION {function}".encode())
    row = connection.execute("SELECT count(*) FROM product WHERE product_id % 4 <> 0").fetchone()
    assert row is not None
    found = 0
    for number in range(QUERIES):
        terms = [{"image": KEY.format(number)}]
        hits = ask(connection, k=10, terms=terms, filters=BROAD, options={"explain": True})
        report = hits[0]["why"]["search"]["image"]
        assert (report["plan"], report["attempts"]) == ("districts", 2)
        assert report["scanned"] == row[0]
        order = true_order(filled[1], connection, number, lambda product: product % 4 != 0)
        found += len(set(names(hits)) & set(order[:10]))
    assert found >= 0.98 * 10 * QUERIES


def test_the_last_of_a_page_is_doubted_where_one_way_alone_found_it(connection: Connection) -> None:
    row = connection.execute(
        "SELECT search_is_doubtful('{3,3,3,3,3,3,3,3,1,2}', NULL, -0.5, 10), "
        "search_is_doubtful('{1,1,1,1,1,1,1,3,3,3,1}', NULL, -0.5, 10), "
        "search_is_doubtful(NULL, '{-0.9,-0.8,-0.7,-0.11,-0.1,-0.09}', -0.7, 3), "
        "search_is_doubtful(NULL, '{-0.9,-0.8,-0.7,-0.3,-0.2,-0.1}', -0.3, 4)"
    ).fetchone()
    assert row == (True, False, False, True)


def test_what_is_near_is_not_taken_for_noise(connection: Connection) -> None:
    for number in range(QUERIES):
        terms = [{"image": KEY.format(number)}]
        hits = ask(connection, k=24, terms=terms, filters={"not": {"sku": "p1"}})
        assert vector_plans(hits)["image"] == "hnsw"


def test_noise_is_what_so_many_would_be_as_near_as_by_chance(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    # Without the nearest 800, which are the query's own cluster and some of chance.
    others = np.sort(filled[1] @ query_of(connection, 0))[:-800]
    answers = []
    for deviations in (2, 3, 8, 10):
        row = connection.execute(
            "SELECT search_is_noise('image', 1, q.embedding, "
            "search_route('image', 1, q.embedding, search_conditions('{}', '{}'), 24), "
            "%s, 24) FROM query_vector q WHERE q.key = %s",
            (float(-others.mean() - deviations * others.std()), KEY.format(0)),
        ).fetchone()
        assert row is not None
        answers.append(row[0])
    # Of 16,000 some 364 and 22 are 2 and 3 deviations nearer than the mean by chance.
    assert answers == [True, True, False, False]
