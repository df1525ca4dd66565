"""Learned weights: fitted on the past of some shoppers, kept when they win on others later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from psycopg import sql

from vitrine.errors import QueryError
from vitrine.evaluate.fitting import CLIP, Fitted, chosen_weights, fit_weights
from vitrine.evaluate.intervals import Interval, check_seed, resampled_means
from vitrine.evaluate.measures import Numbers
from vitrine.evaluate.reading import reading
from vitrine.evaluate.shown import FEATURES, Shown, load_shown
from vitrine.search import search_errors
from vitrine.shop import Shop

__all__ = ["Trial", "Tuned", "held_out", "judge", "keep", "page_ndcg", "tune"]

FEWEST_SHOPPERS = 20
MOST_PAGES, MOST_PLACES = 1_000_000, 1_000


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of weights on the held-out pages: its nDCG, and the difference to the present."""

    name: str
    weights: Mapping[str, float]
    ndcg: Interval
    difference: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What fitting found; `wins` where the lower bound of the difference lies above 0."""

    cut: datetime
    fitted: Fitted
    trials: Sequence[Trial]
    pages: int
    shoppers: int
    k: int
    passed_over: Mapping[str, int]
    version: int | None = None

    @property
    def wins(self) -> bool:
        """Whether the fitted weights are better than the present ones, with confidence."""
        difference = self.trials[-1].difference
        return difference is not None and difference.low > 0

    def evidence(self) -> dict[str, Any]:
        """What a kept version says of itself."""
        plain = asdict(self)
        del plain["version"]
        return {**plain, "cut": self.cut.isoformat(), "at": datetime.now(UTC).isoformat()}


def tune(
    shop: Shop,
    *,
    since: datetime,
    until: datetime,
    share: float = 0.7,
    most: int = 5_000,
    k: int = 10,
    clip: float = CLIP,
    seed: int = 0,
    tick: Callable[[int], None] = lambda _: None,
) -> Tuned:
    """Fit on `share` of the pages' time and half of the shoppers, judge on the rest of both.

    Raises:
        QueryError: an argument cannot be used, or the events cannot teach anything yet; the
            message says which or why.

    """
    _check(since, until, share=share, most=most, k=k, clip=clip, seed=seed)
    logged = load_shown(shop, since=since, until=until, most=most, seed=seed, tick=tick)
    if not logged.pages:
        reasons = ", ".join(f"{count:,} {name}" for name, count in logged.passed_over.items())
        raise QueryError(f"no page can be learned from: {reasons}")
    cut = _cut(logged.pages, share)
    fit_on = [page for page in logged.pages if page.at <= cut and not held_out(page.shopper, seed)]
    judge_on = [page for page in logged.pages if page.at > cut and held_out(page.shopper, seed)]
    present = _present(shop)
    fitted = fit_weights(fit_on, present, clip=clip)
    shoppers = len({page.shopper for page in judge_on})
    if shoppers < FEWEST_SHOPPERS:
        raise QueryError(
            f"only {shoppers} held-out shoppers have pages after the cut, {FEWEST_SHOPPERS} are "
            "the least to judge by: wait for more events, or give a smaller --share"
        )
    return Tuned(
        cut=cut,
        fitted=fitted,
        trials=judge(judge_on, present, fitted, k=k, clip=clip, seed=seed),
        pages=len(judge_on),
        shoppers=shoppers,
        k=k,
        passed_over=logged.passed_over,
    )


def judge(
    pages: Sequence[Shown],
    present: Mapping[str, float],
    fitted: Fitted,
    *,
    k: int,
    clip: float = CLIP,
    seed: int = 0,
) -> list[Trial]:
    """No history, the present weights and the fitted ones on the same pages."""
    known = {name: float(present[name]) for name in FEATURES}
    known["relevance"] = float(present.get("relevance", 1.0))
    nothing = dict.fromkeys(known, 0.0) | {
        name: known[name] for name in ("relevance", "popularity")
    }
    trials = {"no history": nothing, "present": known, "fitted": dict(fitted.weights)}
    values = np.array(
        [
            [page_ndcg(page, weights, fitted.examination, k, clip) for weights in trials.values()]
            for page in pages
        ]
    )
    columns = np.column_stack([values, values - values[:, [1]]])
    found = resampled_means(columns, [page.shopper for page in pages], seed=seed)
    intervals = [one for one in found if one is not None]
    return [
        Trial(
            name=name,
            weights=weights,
            ndcg=intervals[place],
            difference=None if name == "present" else intervals[len(trials) + place],
        )
        for place, (name, weights) in enumerate(trials.items())
    ]


def page_ndcg(
    page: Shown, weights: Mapping[str, float], examination: float | None, k: int, clip: float
) -> float:
    """nDCG@k of the page in the order of these weights; choices count by `chosen_weights`."""
    scale = weights.get("relevance", 1.0)
    scores = page.features @ np.array([scale, *(weights[name] for name in FEATURES)])
    gains: Numbers = page.grades * chosen_weights(page, examination, clip)
    # Ties in the order of the page would favour what was shown: they fall by chance, the same one.
    chance = np.random.default_rng(len(page.grades)).permutation(len(scores))
    order = np.lexsort((chance, -scores))
    discounts = 1 / np.log2(np.arange(2, min(k, len(gains)) + 2))
    best = np.sort(gains)[::-1][:k]
    return float((gains[order][:k] * discounts).sum() / (best * discounts).sum())


def keep(shop: Shop, tuned: Tuned, note: str | None = None) -> int:
    """Store the fitted weights as a version and put it in force; returns its number.

    Raises:
        QueryError: the weights cannot be kept.
        DatabaseError: the login may not write them.

    """
    statement = sql.SQL("SELECT {}.keep_weights(%s::jsonb, %s::text, %s::jsonb, true)").format(
        sql.Identifier(shop.schema)
    )
    difference = tuned.trials[-1].difference
    said = note or f"vitrine tune: nDCG@{tuned.k} {difference.mean:+.4f}" if difference else note
    values = (json.dumps(dict(tuned.fitted.weights)), said, json.dumps(tuned.evidence()))
    with shop.connection() as connection, search_errors():
        row = connection.execute(statement, values).fetchone()
    return int(row[0]) if row else 0


def held_out(shopper: str, seed: int) -> bool:
    """Whether a shopper is kept for judging: half of them, always the same."""
    return hashlib.sha256(f"{seed} {shopper}".encode()).digest()[0] % 2 == 0


def _check(
    since: datetime, until: datetime, *, share: float, most: int, k: int, clip: float, seed: int
) -> None:
    """Said before minutes of work, not after."""
    if since >= until:
        raise QueryError(f"the time to learn from is {since} to {until}: give one that ends later")
    if not 0 < share < 1:
        raise QueryError(f"the share to fit on is {share}: give one between 0 and 1")
    if not 1 <= most <= MOST_PAGES:
        raise QueryError(f"the most pages to learn from are {most}: give 1 to {MOST_PAGES:,}")
    if not 1 <= k <= MOST_PLACES:
        raise QueryError(f"k, where a page ends, is {k}: give 1 to {MOST_PLACES:,}")
    if not clip >= 1:  # NaN too
        raise QueryError(f"clip, the most that one choice counts, is {clip}: give 1 or more")
    check_seed(seed)


def _cut(pages: Sequence[Shown], share: float) -> datetime:
    times = sorted(page.at for page in pages)
    return times[min(int(share * len(times)), len(times) - 1)]


def _present(shop: Shop) -> dict[str, float]:
    with reading(shop) as connection:
        row = connection.execute("SELECT personal_weights()").fetchone()
    return {name: float(value) for name, value in (row[0] if row else {}).items()}
