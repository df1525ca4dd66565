"""How long each recommendation takes in a shop with events, and what counting them costs.

    python -m benchmarks.recommendations [--products 100000] [--sessions 60000] [--asked 200]

A made-up shop (benchmarks.filtered_search): products in 100 categories, 1.5 pictures each, one
variant. Shoppers have two favourite categories each; a session views four products of one, often
the popular ones, and one in three buys two of them. Every function is asked for twelve products,
without a filter and with one that keeps a tenth, for shoppers with a history and without.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.filtered_search.catalogue import CATEGORIES, Dataset, make_dataset
from benchmarks.filtered_search.engines.vitrine_engine import VitrineEngine
from benchmarks.filtered_search.filters import department_name
from benchmarks.filtered_search.vectors import clusters
from benchmarks.filtered_search.workplace import Workplace, open_workplace

from vitrine.database import Connection, connect

SHOPPERS = 20_000
EVENTS = """
WITH ranked AS MATERIALIZED (
    SELECT c.category_id, array_agg(p.product_id ORDER BY hashint8(p.product_id)) AS products
    FROM product_category c JOIN product p USING (product_id) GROUP BY c.category_id
), session AS MATERIALIZED (
    SELECT s.n, s.shopper, now() - random() * interval '50 days' AS began, random() < 0.33 AS buys,
        1 + (s.shopper * 7 + CASE WHEN random() < 0.6 THEN 0 ELSE 31 END) %% %(categories)s AS taste
    FROM generate_series(1, %(sessions)s) g (n)
    CROSS JOIN LATERAL (SELECT 1 + (power(random(), 1.5) * %(shoppers)s)::integer AS shopper, g.n) s
), seen AS MATERIALIZED (
    SELECT s.*, v.step, r.products[
        1 + (cardinality(r.products) * power(random(), 6))::integer %% cardinality(r.products)
    ] AS product_id
    FROM session s JOIN ranked r ON r.category_id = s.taste
    CROSS JOIN generate_series(1, 4) v (step)
)
INSERT INTO event (action_name, client_id, session_id, object_id, timestamp, order_id)
SELECT a.action, 'u' || s.shopper, 's' || s.n, 'p' || s.product_id,
    s.began + s.step * interval '40 seconds' + a.later,
    CASE a.action WHEN 'purchase' THEN 'o' || s.n END
FROM seen s CROSS JOIN LATERAL (
    SELECT 'view' AS action, interval '0' AS later
    UNION ALL SELECT 'purchase', interval '5 minutes' WHERE s.buys AND s.step <= 2) a
"""
OF_PRODUCT = ("similar_products", "bought_together", "viewed_after", "complete_the_look")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=60_000)
    parser.add_argument("--asked", type=int, default=200)
    parser.add_argument("--postgres", type=int, default=18)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    vectors, queries = clusters(int(options.products * 1.5), 10)
    data = make_dataset("clusters", vectors, queries, several_pictures=True)
    with open_workplace(options.keep, options.postgres, rebuild=False) as place:
        _prepare(place, data, options.sessions)
        with connect(place.url, "vitrine") as connection:
            connection.autocommit = True
            _report(connection, options.asked)


def _prepare(place: Workplace, data: Dataset, sessions: int) -> None:
    engine = VitrineEngine(name="recommendations", place=place)
    engine.build(data)
    with connect(place.url, "vitrine") as connection:
        connection.autocommit = True
        if connection.execute("SELECT EXISTS (SELECT FROM event)").fetchone() == (True,):
            return
        connection.execute("SELECT ensure_partitions((now() - interval '3 months')::date)")
        connection.execute("SELECT setseed(0.5)")
        given = {"sessions": sessions, "categories": CATEGORIES, "shoppers": SHOPPERS}
        began = time.perf_counter()
        connection.execute(EVENTS, given)
        _say("events written", began)
        connection.execute("VACUUM (ANALYZE) event")
        for function in ("tend_co_purchases", "tend_viewed_after", "tend_trends"):
            began, calls = time.perf_counter(), 1
            while connection.execute(f"SELECT {function}()".encode()).fetchone() != (0,):
                calls += 1
            _say(f"{function}, {calls} calls", began)
        began = time.perf_counter()
        connection.execute("SELECT tend_cold_trends(), tend_shares()")
        _say("tend_cold_trends (50 products), tend_shares", began)
        connection.execute("VACUUM (ANALYZE)")


def _say(what: str, began: float) -> None:
    print(f"{what}: {time.perf_counter() - began:.1f} s", flush=True)


def _report(connection: Connection, asked: int) -> None:
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM product), (SELECT count(*) FROM event), "
        "(SELECT count(*) FROM association), (SELECT count(*) FROM trend)"
    ).fetchone()
    print("products, events, associations, trends:", *(f"{n:,}" for n in counts or ()))
    rng = np.random.default_rng(5)
    (products,) = connection.execute("SELECT count(*) FROM product").fetchone() or (0,)
    hot = connection.execute(
        "SELECT 'p' || product_id FROM trend ORDER BY hashint8(product_id) LIMIT %s", (asked,)
    ).fetchall()
    cold = [(f"p{n}",) for n in rng.integers(1, products, asked)]
    clients = [(f"u{n}",) for n in rng.integers(1, SHOPPERS, asked)]
    narrow = f'{{"category": "{department_name(3)}"}}'
    for filters in ("{}", narrow):
        print(f"filters {filters}")
        for function in OF_PRODUCT:
            for name, given in (("with events", hot), ("any", cold)):
                _measure(connection, f"{function}(product)", name, given, filters)
        for function in ("for_you", "new_arrivals"):
            _measure(connection, f"{function}(client)", "shoppers", clients, filters)
        _measure(connection, "for_you(client)", "unknown", [("nobody",)] * 50, filters)
        _measure(connection, "trending(category)", "all", [(None,)] * 50, filters)
        nodes = [(f"category {n}",) for n in rng.integers(0, CATEGORIES, 50)]
        if filters == "{}":
            _measure(connection, "trending(category)", "a category", nodes, filters)


def _measure(
    connection: Connection, call: str, name: str, given: Sequence[tuple[str | None]], filters: str
) -> None:
    function, argument = call.rstrip(")").split("(")
    statement = (
        f"SELECT count(*) FROM {function}({argument} => %s::text, filters => %s::jsonb, k => 12)"
    ).encode()

    def ask(value: str | None) -> int:
        rows = connection.execute(statement, (value, filters), prepare=True).fetchall()
        return int(rows[0][0])

    for (value,) in given[:5]:
        ask(value)
    times, short = [], 0
    for (value,) in given:
        began = time.perf_counter()
        short += ask(value) < 12
        times.append((time.perf_counter() - began) * 1000)
    p50, p95 = np.quantile(times, [0.5, 0.95])
    print(f"  {function:18} {name:12} p50 {p50:6.1f} ms, p95 {p95:6.1f} ms; short {short}")


if __name__ == "__main__":
    main()
