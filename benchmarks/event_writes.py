"""How long one event takes to write, and how many a second come from a file.

    python benchmarks/event_writes.py [--events 5000] [--rows 1000000]

Single writes: `log_event` and `log_query` from one client over a local socket, each its own
transaction, with and without waiting for the disk, then the same inside the database; and a page
of 24 impressions. The history holds 200,000 events before. Bulk: a CSV file of `--rows` events
over a year, once into an empty history and once again.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from temporary_shop import temporary_shop

from vitrine.database import Connection, connect

FILL = """
INSERT INTO event (timestamp, action_name, client_id, session_id, object_id)
SELECT now() - n * interval '10 seconds', 'view', 'u-' || n %% 2000, 's-' || n / 10,
    'P' || n %% 5000
FROM generate_series(1, %s) n"""
INSIDE = """
DO $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    FOR i IN 1 .. 5000 LOOP
        PERFORM log_event('click', 'u-' || i % 2000, 'P' || i % 5000, 's-' || i,
            "position" => 1, propensity => 1);
    END LOOP;
    RAISE NOTICE '%', round(extract(epoch FROM clock_timestamp() - began) * 1000 / 5000, 3);
END $$"""
EVENT = "SELECT log_event('click', %s, %s, %s, \"position\" => 3, propensity => 0.98)"
DATED = """
SELECT log_event('click', %s, %s, %s, event_id => %s, "timestamp" => now() - interval '9 days')"""
UNDATED = "SELECT log_event('click', %s, %s, %s, event_id => %s)"
QUERY = "SELECT log_query('red dress', %s, ARRAY['P1', 'P2', 'P3'], %s, '{\"brand\": \"Acme\"}')"
PAGE = """
SELECT log_page(jsonb_build_object('total', 100, 'hits', (SELECT jsonb_agg(jsonb_build_object(
    'rank', n, 'external_id', 'P' || n, 'why', '{"propensity": 0.9}'::jsonb))
    FROM generate_series(1, 24) n)), 'red dress', %s, %s)"""


def measure(name: str, number: int, one: Callable[[int], object]) -> None:
    for i in range(50):
        one(-i - 1)
    times = []
    for i in range(number):
        began = time.perf_counter()
        one(i)
        times.append((time.perf_counter() - began) * 1000)
    p50, p95, p99 = np.quantile(times, [0.5, 0.95, 0.99])
    print(f"{name:44} p50 {p50:.3f}, p95 {p95:.3f}, p99 {p99:.3f} ms")


def single(connection: Connection, events: int) -> None:
    """Latency of single writes."""

    def who(i: int) -> tuple[str, ...]:
        return f"u-{i % 2000}", f"P{i % 5000}", f"s-{i}"

    run = connection.execute
    for wait in ("on", "off"):
        run(f"SET synchronous_commit = {wait}".encode())
        said = f", synchronous_commit {wait}"
        measure("log_event" + said, events, lambda i: run(EVENT, who(i)))
        measure("log_query" + said, events, lambda i: run(QUERY, who(i)[::2]))

    def ids(name: str) -> Callable[[int], tuple[str, ...]]:
        return lambda i: (*who(i), f"{name}-{i}")

    dated, undated = ids("dated"), ids("undated")
    measure("log_event, own id and date", events, lambda i: run(DATED, dated(i)))
    measure("log_event, own id", events, lambda i: run(UNDATED, undated(i)))
    measure("log_event, one id again and again", events, lambda _: run(UNDATED, undated(0)))
    measure("log_page, 24 impressions", events // 10, lambda i: run(PAGE, who(i)[::2]))
    connection.add_notice_handler(
        lambda notice: print("inside the database", notice.message_primary, "ms")
    )
    run(INSIDE)


def write_file(path: Path, rows: int) -> None:
    """A year of events as a shop exports them."""
    rng = random.Random(1)
    end = datetime.now(UTC).replace(microsecond=0)
    step = timedelta(days=365) / rows
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["event_id", "timestamp", "action_name", "client_id", "object_id", "quantity"]
        )
        for n in range(rows):
            writer.writerow(
                [
                    f"line-{n}",
                    (end - step * (rows - n)).isoformat(),
                    rng.choice(["view", "view", "view", "click", "purchase"]),
                    f"u-{rng.randrange(50_000)}",
                    f"P{rng.randrange(20_000)}",
                    1,
                ]
            )


def bulk(url: str, connection: Connection, rows: int) -> None:
    """Rows a second of a file, new and once again."""
    from vitrine.event_files import import_events

    connection.execute("TRUNCATE event")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        write_file(path, rows)
        for name in ("new", "again"):
            report = import_events(url, "vitrine", path)
            rate = report.rows / report.seconds
            print(f"import, {name}: {report.rows:,} rows in {report.seconds:.1f} s, {rate:,.0f}/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with temporary_shop() as url, connect(url, "vitrine") as connection:
        connection.execute(FILL, (200_000,))
        single(connection, options.events)
        if options.rows:
            bulk(url, connection, options.rows)


if __name__ == "__main__":
    main()
