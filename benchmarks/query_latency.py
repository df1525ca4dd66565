"""What an unknown query costs beyond the encoder's own time, idle and while a backfill runs.

    python benchmarks/query_latency.py [--model FOLDER] [--queries 120]

A worker (`vitrine work`, a process of its own) answers `CALL vitrine.encode('…')` for words that
were never asked before, on an embedded PostgreSQL of its own. Idle: calls and the encoder's own
time for the same words, measured in this process, take turns; the figure is the difference of the
medians, and the target is 5 ms. Busy: the same calls while the worker encodes photos; the figure
is the 95th percentile, and the target is 100 ms.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vitrine.database import Connection, connect
from vitrine.embedded import start_embedded, stop_embedded
from vitrine.encoder import load_encoder
from vitrine.migrate import upgrade
from vitrine.worker.threads import calm_waiting

DATA = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[1] / "../shared/data")).resolve()
COLOURS = ["black", "white", "red", "blue", "green", "yellow", "grey", "pink"]
KINDS = ["jacket", "dress", "shoe", "shirt", "bag", "hat", "jeans", "coat", "skirt", "sock"]


def words(number: int) -> str:
    """A query of a few words, another for every number."""
    colour, kind = COLOURS[number % len(COLOURS)], KINDS[number % len(KINDS)]
    return f"{colour} {kind} number {number}"


def ask(connection: Connection, query: str) -> float:
    """Milliseconds until the vector of unknown words is known."""
    began = time.perf_counter()
    connection.execute("CALL encode(%s)", (query,))
    return (time.perf_counter() - began) * 1000


def wait(connection: Connection, condition: str) -> None:
    """Wait until a condition on the database holds."""
    for _ in range(1200):
        if connection.execute(f"SELECT {condition}".encode()).fetchone() == (True,):
            return
        time.sleep(0.1)
    raise SystemExit(f"waited in vain for: {condition}")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def idle(connection: Connection, model: str, count: int) -> None:
    """Calls and the encoder alone, in turn."""
    encoder = load_encoder(model)
    own, called = [], []
    for number in range(-20, count):
        query = words(number + 20)
        began = time.perf_counter()
        encoder.encode_texts([query])
        alone = (time.perf_counter() - began) * 1000
        call = ask(connection, query)
        if number >= 0:  # the first ones warm everything up
            own.append(alone)
            called.append(call)
    added = statistics.median(called) - statistics.median(own)
    print(
        f"idle worker: encoder alone p50 {statistics.median(own):.2f} ms, CALL encode p50 "
        f"{statistics.median(called):.2f} ms, p95 {percentile(called, 0.95):.2f} ms; "
        f"added at p50 {added:.2f} ms (the target is 5)"
    )


def busy(connection: Connection, count: int) -> None:
    """The same calls while photos are being encoded."""
    files = sorted((DATA / "clothing" / "images").iterdir())
    names = [str(file.relative_to(DATA)) for file in files]
    connection.execute("INSERT INTO product (external_id) VALUES ('photos')")
    connection.execute(
        "INSERT INTO image (product_id, uri) SELECT product_id, u "
        "FROM product, unnest(%s::text[]) u",
        (names,),
    )
    wait(connection, "count(*) > 100 FROM image_vector_1")
    called = []
    for number in range(count):
        called.append(ask(connection, words(100_000 + number)))
        time.sleep(0.05)
    wait(connection, "count(*) > 0 FROM image_vector_1")
    left, done = connection.execute(
        "SELECT (SELECT count(*) FROM work_queue), (SELECT count(*) FROM image_vector_1)"
    ).fetchall()[0]
    if not left:
        raise SystemExit("the backfill ended before the queries did; ask for fewer --queries")
    print(
        f"busy worker ({done} photos encoded, {left} left): CALL encode p50 "
        f"{statistics.median(called):.1f} ms, p95 {percentile(called, 0.95):.1f} ms, "
        f"max {max(called):.1f} ms (the target at p95 is 100)"
    )


def main() -> None:
    calm_waiting()  # as `vitrine work` does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--queries", type=int, default=120)
    parser.add_argument("--postgres", type=int, default=18)
    args = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"the photos are missing: no folder {DATA}; set VITRINE_DATA")
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as home:
        url = start_embedded(Path(home), args.postgres)
        upgrade(url)
        settings = {
            "VITRINE_DATABASE_URL": url,
            "VITRINE_MODEL": args.model,
            "VITRINE_IMAGES": str(DATA),
        }
        worker = subprocess.Popen(
            [str(Path(sys.executable).parent / "vitrine"), "work"], env=os.environ | settings
        )
        try:
            with connect(url, "vitrine") as connection:
                wait(connection, "count(*) > 0 FROM worker")
                idle(connection, args.model, args.queries)
                busy(connection, args.queries)
        finally:
            worker.terminate()
            worker.wait()
            stop_embedded(Path(home), args.postgres)


if __name__ == "__main__":
    main()
