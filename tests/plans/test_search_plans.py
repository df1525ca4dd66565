"""Which plans a search takes on enough rows, and which indexes serve them; nothing is read whole.

The shop is loaded and never analysed, as on the day that it opens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.integration.searchable import ask, names
from tests.plans.clustered_shop import (
    BROAD,
    CAPTION_INDEX,
    IMAGE_INDEX,
    KEY,
    LARGE,
    NARROW,
    PRODUCTS,
    QUERIES,
    always_districts,
    query_of,
    scans,
    vector_plans,
)
from vitrine.database import Connection

CELL_INDEX, TERMS_INDEX = "image_sketch_1_cell_idx", "image_sketch_1_terms_idx"
PLACED_INDEX = "image_sketch_1_placed_idx"
CHEAP = {"price": {"lt": 5}}


def entries(connection: Connection, index: str) -> int:
    """How many entries of an index were read in this transaction."""
    row = connection.execute(
        "SELECT pg_stat_get_xact_tuples_returned(%s::text::regclass)", (index,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def check_nothing_is_read_whole(connection: Connection) -> None:
    assert {table: scans(connection, table) for table in LARGE} == dict.fromkeys(LARGE, 0)


@pytest.mark.parametrize("filters", [{}, BROAD, {"not": {"sku": "p1"}}, {"price": 9} | {"not": {}}])
def test_no_plan_is_missing(connection: Connection, filters: dict[str, Any]) -> None:
    hits = ask(connection, query="words 0", filters=filters)
    assert len(hits) == (0 if "price" in filters else 24)


@pytest.mark.parametrize("filters", [{}, BROAD])
def test_the_graph_and_the_nearest_cells_serve_what_is_broad(
    connection: Connection, filters: dict[str, Any]
) -> None:
    hits = ask(connection, query="words 0", filters=filters)
    assert vector_plans(hits) == {"image": "hnsw", "caption": "hnsw"}
    assert scans(connection, IMAGE_INDEX) == 1
    assert scans(connection, CAPTION_INDEX) == 1
    assert scans(connection, CELL_INDEX) > 0
    check_nothing_is_read_whole(connection)
    # The first search passed over what the sorting into cells left behind: there was no vacuum.
    before = entries(connection, CELL_INDEX)
    ask(connection, query="words 0", filters=filters)
    assert entries(connection, CELL_INDEX) - before < PRODUCTS


def test_the_index_of_terms_serves_what_is_narrow(connection: Connection) -> None:
    hits = ask(connection, query="words 0", filters=NARROW)
    assert vector_plans(hits) == {"image": "exact", "caption": "exact"}
    assert len(hits) == 24
    assert scans(connection, IMAGE_INDEX) == 0
    assert scans(connection, TERMS_INDEX) > 0
    # What the filter keeps, and the page.
    assert scans(connection, "image_vector_1_pkey") <= PRODUCTS // 100 + 5 * 24
    check_nothing_is_read_whole(connection)


def test_the_index_of_prices_serves_what_is_cheap(connection: Connection) -> None:
    hits = ask(connection, query="words 0", filters=CHEAP)
    assert vector_plans(hits) == {"image": "exact", "caption": "exact"}
    assert len(hits) == 24
    # Of placed prices; what words find is looked up in the listed ones, or product by product.
    for index in ("image_price_1_price_idx", "caption_price_1_price_idx"):
        assert scans(connection, index) == 1
        assert 0 < entries(connection, index) < PRODUCTS // 10
    assert entries(connection, "listed_price_idx") < PRODUCTS // 10
    assert scans(connection, IMAGE_INDEX) == 0
    check_nothing_is_read_whole(connection)


def test_a_list_of_prices_is_read_once(connection: Connection) -> None:
    """What was counted to choose the plan is what the arm reads."""
    filters = BROAD | {"price": {"lt": 150}}
    hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=filters, k=10)
    assert vector_plans(hits)["image"] == "list"
    assert len(hits) == 10
    assert scans(connection, "listed_price_idx") == 1


def test_prices_that_were_just_written_are_listed_as_they_are(connection: Connection) -> None:
    connection.execute("UPDATE variant SET price = price + 900 WHERE product_id % 1000 < 3")
    connection.execute("UPDATE variant SET price = 4.5 WHERE product_id % 1000 = 700")
    hits = ask(connection, query="words 0", filters=CHEAP, k=100)
    assert {int(name[1:]) % 1000 for name in names(hits)} == {3, 4, 700}
    assert len(hits) == 3 * PRODUCTS // 1000
    # The most popular have the highest numbers.
    browsed = ask(connection, filters=CHEAP, k=4)
    assert names(browsed) == ["p15700", "p15004", "p15003", "p14700"]
    assert vector_plans(hits) == {"image": "exact", "caption": "exact"}
    assert scans(connection, "variant") == 2  # by the updates


def test_where_very_many_prices_were_written_variants_are_read(connection: Connection) -> None:
    connection.execute("UPDATE variant SET price = 999 - price")
    hits = ask(connection, terms=[{"image": KEY.format(0)}], filters={"price": {"lt": 150}}, k=10)
    assert {int(name[1:]) % 1000 >= 850 for name in names(hits)} == {True}
    assert len(hits) == 10
    assert scans(connection, "listed_price_idx") == 0
    hits = ask(connection, filters=CHEAP, options={"sort": "price"}, k=20)
    assert names(hits) == [f"p{999 + 1000 * n}" for n in range(16)] + [
        f"p{998 + 1000 * n}" for n in range(4)
    ]


@pytest.mark.parametrize("sort", ["price", "-price"])
def test_prices_are_walked_in_their_order(connection: Connection, sort: str) -> None:
    connection.execute("UPDATE variant SET price = 1000.5 - price WHERE product_id IN (1, 998)")
    hits = ask(connection, filters=BROAD, options={"sort": sort}, k=40)
    assert names(hits)[31 if sort == "price" else 0] == ("p998" if sort == "price" else "p1")
    assert len(hits) == 40
    assert 0 < entries(connection, "listed_price_idx") < PRODUCTS // 10
    check_nothing_is_read_whole(connection)


def test_how_many_the_graph_is_asked_for_is_forgotten(connection: Connection) -> None:
    def setting() -> str:
        row = connection.execute("SELECT current_setting('hnsw.ef_search')").fetchone()
        assert row is not None
        return str(row[0])

    connection.execute("SET LOCAL hnsw.ef_search = 77")
    hits = ask(connection, terms=[{"image": KEY.format(0)}], k=24)
    assert vector_plans(hits)["image"] == "hnsw"
    assert setting() == "77"
    # Also by what sets nothing itself.
    connection.execute("SELECT nearest_products(1, min(p.product_id), 10) FROM product p")
    assert setting() == "77"


def test_what_left_the_shop_is_not_shown_though_the_graph_has_it(connection: Connection) -> None:
    before = names(ask(connection, terms=[{"image": KEY.format(0)}], k=24))
    connection.execute(
        "UPDATE product SET status = 'retired' WHERE external_id = ANY (%s)", (before[:12],)
    )
    hits = ask(connection, terms=[{"image": KEY.format(0)}], k=24)
    assert vector_plans(hits)["image"] == "hnsw"
    assert names(hits)[:12] == before[12:]
    assert len(hits) == 24


def test_the_nearest_cells_serve_what_is_broad_without_a_graph(connection: Connection) -> None:
    connection.execute(f"DROP INDEX {IMAGE_INDEX}".encode())
    hits = ask(connection, terms=[{"image": KEY.format(0)}], k=10)
    assert vector_plans(hits) == {"image": "cells", "caption": None}
    assert scans(connection, CELL_INDEX) > 0
    check_nothing_is_read_whole(connection)


def test_terms_are_listed_by_district(
    connection: Connection, filled: tuple[Connection, Any]
) -> None:
    """In a larger shop the router would choose this by itself, and not compare all at a doubt."""
    always_districts(connection)
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_may_miss(wanted integer) RETURNS double precision "
        "LANGUAGE sql RETURN 1000"
    )
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_is_noise(kind text, space_id integer, vector halfvec, "
        "route search_route, last double precision, wanted integer) "
        "RETURNS boolean LANGUAGE sql RETURN false"
    )
    keeps = np.arange(1, PRODUCTS + 1) % 4 != 0
    right = 0
    for number in range(QUERIES):
        hits = ask(connection, terms=[{"image": KEY.format(number)}], filters=BROAD, k=10)
        assert hits[0]["why"]["plan"]["image"] == "districts"
        near = np.where(keeps, filled[1] @ query_of(connection, number), -1)
        right += len({f"p{place + 1}" for place in np.argsort(-near)[:10]} & set(names(hits)))
    assert right >= 0.97 * 10 * QUERIES
    assert scans(connection, PLACED_INDEX) > 0
    # A part of what has the term was read, and no more.
    assert entries(connection, PLACED_INDEX) < QUERIES * PRODUCTS // 2
    check_nothing_is_read_whole(connection)


@pytest.mark.parametrize("filters", [{}, BROAD, {"price": {"gte": 10}}, {"in_stock": True}])
def test_browsing_reads_products_in_their_order(
    connection: Connection, filters: dict[str, Any]
) -> None:
    hits = ask(connection, filters=filters)
    assert names(hits)[0] in (f"p{PRODUCTS - 1}", f"p{PRODUCTS}")
    assert scans(connection, "product_popularity_idx") == 1
    assert entries(connection, "product_popularity_idx") < 200
    check_nothing_is_read_whole(connection)


def test_browsing_the_narrow_lists_it_by_its_terms(connection: Connection) -> None:
    hits = ask(connection, filters=NARROW)
    assert names(hits) == [f"p{PRODUCTS - 100 * place}" for place in range(24)]
    assert scans(connection, TERMS_INDEX) > 0
    assert entries(connection, "product_popularity_idx") == 0
    check_nothing_is_read_whole(connection)


@pytest.mark.parametrize("some", ["product_id % 22 = 0", "product_id <= 700"])
def test_browsing_a_twentieth_walks_as_far_as_should_suffice(
    connection: Connection, some: str
) -> None:
    """What comes late in the order is listed in the end."""
    connection.execute(f"UPDATE product SET brand = 'Some' WHERE {some}".encode())
    rows = connection.execute(
        f"SELECT external_id FROM product WHERE {some} ORDER BY product_id DESC LIMIT 24".encode()
    ).fetchall()
    assert names(ask(connection, filters={"brand": "some"})) == [row[0] for row in rows]
    assert 0 < entries(connection, "product_popularity_idx") < 3_000
    assert (scans(connection, TERMS_INDEX) > 0) == ("<=" in some)


@pytest.mark.parametrize("filters", [{}, NARROW, CHEAP])
def test_similar_reads_no_table_whole(connection: Connection, filters: dict[str, Any]) -> None:
    assert len(ask(connection, terms=[{"product": "p77"}], filters=filters)) == 24
    check_nothing_is_read_whole(connection)


def test_estimates_read_little(connection: Connection) -> None:
    ask(connection, terms=[{"image": KEY.format(0)}], filters=NARROW)
    assert 0 < entries(connection, "image_sketch_1_sample_idx") < 3_000


def test_an_index_scan_that_gives_up_is_followed_by_a_list(connection: Connection) -> None:
    connection.execute("ALTER FUNCTION search SET hnsw.max_scan_tuples = 1")
    connection.execute("ALTER FUNCTION search SET hnsw.ef_search = 10")
    connection.execute("DELETE FROM cell_generation")
    # At a doubt the list would be compared whole.
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_may_miss(wanted integer) RETURNS double precision "
        "LANGUAGE sql RETURN 1000"
    )
    hits = ask(connection, terms=[{"image": KEY.format(0)}], k=1000)
    assert len(hits) == 1000
    assert vector_plans(hits) == {"image": "list", "caption": None}


@pytest.mark.parametrize(
    "statement",
    [
        "DROP INDEX image_vector_1_hnsw_idx",
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'image_vector_1_hnsw_idx'::regclass",
    ],
)
def test_a_missing_or_invalid_index_is_not_trusted(connection: Connection, statement: str) -> None:
    connection.execute(statement.encode())
    hits = ask(connection, query="words 0")
    assert vector_plans(hits) == {"image": "cells", "caption": "hnsw"}
    assert len(hits) == 24


def test_k_beyond_what_matches_is_all_that_matches(connection: Connection) -> None:
    assert len(ask(connection, query="words 0", filters=NARROW, k=1000)) == PRODUCTS // 100
    assert len(ask(connection, query="words 0", k=1000)) == 1000
