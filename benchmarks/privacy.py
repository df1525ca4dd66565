"""What the guard of forgetting costs a write, and how long forgetting takes.

    python benchmarks/privacy.py [--events 1000000]

Writes: with the trigger and without, in turns, in one session: single events first, then statements
of many rows, whose plans were made for the single ones. With opt-outs, 20,000 shoppers have opted
out. Forgetting: of a shopper with 100 events, and of one with a tenth of all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from temporary_shop import temporary_shop

from vitrine.database import Connection, connect

ONE = "INSERT INTO event (action_name, client_id, session_id, object_id) VALUES (%s, %s, %s, %s)"
MANY = """
    INSERT INTO event (action_name, client_id, session_id, object_id)
    SELECT 'bench', 'u-' || n %% %s, 's-' || n / 10, 'P' || n %% 5000
    FROM generate_series(1, %s) n"""
FILL = """
    INSERT INTO event (timestamp, action_name, client_id, session_id, object_id, event_attributes)
    SELECT now() - n %% 25 * interval '1 day', 'view',
        CASE WHEN n %% 10 = 0 THEN 'u-heavy' WHEN n %% 10000 = 1 THEN 'u-light'
            ELSE 'u-' || n %% 50000 END,
        's-' || n / 10, 'P' || n %% 5000, '{"page": "category"}'
    FROM generate_series(1, %s) n"""


def copied(connection: Connection, rows: int) -> None:
    statement = "COPY event (action_name, client_id, session_id, object_id) FROM STDIN"
    lines = (f"bench\tu-{n % 20_000}\ts-{n // 10}\tP{n % 5000}\n" for n in range(rows))
    text = "".join(lines)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text)


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def writes(connection: Connection, label: str) -> None:
    run = connection.execute
    run("SET synchronous_commit = off")
    single: dict[str, list[float]] = {"ENABLE": [], "DISABLE": []}
    rates: dict[tuple[str, str], list[float]] = {}
    bulk: dict[str, tuple[int, Callable[[], object]]] = {
        "1,000 rows of 300 shoppers": (1_000, lambda: run(MANY, (300, 1_000))),
        "100,000 rows of 20,000 shoppers": (100_000, lambda: run(MANY, (20_000, 100_000))),
        "COPY of 100,000 rows": (100_000, lambda: copied(connection, 100_000)),
    }
    for _ in range(2):
        for state, times in single.items():
            run(f"ALTER TABLE event {state} TRIGGER shopper_guard".encode())
            for n in range(2_000):
                values = ("bench", f"u-{n % 2000}", f"s-{n}", f"P{n}")
                times.append(1e6 * seconds(partial(run, ONE, values)))
            for name, (rows, write) in bulk.items():
                rates.setdefault((name, state), []).append(rows / seconds(write))
    for name, p in {"p50": 0.5, "p95": 0.95}.items():
        on, off = (np.quantile(single[state], p) for state in ("ENABLE", "DISABLE"))
        print(f"{label}: one event {name} {on:.0f} µs with the guard, {off:.0f} without")
    for name in bulk:
        on, off = (np.median(rates[name, state]) for state in ("ENABLE", "DISABLE"))
        print(f"{label}: {name}: {on:,.0f} rows/s with the guard, {off:,.0f} without")


def forgetting(connection: Connection, events: int) -> None:
    connection.execute("TRUNCATE event")
    connection.execute(FILL, (events,))
    connection.execute("ANALYZE event")
    for client in ("u-light", "u-heavy"):
        for function in ("traces", "export_client", "forget", "traces"):
            statement = f"SELECT count(*) FROM {function}(%s)".encode()
            took = seconds(partial(connection.execute, statement, (client,)))
            print(f"{events:,} events: {function}('{client}') {took:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with temporary_shop() as url, connect(url, "vitrine") as connection:
        connection.autocommit = True
        writes(connection, "no opt-outs")
        connection.execute(
            "INSERT INTO opt_out SELECT shopper_hash('co-' || n) FROM generate_series(1, 20000) n"
        )
        writes(connection, "20,000 opt-outs")
        forgetting(connection, arguments.events)


if __name__ == "__main__":
    main()
