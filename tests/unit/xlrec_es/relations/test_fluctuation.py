"""How much items fluctuate is learned of their past: all of them, then each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from xlrec_es.relations.fluctuation import DEVIATIONS, STEADIEST, deviations_of

ITEMS, PAST = 1000, 4


def past_of(deviations: NDArray[np.float64], *, walks: bool) -> NDArray[np.int64]:
    """Past weeks of items with 60 users each, which fluctuate by so much, or drift so."""
    random = np.random.default_rng(2)
    steps = random.normal(0, 1, (len(deviations), PAST)) * deviations[:, None]
    logs = np.cumsum(steps, axis=1)[:, ::-1] if walks else steps
    return random.poisson(60 * np.exp(logs)).astype(np.int64)


def usual(past: NDArray[np.int64], rows: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
    """The root of the mean variance of each item."""
    rows = np.arange(len(past)) if rows is None else rows
    weights = deviations_of(past, past.sum(axis=0), rows)
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    found: NDArray[np.float64] = np.sqrt(weights @ DEVIATIONS**2)
    return found


@pytest.mark.parametrize("deviation", [0.2, 0.5])
def test_what_is_of_a_period_alone(deviation: float) -> None:
    """The recent period is off by itself, and the mean of four by half as much."""
    found = usual(past_of(np.full(ITEMS, deviation), walks=False))
    assert np.median(found) == pytest.approx(deviation * (1 + 1 / PAST) ** 0.5, rel=0.1)


def test_what_stays_makes_the_recent_period_less_sure() -> None:
    """A walk of 0.2 a week is off the mean of four weeks by 0.27; by its own past, by 0.2."""
    found = usual(past_of(np.full(ITEMS, 0.2), walks=True))
    assert np.median(found) == pytest.approx(0.2 * 1.875**0.5, rel=0.1)


def test_wild_items_are_told_from_calm_ones() -> None:
    deviations = np.where(np.arange(ITEMS) < ITEMS // 4, 0.8, 0.05)
    found = usual(past_of(deviations, walks=False))
    assert np.median(found[: ITEMS // 4]) > 3 * np.median(found[ITEMS // 4 :])


def test_a_few_that_trended_are_no_measure_of_all() -> None:
    past = past_of(np.zeros(ITEMS), walks=False)
    calm = usual(past)
    past[: ITEMS // 100, 0] *= 3
    assert np.median(usual(past)) == pytest.approx(np.median(calm), rel=0.02)
    assert np.median(calm) == pytest.approx(STEADIEST, rel=0.05)


def test_little_past_says_little() -> None:
    none = usual(np.zeros((3, PAST), np.int64))
    few = usual(np.array([[60, 62, 58, 61], [3, 0, 1, 0]]))
    assert len(set(none.round(9).tolist())) == 1
    assert few[0] < none[0]
    two = usual(np.array([[60, 62]] * 40), np.array([3, 1]))
    assert two.shape == (2,)
    assert np.all(two < none[:2])
