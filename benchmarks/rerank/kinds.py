"""Which new kind of product a household buys next, as the shop's `next_categories` foresees it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.rerank.histories import Histories, Purchase
from benchmarks.rerank.measures import Difference, difference, ndcg
from benchmarks.rerank.shop import category_of

import vitrine

__all__ = ["BY_PURCHASES", "BY_SHOPPERS", "PERSONAL", "K", "KindCase", "ask_kinds", "compare_kinds"]

K = 20
DEPTH = 200
# The rankings that are compared: by lines of receipts, by households, and by the history too.
BY_PURCHASES, BY_SHOPPERS, PERSONAL = "popularity", "by shoppers", "personal"


@dataclass(frozen=True, kw_only=True)
class KindCase:
    """A household that buys from kinds it had not bought from: these, and the rankings of others.

    Of each ranking the first 200, without what the household had bought from before.
    """

    household: str
    purchases: int
    wanted: frozenset[str]
    known: frozenset[str]
    rankings: Mapping[str, Sequence[str]]


def ask_kinds(shop: vitrine.Shop, histories: Histories) -> list[KindCase]:
    """One case for each household, asked of a shop whose categories are the kinds."""
    before, after = _bought(histories, histories.before), _bought(histories, histories.after)
    sold = Counter(
        histories.kinds[line.product]
        for line in histories.before
        if line.product in histories.kinds
    )
    purchases = Counter(line.household for line in histories.before)
    # Ties by name.
    by_purchases = sorted(sold, key=lambda kind: (-sold[kind], kind))
    by_shoppers = _asked(shop, histories, sold, None, 1_000)
    cases = []
    for household, known in sorted(before.items()):
        wanted = after[household].intersection(sold) - known
        if wanted:
            rankings = {
                BY_PURCHASES: _first(by_purchases, known),
                BY_SHOPPERS: _first(by_shoppers, known),
                PERSONAL: _first(_asked(shop, histories, sold, household, DEPTH), known),
            }
            cases.append(
                KindCase(
                    household=household,
                    purchases=purchases[household],
                    wanted=frozenset(wanted),
                    known=frozenset(known),
                    rankings=rankings,
                )
            )
    return cases


def compare_kinds(cases: Sequence[KindCase], baseline: str) -> Difference:
    """nDCG@20 with the history against one of the other rankings."""
    personal, general = (
        [ndcg(case.rankings[name], case.wanted, K) for case in cases]
        for name in (PERSONAL, baseline)
    )
    return difference(personal, general, [case.household for case in cases])


def _bought(histories: Histories, lines: Iterable[Purchase]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if kind := histories.kinds.get(line.product):
            found[line.household].add(kind)
    return found


def _first(ranking: Iterable[str], known: set[str]) -> list[str]:
    return [kind for kind in ranking if kind not in known][:DEPTH]


def _asked(
    shop: vitrine.Shop, histories: Histories, kinds: Iterable[str], household: str | None, k: int
) -> list[str]:
    of_path = {category_of(kind).lower(): kind for kind in kinds}
    found = shop.recommend.next_categories(
        household, k=k, options={"as_of": histories.cut.isoformat()}
    )
    return [of_path[one.path] for one in found]
