"""How long analysts' views take on a year of events, rolled up: each by the example of its docs.

    python benchmarks/analysts.py [--events 10000000] [--rounds 5]

Makes a shop of 20,000 products in 40 categories, and searches with impressions, clicks, carts and
purchases over 365 days up to now. Prints the median and the slowest of some rounds of each view,
once with all days rolled up, beside the same counts from the rows themselves.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from typing import Any

import psycopg
from benchmarks.temporary_shop import temporary_shop

PRODUCTS = """
INSERT INTO category (name) SELECT 'c' || n FROM generate_series(1, 40) n;
INSERT INTO product (external_id) SELECT 'p' || n FROM generate_series(1, 20000) n;
INSERT INTO product_category SELECT product_id, (SELECT min(category_id) FROM category) + product_id % 40 FROM product;
"""
# A search has 8 impressions on average 1.3 clicks, 0.5 carts and 0.2 purchases: ten events.
SEARCHES = """
INSERT INTO query (query_id, timestamp, client_id, session_id, user_query, object_ids, query_attributes)
SELECT md5(format('%%s-%%s', %(month)s, n))::uuid, %(since)s + n * %(span)s / %(count)s, 'u' || (hashint4(n) & 65535), NULL,
    CASE WHEN n %% 5 > 0 THEN 'words ' || floor(3000 * power(random(), 3)) END,
    CASE WHEN n %% 50 > 0 THEN ARRAY['p1', 'p2'] ELSE '{}' END, jsonb_build_object('milliseconds', (5 + 20 * random())::numeric(6, 2))
FROM generate_series(1, %(count)s) n
"""
EVENTS = """
INSERT INTO event (timestamp, action_name, query_id, client_id, object_id, position, amount)
SELECT q.timestamp + a.later, a.action, q.query_id, q.client_id, 'p' || (1 + (hashtext(q.query_id::text) + a.place * 31 & 16383)), a.place,
    CASE a.action WHEN 'purchase' THEN (5 + 90 * random())::numeric(6, 2) END
FROM query q CROSS JOIN LATERAL (
    SELECT 'impression' AS action, place, interval '0' AS later FROM generate_series(1, 8) place
    UNION ALL SELECT 'click', 1 + floor(8 * power(random(), 2))::integer, interval '10 seconds' FROM generate_series(1, 2) WHERE random() < 0.65
    UNION ALL SELECT 'add_to_cart', 1 + floor(8 * power(random(), 2))::integer, interval '1 minute' WHERE random() < 0.5
    UNION ALL SELECT 'purchase', 1 + floor(8 * power(random(), 2))::integer, interval '1 hour' WHERE random() < 0.2) a
WHERE q.timestamp >= %(since)s AND q.timestamp < %(since)s + %(span)s AND q.timestamp + a.later < now()
"""
VIEWS = {
    "click_through": "SELECT position, sum(clicks) / sum(impressions) FROM click_through GROUP BY 1",
    "zero_result_query": "SELECT user_query, sum(without_results) FROM zero_result_query GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    "abandoned_query": "SELECT user_query, sum(abandoned), sum(searches) FROM abandoned_query GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    "query_revenue": "SELECT user_query, sum(revenue) FROM query_revenue GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    "category_conversion": "SELECT path, sum(purchases) / sum(clicks) FROM category_conversion GROUP BY 1",
    "slow_query": "SELECT user_query, max(slowest_ms) FROM slow_query GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    "search_funnel": "SELECT date_trunc('month', day), sum(searches), sum(clicked), sum(purchased) FROM search_funnel GROUP BY 1",
    "query_drift": "SELECT * FROM query_drift WHERE week = date_trunc('week', now())::date - 7 ORDER BY abs(change) DESC LIMIT 20",
    "query_drift_weekly": "SELECT * FROM query_drift_weekly ORDER BY week",
}
# The same from the rows, for comparison: what an analyst would write without the views.
PLAIN = {
    "click_through": "SELECT position, count(*) FILTER (WHERE action_name = 'click')::float8 / nullif(count(*) FILTER (WHERE action_name = 'impression'), 0) FROM event GROUP BY 1",
    "query_revenue": "SELECT lower(q.user_query), sum(e.amount) FROM query q JOIN event e USING (query_id) WHERE e.action_name = 'purchase' GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    "search_funnel": "SELECT date_trunc('month', q.timestamp), count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM event e WHERE e.query_id = q.query_id AND e.action_name = 'click')) FROM query q GROUP BY 1",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--postgres", type=int, default=18)
    args = parser.parse_args()
    with (
        temporary_shop(args.postgres) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute("SET search_path = vitrine, public; SET synchronous_commit = off")
        seconds = timed(lambda: fill(connection, args.events))
        (rows,) = connection.execute("SELECT count(*) FROM event").fetchone() or (0,)
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {rows:,} events, {seconds:.0f} s to make"
        )
        began = time.perf_counter()
        days = 0
        while rolled := connection.execute("SELECT tend_rollups(31)").fetchone()[0]:  # type: ignore[index]
            days += rolled
        took = time.perf_counter() - began
        print(f"{days} days rolled up in {took:.0f} s, {1000 * took / days:.0f} ms each")
        for name, query in VIEWS.items():
            report(connection, f"{name}", query, args.rounds)
        for name, query in PLAIN.items():
            report(connection, f"{name}, from the rows", query, 1)


def fill(connection: psycopg.Connection[Any], events: int) -> None:
    connection.execute(PRODUCTS.encode())
    connection.execute("SELECT ensure_partitions((current_date - 366)::date, current_date)")
    for month in range(12):
        values = {
            "month": month,
            "count": events // 120,
            "span": "365 days",
        }
        row = connection.execute(
            "SELECT now() - interval '365 days' + %s * interval '365 days' / 12, interval '365 days' / 12",
            (month,),
        ).fetchone()
        assert row
        values |= {"since": row[0], "span": row[1]}
        connection.execute(SEARCHES, values)
        connection.execute(EVENTS, values)
    connection.execute("VACUUM ANALYZE query, event, product, product_category, category")


def timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report(connection: psycopg.Connection[Any], name: str, query: str, rounds: int) -> None:
    times = [timed(lambda: connection.execute(query.encode()).fetchall()) for _ in range(rounds)]
    print(
        f"{name:36} {1000 * statistics.median(times):9.0f} ms  slowest {1000 * max(times):9.0f} ms"
    )


if __name__ == "__main__":
    main()
