"""The households' purchases, cut in time: what is known before, and the cases that are judged."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

__all__ = ["Case", "Goods", "Histories", "Purchase", "read_histories"]

LEAST_CANDIDATES = 20


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """A line of a receipt."""

    household: str
    product: str
    quantity: float
    amount: float
    moment: datetime


@dataclass(frozen=True, kw_only=True)
class Goods:
    """What is known of a product; empty where it is not."""

    department: str
    brand: str
    category: str
    kind: str  # the product_type
    size: str
    manufacturer: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """A household that buys in a category after the cut: what it bought, and had bought before."""

    household: str
    category: str
    bought: frozenset[str]
    known: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Histories:
    """All before `cut`, and what came after it."""

    cut: datetime
    goods: Mapping[str, Goods]  # those with a category that were sold before the cut
    before: Sequence[Purchase]
    after: Sequence[Purchase]
    kinds: Mapping[str, str]  # of every product whose kind is known, sold before the cut or not
    sold: Mapping[str, int]  # lines of receipts before the cut
    prices: Mapping[str, float]  # the median of what one cost before the cut

    def candidates(self) -> dict[str, list[str]]:
        """The products of each category that has enough of them."""
        found: dict[str, list[str]] = defaultdict(list)
        for product, goods in self.goods.items():
            found[goods.category].append(product)
        return {name: each for name, each in found.items() if len(each) >= LEAST_CANDIDATES}

    def cases(self) -> list[Case]:
        """One for each household and category with something to find; those in order."""
        judged = self.candidates()
        known: dict[str, set[str]] = defaultdict(set)
        bought: dict[tuple[str, str], set[str]] = defaultdict(set)
        for line in self.before:
            known[line.household].add(line.product)
        for line in self.after:
            goods = self.goods.get(line.product)
            if goods and goods.category in judged:
                bought[line.household, goods.category].add(line.product)
        return [
            Case(
                household=household,
                category=category,
                bought=frozenset(products),
                known=frozenset(known[household].intersection(judged[category])),
            )
            for (household, category), products in sorted(bought.items())
        ]


def read_histories(folder: Path, quantile: float = 0.8) -> Histories:
    """Read `products.csv` and `transactions.csv` of the folder."""
    with (folder / "transactions.csv").open(newline="") as file:
        lines = [
            Purchase(
                household=row["household_id"],
                product=row["product_id"],
                quantity=float(row["quantity"]),
                amount=float(row["sales_value"]),
                moment=datetime.fromisoformat(row["transaction_timestamp"]).replace(tzinfo=UTC),
            )
            for row in csv.DictReader(file)
        ]
    moment = np.quantile([line.moment.timestamp() for line in lines], quantile)
    cut = datetime.fromtimestamp(float(moment), UTC)
    before = [line for line in lines if line.moment < cut]
    sold = Counter(line.product for line in before)
    return Histories(
        cut=cut,
        goods=_read_goods(folder / "products.csv", sold),
        kinds=_read_kinds(folder / "products.csv"),
        before=before,
        after=[line for line in lines if line.moment >= cut],
        sold=sold,
        prices=_prices(before),
    )


def _prices(lines: Iterable[Purchase]) -> dict[str, float]:
    """Of what was given away or returned nothing is known."""
    paid: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        if line.quantity > 0 and line.amount > 0:
            paid[line.product].append(line.amount / line.quantity)
    return {product: float(np.median(each)) for product, each in paid.items()}


def _read_kinds(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return {
            row["product_id"]: row["product_type"]
            for row in csv.DictReader(file)
            if row["product_type"]
        }


def _read_goods(path: Path, sold: Mapping[str, int]) -> dict[str, Goods]:
    with path.open(newline="") as file:
        return {
            row["product_id"]: Goods(
                department=row["department"],
                brand=row["brand"],
                category=row["product_category"],
                kind=row["product_type"],
                size=" ".join(row["package_size"].split()),
                manufacturer=row["manufacturer_id"],
            )
            for row in csv.DictReader(file)
            if row["product_id"] in sold and row["product_category"]
        }
