from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from xlrec_es.evaluate.significance import bootstrap, compare

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
