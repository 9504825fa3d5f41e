"""Looked at daily, it is still wrong in at most one of twenty experiments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xlrec_es.experiments.always_valid import (
    ALPHA,
    LEAST_USERS,
    by_user,
    difference,
    radius,
    rate_and_variance,
)

TESTS, DAYS, USERS_A_DAY = 10_000, 28, 100
"""Users of each variant and day."""


def simulated(gap: float, tests: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences of click-through rates, their variances and users, shape (tests, days).

    Each user is shown 1 to 20 items, and has a rate of clicks of their own around 5%.
    """
    rng = np.random.default_rng(5)
    sums = []
    for variant in range(2):
        size = (tests, DAYS, USERS_A_DAY)
        shown = rng.integers(1, 21, size=size, dtype=np.int16)
        rates = rng.beta(1 + variant * gap * 20, 19, size=size).astype(np.float32)
        clicks = rng.binomial(shown, rates).astype(np.float64)
        rows = shown.astype(np.float64)
        parts = (clicks, rows, clicks**2, clicks * rows, rows**2)
        sums.append([part.sum(axis=2).cumsum(axis=1) for part in parts])
    users = np.arange(1, DAYS + 1) * float(USERS_A_DAY)
    rates, variances = [], []
    for c, s, cc, cs, ss in sums:
        rate = c / s
        # As `rate_and_variance`, from sums.
        variances.append((cc - 2 * rate * cs + rate**2 * ss) / (users - 1) / (s / users) ** 2)
        rates.append(rate)
    whole = 2 * users * sum(variance / users for variance in variances)
    return rates[1] - rates[0], whole, 2 * users


@pytest.fixture(scope="module")
def alike() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return simulated(0.0, TESTS)


def ever_outside(gaps: np.ndarray, halves: np.ndarray) -> float:
    return float((abs(gaps) > halves).any(axis=1).mean())


def test_daily_looks_at_ten_thousand_experiments_without_a_difference(
    alike: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    gaps, variances, users = alike
    factors = np.array([radius(1.0, count) for count in users])
    assert ever_outside(gaps, np.sqrt(variances) * factors) < ALPHA
    # An ordinary interval is wrong in several times as many.
    assert ever_outside(gaps, 1.96 * np.sqrt(variances / users)) > 4 * ALPHA


def test_a_difference_is_found_in_the_end() -> None:
    gaps, variances, users = simulated(0.02, 300)
    factors = np.array([radius(1.0, count) for count in users])
    outside = gaps > np.sqrt(variances) * factors
    assert outside.any(axis=1).mean() > 0.9
    assert not outside[:, 0].all()


def test_the_difference_is_that_of_the_rates_with_the_sequence_around_it() -> None:
    rng = np.random.default_rng(1)
    groups = []
    for rate in (0.06, 0.05):
        shown = rng.integers(1, 21, size=3000).astype(np.float64)
        groups.append((rng.binomial(shown.astype(int), rate).astype(np.float64), shown))
    found = difference(groups[0], groups[1])
    assert found is not None
    (one, variance), (other, other_variance) = (rate_and_variance(*group) for group in groups)
    assert found.mean == pytest.approx(one - other)
    half = radius(6000 * (variance + other_variance) / 3000, 6000)
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half))
    assert half > 1.96 * math.sqrt((variance + other_variance) / 3000)


def test_the_variance_is_that_of_resampled_users() -> None:
    rng = np.random.default_rng(2)
    shown = rng.integers(1, 21, size=2000).astype(np.float64)
    clicks = rng.binomial(shown.astype(int), rng.beta(1, 19, size=2000)).astype(np.float64)
    _, variance = rate_and_variance(clicks, shown)
    drawn = rng.integers(0, 2000, size=(4000, 2000))
    rates = clicks[drawn].sum(axis=1) / shown[drawn].sum(axis=1)
    assert math.sqrt(variance / 2000) == pytest.approx(rates.std(), rel=0.05)


def test_few_users_say_nothing() -> None:
    few = (np.zeros(LEAST_USERS - 1), np.ones(LEAST_USERS - 1))
    assert difference(few, (np.ones(500), np.ones(500))) is None


def test_rows_are_put_together_by_user() -> None:
    clicks, shown = by_user(np.array([1.0, 0, 1, 1]), ["b", "a", "b", "c"])
    assert (clicks.tolist(), shown.tolist()) == ([0, 2, 1], [1, 2, 1])
