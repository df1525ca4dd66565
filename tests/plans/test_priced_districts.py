"""Prices are listed by district: near the query alone, and as they are, folded or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from tests.integration.searchable import ask, names
from tests.plans.clustered_shop import (
    KEY,
    PRODUCTS,
    QUERIES,
    query_of,
    scans,
    true_order,
    vector_plans,
)
from tests.plans.test_search_plans import check_nothing_is_read_whole
from vitrine.database import Connection

RANGE = {"price": {"gte": 100, "lt": 250}}
INDEX = "image_price_1_idx"


def search(connection: Connection, number: int = 0, k: int = 10) -> list[str]:
    hits = ask(connection, terms=[{"image": KEY.format(number)}], filters=RANGE, k=k)
    assert vector_plans(hits)["image"] == "districts"
    return names(hits)


@pytest.fixture(autouse=True)
def believing(connection: Connection) -> None:
    """In a larger shop the router would choose districts by itself, and not compare all."""
    choose(connection, "districts")
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_enough(matching double precision, wanted integer, "
        "total bigint) RETURNS double precision LANGUAGE sql RETURN 800"
    )
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_may_miss(wanted integer) RETURNS double precision "
        "LANGUAGE sql RETURN 1000"
    )
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_is_noise(kind text, space_id integer, vector halfvec, "
        "route search_route, last double precision, wanted integer) "
        "RETURNS boolean LANGUAGE sql RETURN false"
    )


def choose(connection: Connection, plan: str) -> None:
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_cheapest(by_districts double precision, "
        "by_cells double precision, by_prices double precision, by_terms double precision) "
        "RETURNS text LANGUAGE sql RETURN "
        f"CASE WHEN by_districts < 'Infinity' THEN '{plan}' ELSE 'prices' END".encode()
    )


def kept(product: int) -> bool:
    return 100 <= product % 1000 < 250


def test_a_part_of_the_shop_is_read(connection: Connection, filled: tuple[Connection, Any]) -> None:
    search(connection)
    check_nothing_is_read_whole(connection)
    right = 0
    for number in range(QUERIES):
        truth = true_order(filled[1], connection, number, kept)[:10]
        hits = ask(
            connection,
            terms=[{"image": KEY.format(number)}],
            filters=RANGE,
            k=10,
            options={"explain": True},
        )
        right += len(set(truth) & set(names(hits)))
        report = hits[0]["why"]["search"]["image"]
        assert (report["plan"], report["source"]) == ("districts", "placed")
        assert report["scanned"] < 1600  # of 2,400 that have such a price
    assert right >= 0.95 * 10 * QUERIES
    assert scans(connection, INDEX) > 0


def test_explained(connection: Connection) -> None:
    terms = [{"image": KEY.format(0)}]
    hits = ask(connection, terms=terms, filters=RANGE, k=10, options={"explain": True})
    found = hits[0]["why"]["search"]["image"]
    assert (found["plan"], found["source"]) == ("districts", "placed")
    assert found["scanned"] > found["compared"] > 0


def nearest(connection: Connection, vectors: Any, count: int) -> list[int]:
    """The products that RANGE keeps, the nearest to the first query first."""
    return [int(name[1:]) for name in true_order(vectors, connection, 0, kept)[:count]]


def test_what_is_not_folded_yet_is_found_as_it_is(
    connection: Connection, filled: tuple[Connection, Any]
) -> None:
    order = np.argsort(-(filled[1] @ query_of(connection, 0))) + 1
    first = search(connection)
    outside = [int(product) for product in order[:200] if not kept(product)]
    cheaper, added, moved, far = outside[0], outside[1], outside[2], int(order[-1])
    connection.execute("UPDATE variant SET price = 5 WHERE product_id = %s", (int(first[0][1:]),))
    connection.execute("UPDATE product SET status = 'retired' WHERE external_id = %s", (first[1],))
    connection.execute("DELETE FROM image_vector_1 WHERE product_id = %s", (int(first[2][1:]),))
    connection.execute("UPDATE variant SET price = 150 WHERE product_id = %s", (cheaper,))
    connection.execute(
        "INSERT INTO variant (product_id, sku, price) VALUES (%s, 'more', 150)", (added,)
    )
    connection.execute(
        "UPDATE variant SET product_id = %s WHERE product_id = %s",
        (moved, next(int(p) for p in reversed(order) if kept(p))),
    )
    # One that lay far away has a picture like the query now.
    connection.execute("UPDATE variant SET price = 150 WHERE product_id = %s", (far,))
    connection.execute(
        "UPDATE image_vector_1 v SET embedding = q.embedding FROM query_vector q "
        "WHERE v.product_id = %s AND q.key = %s",
        (far, KEY.format(0)),
    )
    wanted = [f"p{far}"] + [
        name
        for name in (f"p{product}" for product in order)
        if (kept(int(name[1:])) and name not in first[:3])
        or int(name[1:]) in (cheaper, added, moved)
    ]
    assert search(connection) == wanted[:10]
    assert {f"p{cheaper}", f"p{added}", f"p{moved}", f"p{far}"} <= set(wanted[:10])
    while connection.execute("SELECT fold_facets()").fetchone() != (0,):
        pass
    assert search(connection) == wanted[:10]


def test_a_product_of_many_prices_is_listed_once(connection: Connection) -> None:
    before = search(connection, k=24)
    connection.execute(
        "INSERT INTO variant (product_id, sku, price) SELECT product_id, "
        "'more' || product_id || '-' || n, 100 + n FROM product "
        "CROSS JOIN generate_series(1, 40) n WHERE external_id = ANY (%s)",
        (before,),
    )
    while connection.execute("SELECT fold_facets()").fetchone() != (0,):
        pass
    again = ask(connection, terms=[{"image": KEY.format(0)}], filters=RANGE, k=24)
    assert names(again) == before


@pytest.mark.parametrize("plan", ["districts", "prices"])
def test_many_prices_crowd_nobody_out(
    connection: Connection, filled: tuple[Connection, Any], plan: str
) -> None:
    """As many as asked for are found though each is listed forty times, folded or not."""
    connection.execute("UPDATE variant SET price = 5000 WHERE product_id <= 60")
    connection.execute(
        "INSERT INTO variant (product_id, sku, price) SELECT product_id, "
        "'more' || product_id || '-' || n, 5000 + n FROM product "
        "CROSS JOIN generate_series(1, 39) n WHERE product_id <= 60"
    )
    choose(connection, plan)
    terms, filters = [{"image": KEY.format(0)}], {"price": {"gte": 4000}}
    wanted = true_order(filled[1], connection, 0, lambda product: product <= 60)
    for _ in range(2):
        for k in (10, 24, 40, 60):
            assert names(ask(connection, terms=terms, filters=filters, k=k)) == wanted[:k]
        while connection.execute("SELECT fold_facets()").fetchone() != (0,):
            pass


def test_while_sketches_are_sorted_products_are_listed(connection: Connection) -> None:
    before, read = search(connection), scans(connection, INDEX)
    connection.execute("SELECT train_cells('image', 1)")
    choose(connection, "prices")
    hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=RANGE, k=10)
    assert names(hits) == before
    assert scans(connection, INDEX) == read
    assert scans(connection, "listed_price_idx") > 0


def test_few_are_listed_wherever_they_lie(connection: Connection) -> None:
    """The sample says of a hundredth of a percent what it says of one."""
    filters = {"price": {"gte": 100, "lt": 101}}
    choose(connection, "prices")
    terms = [{"image": KEY.format(0)}]
    hits = ask(connection, terms=terms, filters=filters, k=24, options={"explain": True})
    assert len(hits) == PRODUCTS // 1000
    report = hits[0]["why"]["search"]["image"]
    assert (report["plan"], report["source"]) == ("exact", "placed")
    assert report["scanned"] <= 3 * PRODUCTS // 1000  # looked at again for more
    assert scans(connection, "image_price_1_price_idx") > 0


def test_what_is_placed_and_no_longer_there_is_not_found(connection: Connection) -> None:
    filters = {"price": {"gte": 100, "lt": 101}}
    choose(connection, "prices")
    some = "product_id % 1000 = 100 AND product_id"
    connection.execute(f"UPDATE product SET status = 'retired' WHERE {some} < 8000".encode())
    connection.execute(f"DELETE FROM image_vector_1 WHERE {some} > 15000".encode())
    hits = ask(connection, terms=[{"image": KEY.format(0)}], filters=filters, k=24)
    assert sorted(names(hits)[:7]) == sorted(f"p{number}100" for number in range(8, 15))
    assert names(hits)[7:] == ["p15100"]  # as one that waits for its vector


def route_of(connection: Connection, price: dict[str, float]) -> tuple[Any, ...]:
    """The plan for such prices alone, its source, how many are taken to have them, and of all."""
    row = connection.execute(
        "SELECT (r.route).plan, (r.route).source, (r.route).matching, (r.route).total "
        "FROM query_vector q CROSS JOIN LATERAL ("
        "SELECT search_route('image', 1, q.embedding::halfvec, "
        "search_conditions(%s, '{}'), 10) AS route OFFSET 0) r WHERE q.key = %s",
        (Jsonb({"price": price}), KEY.format(0)),
    ).fetchone()
    assert row is not None
    return row


def test_prices_alone_are_counted_near_the_query_and_not_sampled(connection: Connection) -> None:
    connection.execute("ANALYZE")  # what other tests undid takes room
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_sampled_sql(kind text, space_id integer, total bigint) "
        "RETURNS text LANGUAGE sql RETURN NULL"
    )
    for low, high in ((100, 250), (100, 130), (0, 150)):
        plan, source, matching, _ = route_of(connection, {"gte": low, "lt": high})
        assert source == "placed"
        assert plan == ("districts" if high - low > 50 else "list")
        assert matching == pytest.approx((high - low) * PRODUCTS / 1000, rel=0.3)
    for broad in ({"gte": 100, "lt": 400}, {"gte": 0}):
        _, source, matching, total = route_of(connection, broad)
        assert source != "placed"  # so many are not listed
    assert 0.7 * PRODUCTS < matching <= total


def test_a_product_of_several_prices_counts_once(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO variant (product_id, sku, price) SELECT v.product_id, v.sku || '-' || n, "
        "v.price + n FROM variant v CROSS JOIN generate_series(1, 3) n"
    )
    connection.execute("SELECT place_noted()")
    connection.execute("ANALYZE")
    *_, matching, _ = route_of(connection, {"gte": 100, "lt": 250})
    assert matching == pytest.approx(153 * PRODUCTS / 1000, rel=0.3)
