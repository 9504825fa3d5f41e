from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from xlrec_es.evaluate import significance
from xlrec_es.evaluate.significance import bootstrap, bootstrap_each, compare, compare_each

RNG = np.random.default_rng(1)
VALUES = RNG.beta(2, 5, 80)
BETTER = VALUES + RNG.normal(0.03, 0.1, 80)
USERS = [f"p{number}" for number in range(80)]


def test_the_interval_is_scipys() -> None:
    mine = bootstrap(VALUES, USERS, seed=0, draws=20_000)
    theirs = scipy.stats.bootstrap(
        (VALUES,), np.mean, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    assert mine.mean == pytest.approx(VALUES.mean())
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.002)


def test_the_paired_test_is_scipys() -> None:
    mine = compare(BETTER, VALUES, USERS, seed=0, draws=20_000)
    theirs = scipy.stats.permutation_test(
        (BETTER, VALUES),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        rng=1,
    )
    assert mine.p_value == pytest.approx(theirs.pvalue, abs=0.01)
    assert mine.interval.mean == pytest.approx(np.mean(BETTER - VALUES))


def test_cases_of_one_user_are_no_evidence_of_their_own() -> None:
    once = bootstrap(VALUES, USERS, seed=0)
    tenfold = bootstrap(np.repeat(VALUES, 10), np.repeat(USERS, 10).tolist(), seed=0)
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_alike_systems_do_not_differ() -> None:
    difference = compare(VALUES, VALUES.copy(), USERS, seed=0)
    assert difference.p_value == 1
    assert not difference.interval.excludes_zero


def test_the_order_of_the_cases_and_what_has_no_value_do_not_matter() -> None:
    order = RNG.permutation(80)
    shuffled = bootstrap(VALUES[order], [USERS[i] for i in order], seed=3)
    assert shuffled == bootstrap(VALUES, USERS, seed=3)
    longer = bootstrap(np.append(VALUES, np.nan), [*USERS, "new"], seed=3)
    assert longer == bootstrap(VALUES, USERS, seed=3)


def test_without_cases_there_is_no_mean() -> None:
    assert np.isnan(bootstrap(np.array([np.nan]), ["p"], seed=0).mean)


def test_what_shares_its_samples_has_the_numbers_that_it_has_alone() -> None:
    """To the last bit, whichever values lack which cases."""
    users = [f"p{number // 3}" for number in range(80)]
    values = {name: RNG.random(80) for name in "abcde"}
    values["b"][[3, 40]] = values["c"][[3, 40]] = np.nan  # for the same cases
    values["d"][:30] = np.nan
    values["e"][:] = np.nan
    together = bootstrap_each(values, users, seed=5)
    for name, own in values.items():
        assert repr(together[name]) == repr(bootstrap(own, users, seed=5))  # repr: NaN is no NaN
    gaps = {name: values[name] - values["a"] for name in "bcd"}
    for name, found in compare_each(gaps, users, seed=5).items():
        assert found == compare(values[name], values["a"], users, seed=5)
    assert len({(found.low, found.high) for found in together.values()}) == 5


def test_samples_in_several_blocks_are_shared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "_BLOCK", 1000)
    found = bootstrap_each({"a": VALUES, "b": BETTER}, USERS, seed=1)
    assert found["b"] == bootstrap(BETTER, USERS, seed=1)
    assert found["a"].mean == pytest.approx(VALUES.mean())
