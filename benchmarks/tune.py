"""Whether `vitrine tune` learns from true histories, and learns nothing from shuffled ones.

    python -m benchmarks.tune [--shoppers 2000] [--pages 10000] [--seeds 3] [--sample 400]

The simulated shop of `benchmarks.simulated_shop`, every page logged with its impressions: in one
shop as they were, in the other dealt out anew among the shoppers, page by page, so that what was
chosen stays beside what it was chosen from but no history says anything of it. Weights are fitted
and judged on held-out shoppers as `vitrine tune` does, for several seeds (which shoppers judge, and
which pages are drawn); then the page of a category is judged by true preference with the weights
in force and with those of the first seed, kept by the same rule or not.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from benchmarks.simulated_shop import SCHEMA, fill, shown
from benchmarks.temporary_shop import temporary_shop

from vitrine.database import Connection, connect
from vitrine.evaluate.table import interval_text
from vitrine.evaluate.tuning import Tuned, tune
from vitrine.events import Event
from vitrine.shop import connect as connect_shop
from vitrine.simulation import (
    Assortment,
    Shoppers,
    draw_shoppers,
    judge,
    read_assortment,
    shuffled_pages,
    visits,
    write_popularity,
    write_searches,
    write_visits,
)

DAYS = 60


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shoppers", type=int, default=2_000)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--postgres", type=int, default=18)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    until = datetime.now(UTC)
    for prefix in ("", "shuffled-"):
        with temporary_shop(args.postgres) as url, connect(url, SCHEMA) as connection:
            fill(url)
            assortment = read_assortment(connection)
            shoppers = draw_shoppers(assortment, args.shoppers)
            events = list(visits(assortment, shoppers, until, days=DAYS))
            write_popularity(connection, events)
            settle(connection, assortment, dealt(events, prefix))
            print(f"{prefix or 'own '}histories: {len(events):,} events", flush=True)
            found = [fitted(url, until, args.pages, seed) for seed in range(args.seeds)]
            for name, weights in (
                ("in force", None),
                ("fitted", found[0].fitted.weights),
            ):
                say_truth(connection, assortment, shoppers, name, weights, args.sample, prefix)


def dealt(events: Sequence[Event], prefix: str) -> Sequence[Event]:
    return list(shuffled_pages(events, prefix=prefix)) if prefix else events


def settle(connection: Connection, assortment: Assortment, events: Sequence[Event]) -> None:
    write_visits(connection, SCHEMA, events)
    write_searches(connection, assortment, events)
    connection.execute("SELECT tend_shares('0 seconds')")
    connection.execute("ANALYZE")


def fitted(url: str, until: datetime, pages: int, seed: int) -> Tuned:
    with connect_shop(url, schema=SCHEMA) as shop:
        found = tune(
            shop, since=until - timedelta(days=DAYS + 1), until=until, most=pages, seed=seed
        )
    print(f"  seed {seed}: {found.pages:,} pages of {found.shoppers:,} held-out shoppers")
    for trial in found.trials:
        difference = "" if trial.difference is None else interval_text(trial.difference)
        weights = " ".join(f"{name} {value:.2f}" for name, value in trial.weights.items() if value)
        print(f"    {trial.name:10} nDCG@10 {interval_text(trial.ndcg)} {difference:26} {weights}")
    print(f"    {'kept' if found.wins else 'not kept'}", flush=True)
    return found


def say_truth(
    connection: Connection,
    assortment: Assortment,
    shoppers: Shoppers,
    name: str,
    weights: object,
    sample: int,
    prefix: str,
) -> None:
    """By true preference, against the page without history; the weights are put in force."""
    if weights:
        connection.execute(
            "INSERT INTO rerank_weights (weights, active) VALUES (%s, true)", (json.dumps(weights),)
        )
    served = judge(connection, assortment, shoppers, sample=sample, prefix=prefix)
    print(
        f"  {name}: by true preference {served.personal:.4f} against {served.general:.4f}, "
        f"{shown(served.gain, 100, ' %')}",
        flush=True,
    )


if __name__ == "__main__":
    main()
