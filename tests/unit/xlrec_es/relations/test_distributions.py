"""The probabilities are those of SciPy, which the query side does without."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from xlrec_es.relations.distributions import (
    Mixture,
    beta_below,
    beta_quantile,
    binomial_tails,
    normal_above,
)


@pytest.mark.parametrize("deviation", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("trials", [7, 60, 5000])
def test_tails_of_binomials_whose_logit_is_normal(deviation: float, trials: int) -> None:
    """Against the sum over rates: SciPy's binomial tails, weighed by the normal's density."""
    counts = np.array(sorted({1, trials // 5, trials // 2, trials}))
    off = np.linspace(-9, 9, 20_001)
    rates = special.expit(-1.4 + deviation * off)
    tails = stats.binom.sf(counts[:, None] - 1, trials, rates)
    expected = (tails * stats.norm.pdf(off)).sum(axis=1) * (off[1] - off[0])
    mixed = Mixture(np.array([deviation, 9.0]), np.tile([1.0, 0.0], (len(counts), 1)))
    found = binomial_tails(counts, np.full(len(counts), trials), -1.4, mixed)
    assert found == pytest.approx(expected, rel=0.01)


def test_a_mixture_is_the_mean_of_its_parts() -> None:
    counts, trials = np.array([30, 30, 30]), np.array([60, 60, 60])
    weights = np.array([[1, 0], [0, 1], [0.25, 0.75]])
    calm, wild, mixed = binomial_tails(counts, trials, -1.4, Mixture(np.array([0.1, 1]), weights))
    assert calm < wild
    assert mixed == pytest.approx(0.25 * calm + 0.75 * wild)


def test_the_normal_above() -> None:
    z = np.array([-9, -1.5, 0, 0.3, 2, 5, 8, 30.0])
    assert normal_above(z) == pytest.approx(stats.norm.sf(z), rel=1e-6)


def test_the_incomplete_beta_and_its_inverse() -> None:
    a = np.array([0.3, 1.0, 5.0, 40.0, 900.0, 12.0, 30_000.0])
    b = np.array([0.7, 1.0, 90.0, 40.0, 3000.0, 0.5, 90_000.0])
    for x in (0.001, 0.05, 0.24, 0.5, 0.93):
        found = beta_below(np.full(len(a), x), a, b)
        assert found == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-9)
    for share in (0.025, 0.5, 0.975):
        assert beta_quantile(share, a, b) == pytest.approx(stats.beta.ppf(share, a, b), abs=1e-7)
