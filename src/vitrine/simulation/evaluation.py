"""Whether personal search serves simulated shoppers better, judged by their true tastes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.database import Connection
from vitrine.simulation.assortment import Assortment
from vitrine.simulation.tastes import Shoppers

__all__ = ["Served", "Verdict", "judge", "recovered"]

K = 10
RESAMPLES = 2_000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A mean over shoppers and its interval of 95 %, by resampling shoppers."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Served:
    """nDCG@10 by true taste, with the history and without; `gain` is their relative difference."""

    personal: float
    general: float
    gain: Verdict


def judge(
    connection: Connection,
    assortment: Assortment,
    shoppers: Shoppers,
    *,
    sample: int = 200,
    seed: int = 7,
    prefix: str = "",
) -> Served:
    """Ask for a page of a category for some shoppers, with their history and without.

    With a `prefix` the histories are those of the shoppers of these names.
    """
    rng = np.random.default_rng([seed, 3])
    chosen = rng.choice(len(shoppers.clients), min(sample, len(shoppers.clients)), replace=False)
    numbers = {name: place for place, name in enumerate(assortment.external_ids)}
    utility = shoppers.utility
    scores = []
    for shopper in chosen:
        shelf = int(rng.choice(len(assortment.paths), p=shoppers.interests[shopper]))
        gains = np.where(assortment.shelves == shelf, np.exp(utility[shopper]), 0)
        client = prefix + shoppers.clients[shopper]
        pages = [_page(connection, assortment.paths[shelf], who) for who in (client, None)]
        scores.append([_ndcg([numbers[name] for name in page], gains) for page in pages])
    pairs = np.array(scores)
    return Served(
        personal=float(pairs[:, 0].mean()),
        general=float(pairs[:, 1].mean()),
        gain=_relative(pairs, rng),
    )


def recovered(
    connection: Connection,
    assortment: Assortment,
    shoppers: Shoppers,
    *,
    sample: int = 200,
    seed: int = 7,
    prefix: str = "",
) -> Verdict:
    """The correlation of what was learned of a shopper with the true taste, over some products."""
    rng = np.random.default_rng([seed, 4])
    chosen = rng.choice(len(shoppers.clients), min(sample, len(shoppers.clients)), replace=False)
    found = []
    for shopper in chosen:
        some = rng.choice(len(assortment), min(100, len(assortment)), replace=False)
        learned = _learned(
            connection, prefix + shoppers.clients[shopper], assortment.product_ids[some]
        )
        truth = shoppers.tastes[shopper, some]
        found.append(np.corrcoef(learned, truth)[0, 1] if learned.std() > 0 else 0.0)
    means = np.array(found)[rng.integers(len(found), size=(RESAMPLES, len(found)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Verdict(mean=float(np.mean(found)), low=float(low), high=float(high))


def _page(connection: Connection, path: str, client: str | None) -> Sequence[str]:
    rows = connection.execute(
        "SELECT external_id FROM search(filters => %s, k => %s, client => %s) ORDER BY rank",
        (json.dumps({"category": path}), K, client),
    )
    return [str(row[0]) for row in rows]


def _learned(
    connection: Connection, client: str, product_ids: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What values and looks say, each as its weight counts it."""
    rows = connection.execute(
        "SELECT f.attributes * (w.weights ->> 'attributes')::float8 "
        "+ f.taste * (w.weights ->> 'taste')::float8 "
        "FROM personal_features(%s, NULL, %s::bigint[]) f "
        "CROSS JOIN personal_weights() w (weights) "
        "ORDER BY array_position(%s::bigint[], f.product_id)",
        (client, product_ids.tolist(), product_ids.tolist()),
    )
    return np.array([float(row[0]) for row in rows])


def _ndcg(page: Sequence[int], gains: NDArray[np.float64]) -> float:
    discounts = 1 / np.log2(np.arange(2, K + 2))
    best = np.sort(gains)[::-1][:K]
    return float(gains[page] @ discounts[: len(page)] / (best @ discounts[: len(best)]))


def _relative(pairs: NDArray[np.float64], rng: np.random.Generator) -> Verdict:
    means = pairs[rng.integers(len(pairs), size=(RESAMPLES, len(pairs)))].mean(1)
    low, high = np.quantile(means[:, 0] / means[:, 1] - 1, [0.025, 0.975])
    mean = pairs[:, 0].mean() / pairs[:, 1].mean() - 1
    return Verdict(mean=float(mean), low=float(low), high=float(high))
