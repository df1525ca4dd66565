"""Learning weights from choices that depend on what is liked, and on what is seen."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from vitrine.errors import QueryError
from vitrine.evaluate.fitting import Fitted, chosen_weights, fit_weights
from vitrine.evaluate.shown import FEATURES, Shown
from vitrine.evaluate.tuning import held_out, judge, page_ndcg

PRESENT = {"popularity": 0.3, "taste": 0.5, "session": 0.3, "attributes": 0.25, "repurchase": 0.5}
TRUTH = np.array([1.0, 0.2, 1.5, 0.0, 0.6, 0.0])
SHOWN, EXPLORING = 10, 0.5


def logged(pages: int, *, examined: float = 1.0, seed: int = 0) -> list[Shown]:
    """Pages ordered by relevance, half of them shuffled; who looks at a position chooses by taste.

    A position is looked at with its inverse to the power `examined`. The propensity of an item at
    its place: of the page as it was, or as one of all shuffles.
    """
    rng = np.random.default_rng(seed)
    made: list[Shown] = []
    while len(made) < pages:
        features = rng.normal(size=(SHOWN, 6))
        ranked = np.argsort(-features[:, 0])
        shuffled = rng.random() < EXPLORING
        order = rng.permutation(SHOWN) if shuffled else ranked
        places = np.arange(1, SHOWN + 1)
        at_home = order == ranked
        propensities = np.where(at_home, 1 - EXPLORING, 0) + EXPLORING / SHOWN
        liked = 1 / (1 + np.exp(-(features[order] @ TRUTH - 1.5)))
        chosen = (rng.random(SHOWN) < places**-examined) & (rng.random(SHOWN) < liked)
        if chosen.any() and not chosen.all():
            made.append(
                Shown(
                    shopper=f"s{len(made) % 300}",
                    at=datetime(2026, 1, 1, tzinfo=UTC),
                    browses=False,
                    features=features[order],
                    positions=places,
                    propensities=propensities,
                    grades=chosen.astype(np.int64),
                )
            )
    return made


def test_true_tastes_are_recovered_from_biased_choices() -> None:
    fitted = fit_weights(logged(3_000), PRESENT)
    assert fitted.weights["taste"] == pytest.approx(1.5, rel=0.25)
    assert fitted.weights["attributes"] == pytest.approx(0.6, rel=0.35)
    assert fitted.weights["session"] < 0.15
    assert fitted.weights["repurchase"] < 0.15
    assert fitted.examination is not None
    assert fitted.examination < -0.5


def test_without_the_propensities_relevance_is_taken_for_more_than_it_is() -> None:
    pages = logged(3_000)
    blind = [
        Shown(**{**vars(page), "propensities": np.ones(SHOWN), "positions": np.ones(SHOWN)})
        for page in pages
    ]
    seen, unseen = fit_weights(pages, PRESENT), fit_weights(blind, PRESENT)
    assert unseen.examination is None
    assert abs(seen.weights["taste"] - 1.5) < abs(unseen.weights["taste"] - 1.5)


def test_fitted_weights_win_where_there_is_something_to_learn() -> None:
    fitted = fit_weights(logged(1_500), PRESENT)
    trials = judge(logged(1_500, seed=1), PRESENT, fitted, k=5)
    assert [trial.name for trial in trials] == ["no history", "present", "fitted"]
    difference = trials[-1].difference
    assert difference is not None
    assert difference.low > 0


def test_fitted_weights_do_not_win_over_the_true_ones() -> None:
    true = dict(zip(FEATURES, TRUTH[1:], strict=True))
    fitted = fit_weights(logged(300), true)
    difference = judge(logged(1_500, seed=1), true, fitted, k=5)[-1].difference
    assert difference is not None
    assert difference.low <= 0


def test_pages_without_words_keep_the_present_weight_of_popularity() -> None:
    pages = [
        Shown(**{**vars(page), "browses": True, "features": page.features * [0, 1, 1, 1, 1, 1]})
        for page in logged(2_000)
    ]
    fitted = fit_weights(pages, PRESENT)
    assert fitted.weights["popularity"] == pytest.approx(0.3)
    assert fitted.weights["taste"] / fitted.weights["popularity"] > 3


def test_too_little_or_contrary_evidence_is_said() -> None:
    with pytest.raises(QueryError, match="only 10 pages"):
        fit_weights(logged(10), PRESENT)
    contrary = [
        Shown(**{**vars(page), "features": -np.abs(page.grades[:, None]) * np.ones(6)})
        for page in logged(100)
    ]
    with pytest.raises(QueryError, match="nothing to do with the search's relevance"):
        fit_weights(contrary, PRESENT)


def test_a_rare_showing_counts_more_but_no_more_than_the_clip() -> None:
    (page,) = logged(1)
    weights = chosen_weights(page, None, clip=4.0)
    assert weights.max() <= 4
    assert chosen_weights(page, -1.0, clip=1e9) == pytest.approx(page.positions / page.propensities)


def test_ndcg_of_the_right_order_is_one_and_of_ties_not_that_of_the_page() -> None:
    page = Shown(
        shopper="s",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        browses=False,
        features=np.array([[0.0] * 6, [0.0] * 6, [2.0] + [0.0] * 5]),
        positions=np.array([1, 2, 3]),
        propensities=np.ones(3),
        grades=np.array([0, 0, 1]),
    )
    nothing = dict.fromkeys(FEATURES, 0.0)
    assert page_ndcg(page, nothing, None, 2, 10) == 1
    fitted = Fitted(weights=nothing, examination=None, pages=1, pairs=1, explored=0)
    assert judge([page], PRESENT, fitted, k=1)[0].ndcg.mean == 1


def test_about_half_of_the_shoppers_are_held_out_and_always_the_same() -> None:
    kept = [held_out(f"s{number}", 0) for number in range(2_000)]
    assert 900 < sum(kept) < 1_100
    assert kept == [held_out(f"s{number}", 0) for number in range(2_000)]
    assert kept != [held_out(f"s{number}", 1) for number in range(2_000)]
