"""What a shopper's history costs a search: the same searches with and without it, in turn.

    python -m benchmarks.filtered_search --rows 1000000 --engines vitrine --keep FOLDER
    python benchmarks/rerank_speed.py --keep FOLDER [--queries 300] [--events 100] [--cpu]

Needs a shop that `filtered_search` kept. Shoppers get events on products around one category and a
few others, one of them a million; kinds of search are asked without a client, without one once more
(the noise of the machine), with one of so many events whose history a worker has kept, with one who
did something since then, with one of whom nothing is kept, and with the one of a million, one after
the other, in several rounds. The differences are paired; of each search the median counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vitrine.database import Connection, connect
from vitrine.embedded import start_embedded, stop_embedded
from vitrine.migrate import upgrade

SHOPPERS = 50
FLOOD = "flood"
KEPT, SINCE, NEW = "kept", "since", "new"
NOBODY, AGAIN = "nobody", "nobody again"
SEARCH = (
    "SELECT product_id, why FROM search(terms => %s::jsonb, filters => %s::jsonb, k => 24, "
    "client => %s::text, options => %s::jsonb)"
)
EVENTS = """
INSERT INTO event (action_name, client_id, session_id, object_id, timestamp, quantity)
SELECT (ARRAY['view', 'view', 'click', 'add_to_cart', 'purchase'])[1 + n %% 5],
    %(client)s, %(client)s, p.external_id, now() - %(days)s * interval '1 day' * n / %(events)s, 1
FROM (SELECT n, %(seed)s + n AS seed FROM generate_series(1, %(events)s) n) n
CROSS JOIN LATERAL (
    SELECT CASE WHEN n %% 4 < 3 THEN pc.product_id
        ELSE 1 + mod(abs(hashint8(seed)), %(products)s) END AS product_id
    FROM product_category pc WHERE pc.category_id = 1 + %(seed)s %% 100
      AND pc.product_id >= mod(abs(hashint8(seed + 7)), %(products)s)
    ORDER BY pc.product_id LIMIT 1) c
