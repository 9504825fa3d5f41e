"""Probabilities of counts and of rates, in numpy alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, lgamma

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 300
_TINY = 1e-300
_CLOSE = 1e-12
_HALVINGS = 60
_AT_ONCE = 100
_NODES = np.linspace(-9.0, 7.0, 81)  # standard deviations of a logit, which is skewed to the left
_ERFC = (
    *(-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806),
    *(0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277),
)


@dataclass(frozen=True, slots=True)
class Mixture:
    """Normals around one center, as a mixture for each of several counts.

    Attributes:
        deviations: Shape (k,): standard deviations.
        weights: Shape (n, k): of each, 1 in sum.
    """

    deviations: Floats
    weights: Floats


def binomial_tails(
    successes: NDArray[np.int64], trials: NDArray[np.int64], center: float, mixed: Mixture
) -> Floats:
    """The probability of so many successes or more, where the logit of their rate is normal.

    To a hundredth of itself. It is the mean of the normal's tail over Beta(successes, failures +
    1), by the trapezoid rule: a binomial tail is an incomplete beta. Counts of which the logarithm
    of the rate is normal: Bulmer 1974, "On fitting the Poisson lognormal distribution to
    species-abundance data"
    (https://doi.org/10.2307/2529621).

    Args:
        successes: Shape (n,), 1 at least.
        trials: Shape (n,), how many there were.
        center: Of the logit.
        mixed: How far off it may be.
    """
    found = np.empty(len(successes))
    for start in range(0, len(successes), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        a, b = successes[some].astype(float), trials[some] - successes[some] + 1.0
        widths = np.sqrt(1 / a + 1 / b)[:, None]
        logits = np.log(a / b)[:, None] + widths * _NODES
        whole = np.array([_log_beta(one, other) for one, other in zip(a, b, strict=True)])
        logs = a[:, None] * logits - (a + b)[:, None] * np.logaddexp(0, logits) - whole[:, None]
        weights = np.exp(logs) * widths * (_NODES[1] - _NODES[0])
        above = normal_above((logits - center)[:, :, None] / mixed.deviations)
        found[some] = np.einsum("ng,ngk,nk->n", weights, above, mixed.weights[some])
    most: Floats = np.minimum(1.0, found)
    return most


def normal_above(z: Floats) -> Floats:
    """The probability that a standard normal is above z, to seven digits of itself.

    Source: Press, Teukolsky, Vetterling and Flannery 1992, "Numerical Recipes in C", 2nd edition,
    section 6.2: a Chebyshev fit of the complementary error function.

    Args:
        z: Any shape.
    """
    x = np.abs(z) / np.sqrt(2)
    t = 1 / (1 + x / 2)
    above = 0.5 * t * np.exp(-(x**2) + np.polynomial.polynomial.polyval(t, _ERFC))
    whole: Floats = np.where(z >= 0, above, 1 - above)
    return whole


def beta_below(x: Floats, a: Floats, b: Floats) -> Floats:
    """The probability that a rate of Beta(a, b) is below x: the regularized incomplete beta.

    By a continued fraction, in Lentz's way (DLMF 8.17.22, https://dlmf.nist.gov/8.17#E22).

    Args:
        x: Shape (n,), within 0 and 1.
        a: Shape (n,), above zero.
        b: Shape (n,), above zero.
    """
    swap = x > (a + 1) / (a + b + 2)  # there the fraction converges fast from the other side
    x, a, b = np.where(swap, 1 - x, x), np.where(swap, b, a), np.where(swap, a, b)
    fraction = _fraction(x, a, b)
    with np.errstate(divide="ignore"):
        logs = a * np.log(x) + b * np.log1p(-x)
    logs -= np.array([_log_beta(one, other) for one, other in zip(a, b, strict=True)])
    below = np.exp(logs) * fraction / a
    return np.clip(np.where(swap, 1 - below, below), 0.0, 1.0)


def beta_quantile(share: float, a: Floats, b: Floats) -> Floats:
    """Below which a rate of Beta(a, b) is with a probability; by bisection, shape (n,).

    Args:
        share: The probability, within 0 and 1.
        a: Shape (n,), above zero.
        b: Shape (n,), above zero.
    """
    low, high = np.zeros(len(a)), np.ones(len(a))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        under = beta_below(middle, a, b) < share
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return (low + high) / 2


def _fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    c = np.ones_like(x)
    d = 1 / _not_zero(1 - (a + b) * x / (a + 1))
    whole = d.copy()
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = np.full_like(x, inf)
        for part in (even, odd):
            d = 1 / _not_zero(1 + part * d)
            c = _not_zero(1 + part / c)
            change = c * d
            whole = whole * change
        if np.all(np.abs(change - 1) < _CLOSE):
            break
    return whole


def _not_zero(values: Floats) -> Floats:
    return np.where(np.abs(values) < _TINY, _TINY, values)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
