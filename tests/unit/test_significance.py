"""Tests of a difference: as often wrong as they say, and able to see what is there."""

from __future__ import annotations

import numpy as np
import pytest

from vitrine.evaluate.significance import (
    MIXTURE_INTERLEAVED,
    always_valid,
    compare_means,
    compare_shares,
    prefer,
    sample_ratio,
)

TRIALS = 1_000


def test_between_equal_arms_about_five_in_a_hundred_tests_are_wrong() -> None:
    rng = np.random.default_rng(1)
    shares = sum(
        compare_shares(
            (rng.random(800) < 0.1).astype(float), (rng.random(800) < 0.1).astype(float)
        ).p
        < 0.05
        for _ in range(TRIALS)
    )
    assert 0.03 <= shares / TRIALS <= 0.07


def test_welch_holds_its_level_on_skewed_revenue() -> None:
    rng = np.random.default_rng(2)

    def revenue(size: int) -> np.ndarray:
        return (rng.random(size) < 0.2) * rng.lognormal(3, 1, size)

    wrong = sum(
        compare_means(revenue(30_000), revenue(800)).p < 0.05 for _ in range(400)
    )  # so many that nothing is resampled
    assert 0.02 <= wrong / 400 <= 0.09


def test_peeking_every_day_breaks_the_fixed_test_but_not_the_always_valid_one() -> None:
    rng = np.random.default_rng(3)
    fixed = always = 0
    for _ in range(400):
        first, second = rng.normal(size=(2, 3_000))
        looks = [compare_shares_free(first[:n], second[:n]) for n in range(100, 3_001, 100)]
        fixed += any(p < 0.05 for p, _ in looks)
        always += any(p < 0.05 for _, p in looks)
    assert fixed / 400 > 0.15
    assert always / 400 <= 0.05


def compare_shares_free(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Both p of one look, without resampling."""
    variance = first.var() / len(first) + second.var() / len(second)
    difference = float(second.mean() - first.mean())
    z = difference / variance**0.5
    from scipy.stats import norm

    return 2 * float(norm.sf(abs(z))), always_valid(difference, float(variance), 1.0)[2]


def test_a_true_effect_is_found_by_every_test() -> None:
    rng = np.random.default_rng(4)
    first = (rng.random(8_000) < 0.10).astype(float)
    second = (rng.random(8_000) < 0.13).astype(float)
    found = compare_shares(first, second)
    assert found.p < 0.001
    assert found.always_p < 0.05
    assert found.low > 0
    assert found.always_low > 0
    assert found.always_low < found.low < found.difference < found.high < found.always_high
    money = compare_means(first * 20, second * 20)
    assert money.p < 0.001
    assert money.bootstrap is not None
    assert money.bootstrap == pytest.approx((money.low, money.high), rel=0.15)


def test_the_always_valid_bounds_and_its_p_agree() -> None:
    low, _, p = always_valid(0.2, 0.004, 1.0)
    assert (p < 0.05) == (low > 0)
    for difference in np.linspace(0, 0.4, 41):
        low, _, p = always_valid(float(difference), 0.004, 1.0)
        assert (p < 0.05) == (low > 0)


def test_nothing_happened_is_no_difference() -> None:
    nothing = np.zeros(50)
    assert compare_shares(nothing, nothing).p == 1
    found = compare_means(nothing, nothing)
    assert (found.p, found.difference, found.bootstrap) == (1, 0, None)
    assert found.always_p == 1


def test_few_buyers_are_tested_exactly() -> None:
    first, second = np.zeros(20), np.zeros(20)
    second[:3] = 1
    assert compare_shares(first, second).p == pytest.approx(0.2308, abs=1e-3)


def test_preferences_count_shoppers_not_clicks() -> None:
    first = np.array([1.0] * 10 + [0.0] * 30)
    second = np.array([0.0] * 10 + [50.0] * 20 + [0.0] * 10)
    found = prefer(first, second)
    assert (found.first, found.second, found.ties) == (10, 20, 10)
    assert found.share == pytest.approx(2 / 3)
    assert found.p == pytest.approx(0.0987, abs=1e-3)
    assert prefer(np.zeros(3), np.zeros(3)).p == 1


def test_a_missing_tenth_of_an_arm_is_seen() -> None:
    halves = np.array([0.5, 0.5])
    assert sample_ratio(np.array([5_000.0, 5_050.0]), halves) > 0.05
    assert sample_ratio(np.array([5_000.0, 4_500.0]), halves) < 0.001
    assert sample_ratio(np.array([0.0, 0.0]), halves) == 1


def test_peeking_at_an_interleaving_is_right_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    wrong = 0
    for _ in range(300):
        wins = np.cumsum(rng.random(2_000) < 0.5)
        looks = range(20, 2_001, 20)
        wrong += any(
            always_valid(wins[n - 1] / n - 0.5, 0.25 / n, 0.5, MIXTURE_INTERLEAVED)[2] < 0.05
            for n in looks
        )
    assert wrong / 300 <= 0.06
