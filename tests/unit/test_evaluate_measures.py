"""Measures of rankings, and how sure their means are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from vitrine.evaluate import Answer, Case
from vitrine.evaluate.cases import history_group, query_class
from vitrine.evaluate.intervals import resampled_means
from vitrine.evaluate.measures import precision_at_recall, ranked_measures, relevant_at, roc
from vitrine.evaluate.pages import coverage, diversity, novelty
from vitrine.evaluate.sections import only_new, only_repeat


def measured(grades: dict[str, int], keys: str, total: int = 10, k: int = 3) -> dict[str, float]:
    found = ranked_measures([grades], [Answer(keys=[*keys], total=total)], k)
    return {name: float(values[0]) for name, values in found.items()}


def test_each_measure_of_one_answer_is_what_its_definition_says() -> None:
    found = measured({"a": 3, "b": 1, "z": 1}, "xabyc")
    assert found["precision@3"] == pytest.approx(2 / 3)
    assert found["recall@3"] == pytest.approx(2 / 3)
    assert found["F1@3"] == pytest.approx(2 / 3)
    assert found["hit rate@3"] == 1
    assert found["MRR"] == pytest.approx(1 / 2)
    assert found["MAP"] == pytest.approx((1 / 2 + 2 / 3) / 3)
    # Wrong are x, shown in vain, and z, which was not shown.
    assert found["accuracy@3"] == pytest.approx(8 / 10)
    gains = 3 / math.log2(3) + 1 / math.log2(4)
    assert found["nDCG@3"] == pytest.approx(gains / (3 + 1 / math.log2(3) + 1 / math.log2(4)))


def test_an_answer_without_a_hit_is_zero_and_an_empty_one_too() -> None:
    for keys in ("xyc", ""):
        found = measured({"a": 1}, keys)
        assert {v for name, v in found.items() if name not in ("accuracy@3", "ROC AUC")} == {0}


def test_without_any_other_product_the_area_is_undefined() -> None:
    assert math.isnan(measured({"a": 1}, "a", total=1)["ROC AUC"])


@given(
    st.lists(st.booleans(), max_size=12),
    st.integers(min_value=0, max_value=4),
    st.integers(min_value=0, max_value=20),
)
@settings(deadline=None, max_examples=60)
def test_the_area_is_that_of_scikit_learn(hits: list[bool], unseen: int, others: int) -> None:
    grades = {str(place): 1 for place, hit in enumerate(hits) if hit}
    grades |= {f"unseen {number}": 1 for number in range(unseen)}
    total = len(hits) + unseen + others
    if not grades or len(grades) == total:
        return
    answer = Answer(keys=[str(place) for place in range(len(hits))], total=total)
    (area,) = ranked_measures([grades], [answer], 3)["ROC AUC"]
    labels = [*hits, *[True] * unseen, *[False] * others]
    scores = [-float(place) for place in range(len(hits))] + [-99.0] * (unseen + others)
    assert area == pytest.approx(roc_auc_score(labels, scores))
    curve = roc([grades], [answer])[0]
    assert (curve[0] >= 0, curve[-1]) == (True, pytest.approx(1))
    assert (np.diff(curve) >= 0).all()


def test_curves_follow_the_list() -> None:
    answer = [Answer(keys=["a", "x", "b"], total=3)]
    assert precision_at_recall([{"a": 1, "b": 1}], answer)[0][[0, 5, 10]] == pytest.approx(
        [1, 1, 2 / 3]
    )
    np.testing.assert_equal(relevant_at([{"a": 1}], answer, 4)[0], [1, 0, 0, np.nan])


def test_pages_are_covered_spread_and_novel() -> None:
    answers = [Answer(keys=["a", "b"], product_ids=[1, 2]), Answer(keys=["a"], product_ids=[1])]
    assert coverage(answers, 2, 8) == 2 / 8
    vectors = {1: np.array([1.0, 0.0]), 2: np.array([0.0, 1.0]), 3: np.array([1.0, 0.0])}
    assert diversity(answers, 2, vectors)[0] == pytest.approx(1)
    assert math.isnan(diversity(answers, 2, vectors)[1])
    same = [Answer(keys=["a", "c"], product_ids=[1, 3])]
    assert diversity(same, 2, vectors)[0] == pytest.approx(0)
    assert novelty(answers, 2, {"a": 1.0}, 5.0).tolist() == [3.0, 1.0]
    assert np.isnan(novelty(answers, 2, {}, None)).all()


def test_new_and_repeat_items_are_told_apart() -> None:
    case = Case(shopper="s", grades={"old": 3, "new": 1}, known=frozenset({"old", "seen"}))
    answer = Answer(keys=["seen", "old", "x", "new"], product_ids=[1, 2, 3, 4], total=9)
    fresh, listed = only_new(case, answer)
    assert (fresh.grades, listed.keys, listed.product_ids) == ({"new": 1}, ["x", "new"], [3, 4])
    assert listed.total == 7
    again, listed = only_repeat(case, answer)
    assert (again.grades, listed.keys) == ({"old": 3}, ["seen", "old", "x"])


def test_questions_and_histories_have_names() -> None:
    assert query_class("MH01-XS", {}, None) == "key"
    assert query_class("red coat", {}, None) == "words"
    assert query_class("coat", {"brand": "A"}, None) == "words with filters"
    assert query_class(None, {}, [{"image": "x"}]) == "picture"
    assert query_class("red", {}, [{"image": "x"}]) == "picture and words"
    assert query_class(None, {"category": "/a"}, None) == "category"
    assert query_class(None, {}, None) == "browse"
    assert [history_group(n) for n in (0, 4, 5, 1000)] == [
        "none",
        "1 to 4",
        "5 to 19",
        "100 and more",
    ]


def test_an_interval_is_as_wide_as_the_mean_varies() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(2_000, 1))
    (found,) = resampled_means(values, [str(n) for n in range(2_000)])
    assert found is not None
    half = 1.96 / math.sqrt(2_000)
    assert found.mean == pytest.approx(float(values.mean()))
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_cases_of_one_shopper_count_as_one_observation() -> None:
    rng = np.random.default_rng(6)
    one_each = rng.normal(size=(100, 1))
    alone = resampled_means(one_each, [str(n) for n in range(100)])[0]
    repeated = np.repeat(one_each, 30, axis=0)
    together = resampled_means(repeated, [str(n // 30) for n in range(3_000)])[0]
    assert alone is not None
    assert together is not None
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.05)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    held = 0
    for trial in range(200):
        sizes = rng.integers(1, 6, size=60)
        taste = rng.normal(size=60)
        values = np.concatenate([t + rng.normal(size=n) for t, n in zip(taste, sizes, strict=True)])
        shoppers = [str(s) for s, n in enumerate(sizes) for _ in range(n)]
        (found,) = resampled_means(values[:, None], shoppers, seed=trial, resamples=400)
        assert found is not None
        held += found.low <= 0 <= found.high
    assert 0.89 <= held / 200 <= 0.99


def test_what_is_undefined_everywhere_has_no_interval_and_one_shopper_no_width() -> None:
    values = np.array([[np.nan, 1.0], [np.nan, 3.0]])
    missing, found = resampled_means(values, ["a", "a"])
    assert missing is None
    assert found is not None
    assert (found.low, found.mean, found.high) == (2.0, 2.0, 2.0)
