"""How long analysts' views take on a year of events: each by the example of docs/analysts.md.

    python -m benchmarks.analysts [--events 10000000] [--rounds 5]

Makes a shop of 20,000 products in 40 categories, and 365 days of searches with impressions, clicks,
carts and purchases up to now. Prints the median and the slowest of some rounds of each example,
once all days are rolled up, beside three of the questions asked of the rows themselves.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from benchmarks.temporary_shop import temporary_shop

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "analysts.md"
PRODUCTS = """
INSERT INTO category (name) SELECT 'c' || n FROM generate_series(1, 40) n;
INSERT INTO product (external_id) SELECT 'p' || n FROM generate_series(1, 20000) n;
INSERT INTO product_category
SELECT product_id, (SELECT min(category_id) FROM category) + product_id % 40 FROM product;
SELECT ensure_partitions((current_date - 366)::date, current_date);
"""
MONTH = "SELECT now() + (%s - 12) * interval '365 days' / 12, interval '365 days' / 12"


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
        made = timed(lambda: fill(connection, args.events))
        rows = one(connection, "SELECT count(*) FROM event")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{rows:,} events made in {made:.0f} s")
        roll_up(connection)
        examples = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        for query in ";\n".join(examples).split(";\n"):
            if query.strip():
                report(connection, query, args.rounds)
        print("from the rows")
        for query in (HERE / "rows.sql").read_text(encoding="utf-8").split(";\n"):
            report(connection, query, 1)


def fill(connection: psycopg.Connection[Any], events: int) -> None:
    connection.execute(PRODUCTS.encode())
    statements = (HERE / "year.sql").read_text(encoding="utf-8").split(";\n")
    for month in range(12):
        since, span = connection.execute(MONTH, (month,)).fetchone() or (None, None)
        values = {"since": since, "span": span, "count": events // 120}
        for statement in statements:
            connection.execute(statement.encode(), values)
    connection.execute("VACUUM ANALYZE query, event, product, product_category, category")


def roll_up(connection: psycopg.Connection[Any]) -> None:
    days = 0
    began = time.perf_counter()
    while rolled := one(connection, "SELECT tend_rollups(31)"):
        days += rolled
    took = time.perf_counter() - began
    print(f"{days} days rolled up in {took:.0f} s, {1000 * took / days:.0f} ms each")
    connection.execute("VACUUM ANALYZE query_day, position_day, category_day, rollup_day")


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report(connection: psycopg.Connection[Any], query: str, rounds: int) -> None:
    name = (re.findall(r"FROM (?:vitrine\.)?(\w+)", query) or ["?"])[0]
    times = [timed(lambda: connection.execute(query.encode()).fetchall()) for _ in range(rounds)]
    print(
        f"  {name:22} median {1000 * statistics.median(times):7.0f} ms"
        f"  slowest {1000 * max(times):7.0f} ms"
    )


if __name__ == "__main__":
    main()
