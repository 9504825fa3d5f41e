"""Intervals that may be looked at every day. Pure.

An ordinary interval of 95% holds for one look. Who looks daily, and stops when it leaves zero, is
wrong in far more than 5% of the experiments in which nothing differs. A confidence sequence holds
for all looks together: it may be looked at any time, and stopped at any of them.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform central limit theory and
asymptotic confidence sequences" (https://doi.org/10.1214/24-AOS2408), equations 9 and 10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xlrec_es.evaluate.significance import Interval

ALPHA = 0.05
EXPECTED_USERS = 10_000
"""Users of both variants for which the interval is made as narrow as it can be; it holds for any
number. It is fixed before the experiment: chosen by what was seen, it would hold no more."""

LEAST_USERS = 100
"""Of each variant, before anything is said: the theory is asymptotic."""


def by_user(
    clicked: NDArray[np.float64], users: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clicks and rows of each user.

    Args:
        clicked: Shape (n_rows,).
        users: Whose row each is.

    Returns:
        Two arrays of shape (n_users,).
    """
    _, row_user = np.unique(np.asarray(users, dtype=object), return_inverse=True)
    clicks = np.bincount(row_user, weights=clicked).astype(np.float64)
    return clicks, np.bincount(row_user).astype(np.float64)


def rate_and_variance(
    clicks: NDArray[np.float64], shown: NDArray[np.float64]
) -> tuple[float, float]:
    """The click-through rate, and the variance of one user's part in it (delta method).

    Rows of one user are not independent of each other; users are.

    Args:
        clicks: By user, shape (n_users,).
        shown: By user, shape (n_users,); above zero.
    """
    rate = clicks.sum() / shown.sum()
    parts = (clicks - rate * shown) / shown.mean()
    return float(rate), float(parts.var(ddof=1))


def radius(variance: float, users: float, *, alpha: float = ALPHA) -> float:
    """Half the width of a confidence sequence for a mean.

    Args:
        variance: Of one user's value.
        users: How many were seen.
        alpha: With which probability the mean is ever outside.
    """
    told = -2 * math.log(alpha)
    rho2 = (told + math.log(told + 1)) / EXPECTED_USERS
    inside = (users * rho2 + 1) / (users**2 * rho2)
    return math.sqrt(2 * variance * inside * math.log(math.sqrt(users * rho2 + 1) / alpha))


def difference(
    one: tuple[NDArray[np.float64], NDArray[np.float64]],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    alpha: float = ALPHA,
) -> Interval | None:
    """How far one click-through rate is above another, with an interval for any number of looks.

    Args:
        one: Clicks and rows by user; see `by_user`.
        other: Likewise.
        alpha: With which probability the difference is ever outside.

    Returns:
        None while either has fewer than `LEAST_USERS` users.
    """
    sizes = (len(one[0]), len(other[0]))
    if min(sizes) < LEAST_USERS:
        return None
    (rate, variance), (other_rate, other_variance) = (
        rate_and_variance(*one),
        rate_and_variance(*other),
    )
    users = sum(sizes)
    # As if it was one mean of all users: each variant's part weighs as its share of them is small.
    whole = users * (variance / sizes[0] + other_variance / sizes[1])
    half = radius(whole, users, alpha=alpha)
    gap = rate - other_rate
    return Interval(gap, gap - half, gap + half)