JOIN product p USING (product_id)
"""


def fill_history(connection: Connection, events: int, flood: int) -> None:
    """Shoppers of so many events over 60 days, and one of a flood of them."""
    row = connection.execute("SELECT count(*) FROM product").fetchone()
    assert row is not None
    connection.execute("SELECT ensure_partitions((now() - interval '70 days')::date)")
    connection.execute("DELETE FROM event")
    for shopper in range(SHOPPERS):
        for kind in (KEPT, SINCE, NEW):
            values = {"client": f"{kind}{shopper}", "seed": shopper, "products": row[0], "days": 60}
            connection.execute(EVENTS.encode(), {**values, "events": events})
    connection.execute(
        "INSERT INTO event (action_name, client_id, object_id, timestamp) "
        "SELECT CASE n %% 3 WHEN 0 THEN 'impression' ELSE 'view' END, %s, p.external_id, "
        "now() - interval '60 days' * n / %s FROM generate_series(1, %s) n "
        "JOIN product p ON p.product_id = 1 + mod(abs(hashint8(n)), %s)",
        (FLOOD, flood, flood, row[0]),
    )
    connection.execute("SELECT tend_shares('0')")
    connection.execute("VACUUM (ANALYZE) event")


def keep_values(connection: Connection) -> None:
    """What a worker that folds the facets has kept of the catalogue; kept shops have none."""
    if connection.execute("SELECT FROM product_value LIMIT 1").fetchone() is None:
        connection.execute(
            "SELECT keep_values(array_agg(b.product_id)) FROM ("
            "SELECT p.product_id, row_number() OVER (ORDER BY p.product_id) / 10000 AS batch "
            "FROM product p) b GROUP BY b.batch"
        )
        connection.execute("VACUUM (ANALYZE) product_value")


def keep_histories(connection: Connection) -> None:
    """What a worker has kept of shoppers who did nothing since."""
    connection.execute("DELETE FROM kept_history")
    for client in (*(f"{k}{n}" for k in (KEPT, SINCE) for n in range(SHOPPERS)), FLOOD):
        connection.execute(
            "SELECT keep_history(%s, s.space_id) FROM space s WHERE s.status = 'active'", (client,)
        )
    connection.execute(
        "INSERT INTO event (action_name, client_id, object_id) "
        "SELECT 'view', %s || n, p.external_id FROM generate_series(0, %s) n "
        "JOIN product p ON p.product_id = 1 + n * 37",
        (SINCE, SHOPPERS - 1),
    )
    connection.execute("VACUUM (ANALYZE) kept_history")


def searches(connection: Connection, queries: int) -> dict[str, list[tuple[str | None, str]]]:
    """By kind: terms and filters."""
    rows = connection.execute(
        "SELECT key FROM query_vector WHERE kind = 'image' ORDER BY key LIMIT %s", (queries,)
    ).fetchall()
    pictures = [json.dumps([{"image": key}]) for (key,) in rows]
    paths = connection.execute(
        "SELECT path FROM category ORDER BY category_id LIMIT 100"
    ).fetchall()
    in_category = [
        json.dumps({"category": paths[number % len(paths)][0]}) for number in range(len(pictures))
    ]
    return {
        "picture": [(picture, "{}") for picture in pictures],
        "picture in a category": list(zip(pictures, in_category, strict=True)),
        "browsing": [(None, "{}") for _ in pictures],
    }


def timed(
    connection: Connection, asked: tuple[str | None, str], client: str | None, *, by_cpu: bool
) -> float:
    """Milliseconds of one search: of the clock, or those that its server process ran."""
    spent = Path(f"/proc/{connection.info.backend_pid}/schedstat")

    def now() -> float:
        return int(spent.read_text().split()[0]) / 1e6 if by_cpu else time.perf_counter() * 1000

    began = now()
    connection.execute(SEARCH, (*asked, client, "{}"), prepare=True).fetchall()
    return now() - began


def stages(
    connection: Connection, asked: tuple[str | None, str], client: str
) -> Mapping[str, Any] | None:
    """What one personal search says of itself."""
    row = connection.execute(SEARCH, (*asked, client, '{"explain": true}')).fetchone()
    return None if row is None else dict(row[1]["search"])


def shopper(client: str, number: int) -> str | None:
    """The id that a search is asked with."""
    if client in (NOBODY, AGAIN):
        return None
    return client if client == FLOOD else f"{client}{number % SHOPPERS}"


def measure(
    connection: Connection, asked: list[tuple[str | None, str]], rounds: int, *, by_cpu: bool
) -> str:
    """Milliseconds of each, and what history adds to the same search.

    Of each search the median of its rounds counts, which leaves out what the machine does beside;
    of the single runs the p95 is said too.
    """
    clients = [NOBODY, AGAIN, KEPT, SINCE, NEW, FLOOD]
    times = {client: np.empty((rounds, len(asked))) for client in clients}
    for turn in range(-1, rounds):  # the first time warms
        for number, one in enumerate(asked):
            for place in range(len(clients)):  # whoever comes first finds colder caches
                client = clients[(turn + number + place) % len(clients)]
                took = timed(connection, one, shopper(client, number), by_cpu=by_cpu)
                if turn >= 0:
                    times[client][turn, number] = took
    base = np.median(times[NOBODY], axis=0)
    lines = [f"  without a history  p50 {np.median(base):6.2f}  p95 {np.quantile(base, 0.95):6.2f}"]
    for client in clients[1:]:
        own = np.median(times[client], axis=0)
        single = times[client] - times[NOBODY]
        added = np.median(single, axis=0)
        lines.append(
            f"  {client:18} p50 {np.median(own):6.2f}  p95 {np.quantile(own, 0.95):6.2f}   "
            f"adds p50 {np.median(added):5.2f}, p95 {np.quantile(added, 0.95):5.2f}; "
            f"single runs p95 {np.quantile(single, 0.95):5.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, required=True, help="a kept shop's folder")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5, help="of each search")
    parser.add_argument("--events", type=int, default=100, help="of each shopper")
    parser.add_argument("--flood", type=int, default=1_000_000, help="events of one shopper")
    parser.add_argument("--filled", action="store_true", help="the events of the last run")
    parser.add_argument("--cpu", action="store_true", help="processor time, on a busy machine")
    options = parser.parse_args()
    url = start_embedded(options.keep, 18)
    try:
        upgrade(url)
        with connect(url, "vitrine") as connection:
            if not options.filled:
                fill_history(connection, options.events, options.flood)
            keep_values(connection)
            keep_histories(connection)
            for kind, asked in searches(connection, options.queries).items():
                print(f"{kind} ({len(asked)} searches, milliseconds)")
                print(measure(connection, asked, options.rounds, by_cpu=options.cpu))
                print(" ", stages(connection, asked[0], f"{KEPT}0"), flush=True)
    finally:
        stop_embedded(options.keep, 18)


if __name__ == "__main__":
    main()
