"""Planted bursts are found, and chance is not: at the rate of false alarms that is stated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from xlrec_es.relations.growth import FALSE_ALARMS, Growth, find_trends, recent_share

ITEMS, PAST = 2000, 4
WEEKS = 60

Counts = NDArray[np.int64]


def usual(random: np.random.Generator, items: int = ITEMS) -> NDArray[np.float64]:
    """Users a week by item: half of the items have less than four or five, few have hundreds."""
    return np.exp(random.normal(1.5, 1.5, items))


def weeks(random: np.random.Generator, noise: float, *, drifts: bool = False) -> Counts:
    """Weeks in which nothing trends: users come by chance, and the logarithm of rates is noisy.

    Noise is of each week by itself, or stays: then rates drift. The recent week is first.
    """
    steps = random.normal(0, noise, (ITEMS, PAST + 1))
    logs = np.cumsum(steps, axis=1)[:, ::-1] if drifts else steps
    return random.poisson(usual(random)[:, None] * np.exp(logs)).astype(np.int64)


def trends(counts: Counts) -> dict[int, Growth]:
    return find_trends(counts, counts.sum(axis=0))


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "drifts"), [(0.0, False), (0.5, False), (0.2, True)])
def test_false_alarms_are_as_rare_as_stated(noise: float, drifts: bool) -> None:
    """With nothing planted, every alarm is false: few weeks have any, of 2,000 items each."""
    random = np.random.default_rng(22)
    alarmed = sum(bool(trends(weeks(random, noise, drifts=drifts))) for _ in range(WEEKS))
    # Two standard errors of so many weeks; measured of 200: 1 to 4 in a hundred.
    most = FALSE_ALARMS + 2 * (FALSE_ALARMS * (1 - FALSE_ALARMS) / WEEKS) ** 0.5
    assert alarmed <= most * WEEKS


def test_planted_bursts_are_found_within_two_periods() -> None:
    """From an hour in the midst of a week on, items have three times their users."""
    random = np.random.default_rng(7)
    found = total = false = 0
    for _ in range(10):
        rates = usual(random)
        planted = random.choice(np.flatnonzero(rates >= 20), 10, replace=False)
        begins = random.uniform(0, 1, len(planted))
        days = random.poisson(np.repeat(rates[:, None], PAST + 2, axis=1))
        # The burst's first week has a part of it, the second has all.
        first = random.poisson(rates[planted] * (1 + 2 * (1 - begins)))
        days[planted, PAST], days[planted, PAST + 1] = first, random.poisson(3 * rates[planted])
        seen: set[int] = set()
        for now in (PAST, PAST + 1):
            counts = days[:, now - PAST : now + 1][:, ::-1].astype(np.int64)
            seen |= trends(counts).keys()
        found += len(seen & set(planted.tolist()))
        false += len(seen - set(planted.tolist()))
        total += len(planted)
    assert found >= 0.95 * total
    assert false <= FALSE_ALARMS * 2 * (found + false)  # two questions were asked


def test_a_bot_moves_nothing() -> None:
    """It is one user of an item, however often it clicks; of every item, it is one of each."""
    random = np.random.default_rng(3)
    counts = weeks(random, 0.1)
    before = trends(counts)
    one, all_of_them = counts.copy(), counts.copy()
    one[5, 0] += 1
    all_of_them[:, 0] += 1
    assert trends(one).keys() == before.keys()
    assert trends(all_of_them).keys() <= before.keys()


def test_a_market_that_grows_is_no_trend() -> None:
    """All items have twice the users: there are more of them, or they do more."""
    random = np.random.default_rng(4)
    for active in (np.array([2, 1, 1, 1, 1]), np.ones(5)):
        counts = weeks(random, 0.1)
        counts[:, 0] = random.poisson(2 * counts[:, 1:].mean(axis=1))
        assert recent_share(counts, counts.sum(axis=0)) == pytest.approx(1 / 3, abs=0.01)
        assert len(find_trends(counts, active.astype(np.int64))) == 0


def test_growth_is_shrunk_and_has_an_interval() -> None:
    random = np.random.default_rng(5)
    counts = weeks(random, 0.0)
    counts[:2] = [[400, 100, 100, 100, 100], [40, 10, 10, 10, 10]]
    found = trends(counts)
    assert list(found)[:2] == [0, 1]  # by the lower bound: of more users it is surer
    many, few = found[0], found[1]
    assert many.low < many.times < many.high
    assert 3.5 < many.times < 4
    assert few.times < many.times
    assert few.high - few.low > many.high - many.low
    assert many.expected == pytest.approx(100, rel=0.05)
    assert many.users == 400


def test_few_users_are_no_trend_and_nothing_is_no_error() -> None:
    random = np.random.default_rng(6)
    counts = weeks(random, 0.0)
    counts[0] = [4, 0, 0, 0, 0]
    assert 0 not in trends(counts)
    none = np.zeros((0, 5), np.int64)
    assert find_trends(none, none.sum(axis=0)) == {}
    empty = np.zeros((3, 5), np.int64)
    assert trends(empty) == {}
    new = np.array([[50, 0, 0, 0, 0], [3, 3, 3, 3, 3]])
    assert list(find_trends(new, np.array([100, 90, 95, 100, 90]))) == [0]
    with pytest.raises(ValueError, match="two earlier periods"):
        find_trends(np.zeros((3, 2), np.int64), np.zeros(2, np.int64))


def test_items_that_fluctuate_more_need_more() -> None:
    """A catalog whose items double and halve by themselves has no trend of a doubling."""
    random = np.random.default_rng(8)
    calm, wild = weeks(random, 0.0), weeks(random, 0.5)
    for counts in (calm, wild):
        counts[0] = [120, 50, 50, 50, 50]
    assert 0 in trends(calm)
    assert 0 not in trends(wild)
