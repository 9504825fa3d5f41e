from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.encode.server import rate_limit
from ingest.encode.server.rate_limit import RateLimit
from xlrec_es.errors import UsageError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_fills_again_and_is_each_callers_own() -> None:
    clock = Clock()
    limit = RateLimit(2.0, clock=clock)
    assert limit.wait_s("a", 20) == 0
    assert limit.wait_s("a", 1) == pytest.approx(0.5)
    assert limit.wait_s("b", 20) == 0
    clock.now = 0.5
    assert limit.wait_s("a", 1) == 0
    assert limit.wait_s("a", 1) == pytest.approx(0.5)


def test_more_than_a_bucket_holds_waits_for_a_full_one_and_is_paid_for_later() -> None:
    clock = Clock()
    limit = RateLimit(2.0, clock=clock)
    assert limit.wait_s("a", 60) == 0
    assert limit.wait_s("a", 1) == pytest.approx((40 + 1) / 2)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 40)), max_size=40))
def test_nobody_gets_more_than_a_burst_and_the_rate(asks: list[tuple[float, int]]) -> None:
    clock = Clock()
    limit = RateLimit(3.0, clock=clock)
    got = 0
    for pause, texts in asks:
        clock.now += pause
        if limit.wait_s("a", texts) == 0:
            got += texts
        assert got <= 3.0 * (RateLimit.BURST_S + clock.now) + 10 + 1e-6


def test_callers_are_forgotten_beyond_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MAX_CALLERS", 2)
    limit = RateLimit(1.0, clock=Clock())
    for caller in ("a", "b", "c"):
        assert limit.wait_s(caller, 10) == 0
    assert limit.wait_s("c", 1) > 0
    assert limit.wait_s("a", 10) == 0, "forgotten, so with a full bucket"


def test_a_rate_is_above_zero() -> None:
    with pytest.raises(UsageError, match="above 0"):
        RateLimit(0, clock=Clock())
