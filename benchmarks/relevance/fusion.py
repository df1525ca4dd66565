"""Judged queries: what each arm finds alone, what the arms find together, with which weights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.relevance.hiding import hidden_keys, stems
from benchmarks.relevance.judgements import Query, make_queries
from benchmarks.relevance.magento import Style, read_related, read_styles
from benchmarks.relevance.measures import interval, ndcg
from benchmarks.relevance.products import halves, make_products
from benchmarks.relevance.shop import fill_shop, stemmer, write_products
from benchmarks.temporary_shop import temporary_shop
from numpy.typing import NDArray

import vitrine
from vitrine.encoder import Encoder

__all__ = ["Judged", "Settings", "judged_shop", "measure_fusion"]

ARMS: Mapping[str, Mapping[str, float]] = {
    "pictures": {"image": 1, "caption": 0, "text": 0},
    "captions": {"image": 0, "caption": 1, "text": 0},
    "full text": {"image": 0, "caption": 0, "text": 1},
}
# What is tried on the half that weights are fitted on; one weight of text, for only ratios count.
WEIGHTS: Sequence[Mapping[str, float]] = [
    {"image": image, "caption": caption, "text": text}
    for image, caption in ((1, 0), (8, 1), (4, 1), (2, 1))
    for text in (0.75, 1, 1.5)
]
OWN = {"understand": False, "rules": False}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the judged shop is made."""

    folder: Path
    unit: str = "style"
    hide: bool = True
    queries_per_form: int = 40
    seed: int = 1
    postgres: int = 18
    fit: bool = True


@dataclass(frozen=True)
class Judged:
    """A shop of one half of the styles, its queries, and who asks it."""

    shop: vitrine.Shop
    queries: Sequence[Query]
    hidden: frozenset[str]

    def answers(self, options: Mapping[str, object], k: int = 10) -> list[list[str]]:
        """The products found for each query, the best first."""
        return [
            [hit.external_id for hit in self.shop.search(query.words, k=k, options=options)]
            for query in self.queries
        ]

    def ndcg(self, arms: Mapping[str, float] | None) -> NDArray[np.float64]:
        """nDCG@10 of each query with these arms; None: with the search's own weights."""
        return ndcg(self.queries, self.answers(OWN | ({"arms": dict(arms)} if arms else {})))


@contextmanager
def judged_shop(
    data: Path, styles: Sequence[Style], encoder: Encoder, settings: Settings
) -> Iterator[Judged]:
    """A new shop with these styles, of which half have lost the words of the queries."""
    products = make_products(styles, settings.unit, settings.seed)
    related = read_related(data)
    queries = make_queries(products, related, settings.queries_per_form, settings.seed)
    hidden = hidden_keys([product.key for product in products], settings.seed)
    hidden = hidden if settings.hide else frozenset()
    with temporary_shop(settings.postgres) as url:
        with (
            vitrine.connect(url, encoder=lambda: encoder) as shop,
            shop.connection() as connection,
        ):
            stem = stemmer(connection)
            removed = stems([query.words for query in queries], stem)
            file = settings.folder / f"{settings.unit}.csv"
            write_products(file, products, hidden, removed, stem)
        fill_shop(url, file, data / "images")
        with vitrine.connect(url, encoder=lambda: encoder) as shop:
            yield Judged(shop, queries, hidden)


def measure_fusion(data: Path, encoder: Encoder, settings: Settings) -> bool:
    """Print the figures; whether the arms together beat the better one, surely."""
    fitted_on, reported_on = halves(read_styles(data), settings.seed)
    print(
        f"judged queries, a product is a {settings.unit}, "
        f"{'half of the products without the words' if settings.hide else 'nothing hidden'}"
    )
    chosen: Mapping[str, float] | None = None
    if settings.fit:
        with judged_shop(data, fitted_on, encoder, settings) as judged:
            chosen = fit(judged)
    with judged_shop(data, reported_on, encoder, settings) as judged:
        return report(judged, chosen)


def fit(judged: Judged) -> Mapping[str, float]:
    """The weights with the best mean on the half that is not reported."""
    means = [(float(judged.ndcg(weights).mean()), weights) for weights in WEIGHTS]
    best, chosen = max(means, key=lambda pair: pair[0])
    own = float(judged.ndcg(None).mean())
    print(f"  fitted: {json.dumps(chosen)} {best:.3f}, the search's own weights {own:.3f}")
    return chosen


def report(judged: Judged, chosen: Mapping[str, float] | None) -> bool:
    """Print nDCG@10 of each arm and of all together, and the difference."""
    arms = {name: judged.ndcg(weights) for name, weights in ARMS.items()}
    together = {"together": judged.ndcg(None)}
    if chosen:
        together["together, fitted weights"] = judged.ndcg(chosen)
    print(f"  reported: nDCG@10, {len(judged.queries)} queries, mean [95 %]")
    for name, values in (arms | together).items():
        print(f"    {name:26} {interval(values)}")
    better = max(arms, key=lambda name: float(arms[name].mean()))
    sure = False
    for name, values in together.items():
        difference = interval(values - arms[better])
        print(f"    {name} minus {better}: {difference}")
        sure = sure or difference.low > 0
    by_form(judged.queries, arms | {"together": together["together"]})
    return sure


def by_form(queries: Sequence[Query], values: Mapping[str, NDArray[np.float64]]) -> None:
    """Print the means of each form of query."""
    forms = np.array([query.form for query in queries])
    print(f"    {'':28} {'n':>4} " + " ".join(f"{name:>10}" for name in values))
    for form, count in Counter(query.form for query in queries).items():
        means = (float(v[forms == form].mean()) for v in values.values())
        print(f"    {form:28} {count:4} " + " ".join(f"{mean:10.3f}" for mean in means))
