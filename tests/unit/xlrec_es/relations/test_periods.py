from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from xlrec_es.errors import UsageError
from xlrec_es.relations.growth import find_trends
from xlrec_es.relations.periods import Periods

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(("length", "weeks"), [("12h", 1), ("1d", 1), ("7d", 1), ("10d", 2)])
def test_earlier_periods_are_whole_weeks_before(length: str, weeks: int) -> None:
    periods = Periods(length, past=3)
    found = periods.before(NOW)
    assert [NOW - end for _, end in found] == [n * timedelta(weeks=weeks) for n in range(4)]
    assert {(end - start).total_seconds() for start, end in found} == {periods.seconds}


@pytest.mark.parametrize("length", ["7d", "1d"])
def test_what_is_done_on_one_weekday_is_no_trend(length: str) -> None:
    """Half of the items have four times their users on Saturdays, and now it is one."""
    random = np.random.default_rng(1)
    first = datetime(2026, 9, 1, tzinfo=UTC)
    days = [first + timedelta(days=n) for n in range(100)]
    factor = np.ones((1000, len(days)))
    factor[:500] = [4 if day.weekday() == 5 else 1 for day in days]
    users = random.poisson(random.gamma(2, 5, (1000, 1)) * factor)
    now = datetime(2026, 11, 29, tzinfo=UTC)  # the end of a Saturday
    inside = [
        [start <= day < end for day in days] for start, end in Periods(length, past=4).before(now)
    ]
    counts = np.array([users[:, some].sum(axis=1) for some in inside]).T
    assert not find_trends(counts, counts.sum(axis=0))
    # Against the days before, half of the catalog would trend.
    naive = np.array([users[:, n] for n in (88, 87, 86, 85, 84)]).T
    assert days[88].weekday() == 5
    assert len(find_trends(naive, naive.sum(axis=0))) > 100


@pytest.mark.parametrize(
    "asked",
    [
        {"length": "a week"},
        {"length": "367d"},
        {"length": "9" * 5000 + "d"},
        {"past": 1},
        {"past": 27},
    ],
)
def test_periods_that_cannot_be(asked: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Periods(**asked)  # type: ignore[arg-type]
