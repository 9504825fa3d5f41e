"""The probabilities are those of SciPy, which the query side does without."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xlrec_es.relations.distributions import beta_below, beta_binomial_tail, beta_quantile


@pytest.mark.parametrize(("a", "b"), [(0.5, 2.0), (4.0, 16.0), (80.0, 320.0), (2000.0, 8000.0)])
@pytest.mark.parametrize("trials", [1, 7, 60, 5000])
def test_tails_of_the_beta_binomial(a: float, b: float, trials: int) -> None:
    for successes in {0, 1, trials // 5, trials // 2, trials}:
        # Its own `sf` is one minus the rest, which is too coarse for what is rare.
        expected = stats.betabinom.pmf(np.arange(successes, trials + 1), trials, a, b).sum()
        found = beta_binomial_tail(successes, trials, a, b)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_the_incomplete_beta_and_its_inverse() -> None:
    a = np.array([0.3, 1.0, 5.0, 40.0, 900.0, 12.0, 30_000.0])
    b = np.array([0.7, 1.0, 90.0, 40.0, 3000.0, 0.5, 90_000.0])
    for x in (0.001, 0.05, 0.24, 0.5, 0.93):
        found = beta_below(np.full(len(a), x), a, b)
        assert found == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-9)
    for share in (0.025, 0.5, 0.975):
        assert beta_quantile(share, a, b) == pytest.approx(stats.beta.ppf(share, a, b), abs=1e-7)
