"""How near what a search finds is to a taste: seen in passing, in whatever way it is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from tests.integration.searchable import ask
from tests.plans.clustered_shop import BROAD, KEY, NARROW, query_of, scans, true_order
from vitrine.database import Connection

FUNCTION = "CREATE OR REPLACE FUNCTION "
TERMS = (
    "search_cheapest(by_districts double precision, by_cells double precision, "
    "by_prices double precision, by_terms double precision) RETURNS text "
    "LANGUAGE sql RETURN 'terms'"
)
LISTED = "search_listed_rows(route search_route) RETURNS double precision LANGUAGE sql RETURN {}"
MANY, FEWER = LISTED.format(50000), LISTED.format(12000)
FIRST = "search_row_limit(wanted integer) RETURNS integer LANGUAGE sql RETURN {}"
DOUBT = "search_may_miss(wanted integer) RETURNS double precision LANGUAGE sql RETURN {}"
DISPUTED = (
    "search_is_disputed(found_by integer[], route search_route, wanted integer) RETURNS boolean "
    "LANGUAGE sql RETURN found_by IS NOT NULL"
)
# By the plan that it comes to: the filter, and what makes the router take it.
WAYS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "hnsw": ({}, []),
    "few of a list": (NARROW, []),
    "list": (BROAD, [TERMS, MANY, FIRST.format(2000)]),
    "the rest of a list": (BROAD, [TERMS, MANY, FIRST.format(20)]),
    "disputed": (BROAD, [DISPUTED]),
    "all of a list": (BROAD, [TERMS, FEWER, DOUBT.format(-1)]),
}
ARM = """
    SELECT a.product_ids, a.tastes, a.recents, a.report ->> 'plan'
    FROM query_vector q, query_vector t, query_vector r, search_conditions(%s, '{}') f,
        search_arm('image', 1, q.embedding, f, 10, NULL, false, 60,
            CASE WHEN %s THEN t.embedding END, CASE WHEN %s THEN r.embedding END) a
    WHERE (q.key, t.key, r.key) = (%s, %s, %s)"""


def found(connection: Connection, filters: dict[str, Any], *, by_taste: bool) -> Any:
    keys = [KEY.format(number) for number in range(3)]
    row = connection.execute(ARM, (Jsonb(filters), by_taste, by_taste, *keys)).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("way", WAYS)
def test_what_is_found_knows_how_near_it_is_to_a_taste(
    filled: tuple[Connection, Any], connection: Connection, way: str
) -> None:
    filters, functions = WAYS[way]
    for function in functions:
        connection.execute(f"{FUNCTION}{function}".encode())
    product_ids, tastes, recents, plan = found(connection, filters, by_taste=True)
    assert plan == {
        "hnsw": "hnsw",
        "few of a list": "exact",
        "all of a list": "exact",
        "disputed": "cells",
    }.get(way, "list")
    assert len(product_ids) >= 40
    vectors = filled[1][np.array(product_ids) - 1]
    assert tastes == pytest.approx(vectors @ query_of(connection, 1), abs=2e-3)
    assert recents == pytest.approx(vectors @ query_of(connection, 2), abs=2e-3)


@pytest.mark.parametrize("way", WAYS)
def test_a_taste_needs_no_other_look_ups(connection: Connection, way: str) -> None:
    filters, functions = WAYS[way]
    for function in functions:
        connection.execute(f"{FUNCTION}{function}".encode())
    plain, personal = (looked_up(connection, filters, by_taste=b) for b in (False, True))
    assert plain == personal


def looked_up(
    connection: Connection, filters: dict[str, Any], *, by_taste: bool
) -> tuple[Any, ...]:
    """Products found, and the look-ups of vectors by their keys."""
    before = scans(connection, "image_vector_1_pkey")
    product_ids, *_ = found(connection, filters, by_taste=by_taste)
    return product_ids, scans(connection, "image_vector_1_pkey") - before


@pytest.mark.parametrize("way", WAYS)
def test_likeness_moves_what_is_found_in_any_way(
    filled: tuple[Connection, Any], connection: Connection, way: str
) -> None:
    filters, functions = WAYS[way]
    for function in functions:
        connection.execute(f"{FUNCTION}{function}".encode())
    order = true_order(filled[1], connection, 0, lambda product: product % 100 == 0)
    connection.execute(
        "INSERT INTO event (action_name, client_id, object_id, timestamp) "
        "SELECT 'view', 'u', v.product, now() - v.ago * interval '1 minute' "
        "FROM unnest(%s::text[]) WITH ORDINALITY v (product, ago)",
        (order[20:60],),
    )
    terms = [{"image": KEY.format(0)}]
    hits = ask(connection, terms=terms, filters=filters, k=10, client="u")
    moved = [hit["why"]["personal"]["parts"] for hit in hits if "personal" in hit["why"]]
    assert len(moved) > 3
    assert all(parts["taste"] and parts["session"] for parts in moved)


def test_of_several_pictures_the_nearest_tells(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    """In a list whose rest was compared as well, where each product counts once."""
    order = true_order(filled[1], connection, 0, lambda product: product % 4 != 0)[:15]
    for statement in (
        "INSERT INTO image (product_id, uri) SELECT product_id, 'b.jpg' FROM product "
        "WHERE external_id = ANY (%s)",
        "INSERT INTO image_vector_1 (product_id, image_id, embedding, input_version, content) "
        "SELECT v.product_id, i.image_id, l2_normalize(v.embedding + q.embedding), 1, 'x' "
        "FROM image i JOIN product p USING (product_id) JOIN image_vector_1 v USING (product_id), "
        "query_vector q WHERE p.external_id = ANY (%s) AND i.uri = 'b.jpg' "
        f"AND q.key = '{KEY.format(0)}'",
    ):
        connection.execute(statement.encode(), (order,))
    filters, functions = WAYS["the rest of a list"]
    for function in functions:
        connection.execute(f"{FUNCTION}{function}".encode())
    product_ids, tastes, recents, plan = found(connection, filters, by_taste=True)
    assert plan == "list"
    assert len(product_ids) == len(set(product_ids)) >= 40
    several = {int(name[1:]) for name in order}
    assert {*product_ids[:15]} == several
    for product, taste, recent in zip(product_ids, tastes, recents, strict=True):
        vector = filled[1][product - 1]
        if product in several:
            vector = vector + query_of(connection, 0)
            vector = vector / np.linalg.norm(vector)
        assert taste == pytest.approx(vector @ query_of(connection, 1), abs=2e-3)
        assert recent == pytest.approx(vector @ query_of(connection, 2), abs=2e-3)


UNBELIEVED = (
    "CREATE OR REPLACE FUNCTION search_left_to_check(route search_route, filter search_filter) "
    "RETURNS search_filter LANGUAGE sql RETURN filter"
)
BELIEVED = """
    SELECT a.product_ids, a.distances, a.report ->> 'plan'
    FROM query_vector q, search_conditions(%s, '{}') f, believing_of(f, %s) b,
        search_arm('image', 1, q.embedding, b, 10, NULL, false, 60) a WHERE q.key = %s"""


CHEAPEST = TERMS.replace("'terms'", "'{}'")
# Those in which all that is compared was listed by its terms.
BY_TERMS = ("few of a list", "list", "the rest of a list", "all of a list")
BELIEVED_WAYS = {way: WAYS[way] for way in (*BY_TERMS, "disputed")} | {
    "hnsw": (BROAD, [CHEAPEST.format("cells")]),
    "hnsw by terms": (NARROW, [CHEAPEST.format("cells")]),
    "districts": (NARROW, [CHEAPEST.format("districts"), MANY]),
}


@pytest.mark.parametrize("way", BELIEVED_WAYS)
def test_terms_that_are_believed_are_not_looked_up_of_products(
    connection: Connection, way: str
) -> None:
    filters, functions = BELIEVED_WAYS[way]
    for function in functions:
        connection.execute(f"{FUNCTION}{function}".encode())
    connection.execute(
        "CREATE FUNCTION believing_of(filter search_filter, believed boolean) "
        "RETURNS search_filter LANGUAGE plpgsql "
        "AS 'BEGIN filter.believed := believed; RETURN filter; END'"
    )
    answers, looked_up = [], []
    for believed in (False, True):
        before = product_scans(connection)
        asked = (Jsonb(filters), believed, KEY.format(0))
        answers.append(connection.execute(BELIEVED, asked).fetchone())
        looked_up.append(product_scans(connection) - before)
    assert answers[0] == answers[1]
    assert looked_up[0] >= 26
    assert looked_up[1] <= (0 if way in BY_TERMS else looked_up[0])


def test_a_history_has_products_of_the_page_alone_looked_up(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO event (action_name, client_id, object_id, timestamp) "
        "SELECT 'view', 'u', 'p' || n * 100, now() FROM generate_series(1, 20) n"
    )
    pages, looked_up = [], []
    asked: dict[str, Any] = {"k": 10, "client": "u", "terms": [{"image": KEY.format(0)}]}
    for believed in (True, False):
        if not believed:
            connection.execute(UNBELIEVED.encode())
        before = product_scans(connection)
        pages.append(ask(connection, filters=NARROW, **asked))
        looked_up.append(product_scans(connection) - before)
    assert pages[0] == pages[1]
    assert looked_up[0] + 100 < looked_up[1]


def product_scans(connection: Connection) -> int:
    """Look-ups of products and of their categories in this transaction."""
    row = connection.execute(
        "SELECT sum(pg_stat_get_xact_numscans(i.indexrelid)) FROM pg_index i "
        "WHERE i.indrelid IN ('product'::regclass, 'product_category'::regclass)"
    ).fetchone()
    assert row is not None
    return int(row[0])
