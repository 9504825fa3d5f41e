"""Probabilities of counts and of rates, in numpy alone. Pure."""

from __future__ import annotations

from math import inf, lgamma, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 300
_TINY = 1e-300
_CLOSE = 1e-12
_HALVINGS = 60


def beta_binomial_tail(successes: int, trials: int, a: float, b: float) -> float:
    """The probability of so many successes or more, where their rate is drawn from Beta(a, b).

    Source: Skellam 1948, "A probability distribution derived from the binomial distribution by
    regarding the probability of success as variable between the sets of trials"
    (https://doi.org/10.1111/j.2517-6161.1948.tb00014.x).

    Args:
        successes: 0 to `trials`.
        trials: How many there were.
        a: Above zero.
        b: Above zero.
    """
    if successes <= 0:
        return 1.0
    first = (
        _log_choose(trials, successes)
        + _log_beta(successes + a, trials - successes + b)
        - _log_beta(a, b)
    )
    j = np.arange(successes, trials, dtype=float)
    # Of each probability to the one before it.
    ratios = (trials - j) / (j + 1) * (a + j) / (b + trials - j - 1)
    logs = first + np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    return float(min(1.0, np.exp(logs).sum()))


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


def _log_choose(n: int, k: int) -> float:
    return -log(n + 1) - _log_beta(n - k + 1, k + 1)
