"""How well recommendations foresee what real households buy next, beside popularity.

    python -m benchmarks.next_basket [--households 400] [--baskets 2000]

The grocery histories of the shared data (VITRINE_DATA, default ../shared/data): no pictures, so
that interests are kinds of things and everything else comes from what is bought together. Events
before the 80 % quantile of all timestamps are written, moved so that the cut is now. `for_you` is
judged by the first day after the cut on which a household buys, `bought_together` by the rest of
baskets after the cut, asked with one product of each. Intervals: bootstrap over households.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from benchmarks.temporary_shop import temporary_shop

from vitrine.database import Connection, connect

K = 20


@dataclass(frozen=True, kw_only=True)
class Purchase:
    household: str
    product: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Case:
    household: str
    wanted: set[str]
    asked: str = ""


def folder() -> Path:
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    found = Path(os.environ.get("VITRINE_DATA", default)) / "groceries_histories"
    if not found.is_dir():
        raise SystemExit(f"the shared data are missing: no folder {found}; set VITRINE_DATA")
    return found


def read_purchases() -> list[Purchase]:
    with (folder() / "transactions.csv").open(encoding="utf-8") as file:
        return [
            Purchase(
                household=row["household_id"],
                product=row["product_id"],
                at=datetime.fromisoformat(row["transaction_timestamp"]).replace(tzinfo=UTC),
            )
            for row in csv.DictReader(file)
        ]


def fill(connection: Connection, before: Sequence[Purchase], cut: datetime) -> None:
    """Products with their three levels of categories, popularity and events up to the cut."""
    with (folder() / "products.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sold = Counter(purchase.product for purchase in before)
    nodes: dict[tuple[str, ...], int] = {}
    places: list[tuple[str, str | None, int, tuple[str, ...]]] = []
    for row in rows:
        names = [row["department"], row["product_category"], row["product_type"]]
        path = tuple(name.strip() for name in names if name.strip())
        for depth in range(1, len(path) + 1):
            if path[:depth] not in nodes:
                made = connection.execute(
                    "INSERT INTO category (name, parent_id) VALUES (%s, %s) RETURNING category_id",
                    (path[depth - 1], nodes.get(path[: depth - 1])),
                ).fetchone()
                assert made is not None
                nodes[path[:depth]] = made[0]
        places.append((row["product_id"], row["brand"] or None, sold[row["product_id"]], path))
    columns = [list(column) for column in zip(*places, strict=True)]
    connection.execute(
        "INSERT INTO product (external_id, brand, popularity) "
        "SELECT * FROM unnest(%s::text[], %s::text[], %s::real[])",
        columns[:3],
    )
    connection.execute(
        "INSERT INTO product_category SELECT p.product_id, n.category_id "
        "FROM unnest(%s::text[], %s::bigint[]) n (external_id, category_id) "
        "JOIN product p USING (external_id) WHERE n.category_id IS NOT NULL",
        (columns[0], [nodes.get(path) for path in columns[3]]),
    )
    connection.execute("SELECT ensure_partitions((now() - interval '1 year')::date)")
    moved = datetime.now(UTC) - cut
    with connection.cursor().copy(
        "COPY event (action_name, client_id, object_id, timestamp) FROM STDIN"
    ) as copy:
        for purchase in before:
            copy.write_row(("purchase", purchase.household, purchase.product, purchase.at + moved))
    connection.execute("ANALYZE")
    for function in ("tend_co_purchases", "tend_trends"):
        while connection.execute(f"SELECT {function}()".encode()).fetchone() != (0,):
            pass


def baskets(purchases: Sequence[Purchase]) -> dict[tuple[str, object], set[str]]:
    found: dict[tuple[str, object], set[str]] = defaultdict(set)
    for purchase in purchases:
        found[purchase.household, purchase.at.date()].add(purchase.product)
    return found


def measures(answer: Sequence[str], wanted: set[str]) -> tuple[float, float]:
    """Recall and nDCG of the first K."""
    gains = [1 / np.log2(place + 2) for place, name in enumerate(answer[:K]) if name in wanted]
    best = sum(1 / np.log2(place + 2) for place in range(min(K, len(wanted))))
    return len(gains) / len(wanted), sum(gains) / best


def judge(
    name: str, cases: Sequence[Case], systems: Mapping[str, Callable[[Case], Sequence[str]]]
) -> None:
    """Print a table; the differences are to the first system."""
    rng = np.random.default_rng(1)
    households = sorted({case.household for case in cases})
    index = {household: number for number, household in enumerate(households)}
    of = np.array([index[case.household] for case in cases])
    print(f"{name}: {len(cases)} cases of {len(households)} households")
    first: np.ndarray | None = None
    for system, answer in systems.items():
        values = np.array([measures(answer(case), case.wanted) for case in cases])
        first = values if first is None else first
        means = np.array([values[of == n].mean(0) for n in range(len(households))])
        gains = np.array([(values - first)[of == n].mean(0) for n in range(len(households))])
        picks = rng.integers(0, len(households), (2000, len(households)))
        low, high = np.quantile(gains[picks].mean(1), [0.025, 0.975], axis=0)
        print(
            f"  {system:24} recall@{K} {means.mean(0)[0]:.4f}  nDCG@{K} {means.mean(0)[1]:.4f}  "
            f"difference of nDCG {gains.mean(0)[1]:+.4f} ({low[1]:+.4f} to {high[1]:+.4f})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--households", type=int, default=400)
    parser.add_argument("--baskets", type=int, default=2000)
    options = parser.parse_args()
    purchases = sorted(read_purchases(), key=lambda purchase: purchase.at)
    cut = purchases[int(0.8 * len(purchases))].at
    before = [purchase for purchase in purchases if purchase.at < cut]
    after = [purchase for purchase in purchases if purchase.at >= cut]
    bought: dict[str, set[str]] = defaultdict(set)
    for purchase in before:
        bought[purchase.household].add(purchase.product)
    popular = [name for name, _ in Counter(purchase.product for purchase in before).most_common()]
    with (folder() / "products.csv").open(encoding="utf-8") as file:
        listed = {row["product_id"] for row in csv.DictReader(file)}
    known = set(popular) & listed
    next_ones: dict[str, set[str]] = {}
    for (household, _), basket in sorted(baskets(after).items(), key=lambda item: item[0][1]):
        next_ones.setdefault(household, basket & known)
    cases = [
        Case(household=household, wanted=wanted)
        for household, wanted in sorted(next_ones.items())
        if wanted and household in bought
    ]
    rng = random.Random(7)
    cases = rng.sample(cases, min(options.households, len(cases)))
    new = [
        Case(household=case.household, wanted=case.wanted - bought[case.household])
        for case in cases
        if case.wanted - bought[case.household]
    ]
    pairs = []
    for (household, _), basket in sorted(baskets(after).items(), key=str):
        for asked in sorted(basket & known):
            if basket & known - {asked}:
                wanted = basket & known - {asked}
                pairs.append(Case(household=household, wanted=wanted, asked=asked))
    pairs = rng.sample(pairs, min(options.baskets, len(pairs)))
    with temporary_shop() as url, connect(url, "vitrine") as connection:
        connection.autocommit = True
        fill(connection, before, cut)
        answers: dict[tuple[str, str], list[str]] = {}

        def ask(function: str, value: str) -> list[str]:
            if (function, value) not in answers:
                rows = connection.execute(
                    f"SELECT external_id FROM {function} ORDER BY rank".encode(), (value,)
                ).fetchall()
                answers[function, value] = [name for (name,) in rows]
            return answers[function, value]

        for_you = f"for_you(%s, k => {K})"
        judge("the next basket", cases, {
            "popularity": lambda _: popular[:K],
            "for_you": lambda case: ask(for_you, case.household),
        })  # fmt: skip
        judge("what is new to the household in it", new, {
            "popularity, new": lambda case: [
                name for name in popular if name not in bought[case.household]
            ][:K],
            "for_you, new": lambda case: [
                name
                for name in ask("for_you(%s, k => 100)", case.household)
                if name not in bought[case.household]
            ][:K],
        })  # fmt: skip
        judge("the rest of a basket", pairs, {
            "popularity": lambda case: [n for n in popular[: K + 1] if n != case.asked][:K],
            "bought_together": lambda case: ask(f"bought_together(%s, k => {K})", case.asked),
        })  # fmt: skip


if __name__ == "__main__":
    main()
