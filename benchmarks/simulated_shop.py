"""Whether personal search serves 2,000 shoppers with known tastes, and harms nobody without one.

    python -m benchmarks.simulated_shop [--shoppers 2000] [--sample 400] [--seed 7]
        [--weights '{"taste": 0}']

The demo's products (their values, no pictures) in three shops: in one the simulated shoppers'
clicks, carts and purchases as they were, in the others the same dealt out anew among the shoppers,
one by one and by whole pages. For each: nDCG@10 by true preference of the page of a top category,
with the history and without, and the correlation of what was learned with the true taste.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.temporary_shop import temporary_shop

from vitrine.catalogue import ImportOptions, import_catalogue
from vitrine.database import Connection, connect
from vitrine.demo.products import products
from vitrine.demo.shop import write_catalogue
from vitrine.events import Event
from vitrine.simulation import (
    Verdict,
    draw_shoppers,
    judge,
    read_assortment,
    recovered,
    shuffled,
    shuffled_pages,
    visits,
    write_popularity,
    write_visits,
)

SCHEMA = "vitrine"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shoppers", type=int, default=2_000)
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--weights", type=json.loads, help="instead of the shop's own")
    parser.add_argument("--postgres", type=int, default=18)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for prefix in ("", "shuffled-", "pages-"):
        with temporary_shop(args.postgres) as url, connect(url, SCHEMA) as connection:
            fill(url)
            assortment = read_assortment(connection)
            shoppers = draw_shoppers(assortment, args.shoppers, seed=args.seed)
            events = list(visits(assortment, shoppers, datetime.now(UTC), seed=args.seed))
            write_popularity(connection, events)
            settle(connection, history(events, prefix), args.weights)
            weights = connection.execute("SELECT personal_weights()").fetchone()
            print(f"{prefix or 'own '}histories: {len(events):,} events; {weights}")
            served = judge(connection, assortment, shoppers, sample=args.sample, prefix=prefix)
            print(f"  nDCG@10 {served.general:.4f} general, {served.personal:.4f} personal")
            print(f"  gain {shown(served.gain, 100, ' %')}")
            found = recovered(connection, assortment, shoppers, sample=args.sample, prefix=prefix)
            print(f"  correlation with true taste {shown(found, 1, '')}", flush=True)


def fill(url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "products.csv"
        write_catalogue(file, tuple(products()))
        import_catalogue(url, SCHEMA, file, ImportOptions(preset="magento", currency="USD"))


def history(events: Sequence[Event], prefix: str) -> list[Event]:
    """Without impressions, which say nothing of a shopper's taste."""
    if prefix == "pages-":
        events = list(shuffled_pages(events, prefix=prefix))
    said = [event for event in events if event["action_name"] != "impression"]
    return list(shuffled(said, prefix=prefix)) if prefix == "shuffled-" else said


def settle(connection: Connection, events: Sequence[Event], weights: object) -> None:
    write_visits(connection, SCHEMA, events)
    connection.execute("SELECT tend_shares('0 seconds')")
    if weights:
        connection.execute(
            "INSERT INTO rerank_weights (weights, active) VALUES (%s, true)", (json.dumps(weights),)
        )
    connection.execute("ANALYZE")


def shown(verdict: Verdict, unit: float, sign: str) -> str:
    low, high = unit * verdict.low, unit * verdict.high
    return f"{unit * verdict.mean:+.2f}{sign} [{low:+.2f}, {high:+.2f}]"


if __name__ == "__main__":
    main()
