"""How far a mean can be trusted: bootstrap intervals, and paired comparisons. Pure.

Users are drawn, not cases: what one user likes in two languages is no independent evidence.

Sources: percentile bootstrap, Efron and Tibshirani 1993, "An Introduction to the Bootstrap"; test
by signs turned at random, Smucker, Allan and Carterette 2007, "A Comparison of Statistical
Significance Tests for Information Retrieval Evaluation"
(https://doi.org/10.1145/1321440.1321528).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key", bound=Hashable)

DRAWS = 2000
"""Samples of users; the ends of an interval then move by about a fiftieth of its width."""

_BLOCK = 2_000_000  # numbers in memory at a time


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and where it lies with 95% confidence.

    Attributes:
        mean: Over the cases; NaN without any.
        low: 2.5% of the samples lie below.
        high: 2.5% of the samples lie above.
    """

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the mean is significantly above or below zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One system against another, on the same cases.

    Attributes:
        interval: Of the mean of (this - other).
        p_value: How often the difference would be as large if the two were alike; two-sided.
    """

    interval: Interval
    p_value: float


def bootstrap(
    values: NDArray[np.float64],
    users: Sequence[str],
    *,
    seed: int,
    draws: int = DRAWS,
    weights: NDArray[np.float64] | None = None,
) -> Interval:
    """The mean of the values with its interval.

    Args:
        values: Shape (n_cases,); NaN is left out.
        users: Whose case each is.
        seed: Same seed and values, same interval.
        draws: Samples.
        weights: Shape (n_cases,), above zero: of each value in the mean; None: all alike.
    """
    sums, counts = _by_user(values, users, weights)
    if not len(sums):
        return Interval(math.nan, math.nan, math.nan)
    [means] = _sampled_means([sums], counts, seed, draws)
    return _interval(sums, counts, means)


def bootstrap_each(
    values: Mapping[Key, NDArray[np.float64]],
    users: Sequence[str],
    *,
    seed: int,
    draws: int = DRAWS,
) -> dict[Key, Interval]:
    """The interval of each of several measures, or systems, over the same cases.

    They are those of `bootstrap`. It draws samples of users, which takes fifty times as long as the
    means of a sample; here all that is known of the same cases shares its samples.

    Args:
        values: Shape (n_cases,) each; NaN is left out.
        users: Whose case each is.
        seed: Same seed and values, same intervals.
        draws: Samples.
    """
    found: dict[Key, Interval] = {}
    for sums, counts in _alike(values, users):
        if len(counts):
            means = _sampled_means([*sums.values()], counts, seed, draws)
            for (key, own), sampled in zip(sums.items(), means, strict=True):
                found[key] = _interval(own, counts, sampled)
        else:
            found |= dict.fromkeys(sums, Interval(math.nan, math.nan, math.nan))
    return found


def _interval(
    sums: NDArray[np.float64], counts: NDArray[np.float64], means: NDArray[np.float64]
) -> Interval:
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(sums.sum() / counts.sum()), float(low), float(high))


def difference_of_groups(
    one: tuple[NDArray[np.float64], Sequence[str]],
    other: tuple[NDArray[np.float64], Sequence[str]],
    *,
    seed: int,
    draws: int = DRAWS,
) -> Interval:
    """How far one group's mean is above another's, where no user is in both.

    Args:
        one: Values, and whose each is.
        other: Likewise.
        seed: Same seed and values, same interval.
        draws: Samples.
    """
    groups = [_by_user(values, users) for values, users in (one, other)]
    sampled = [
        _sampled_means([sums], counts, seed + number, draws)[0]
        for number, (sums, counts) in enumerate(groups)
    ]
    low, high = np.quantile(sampled[0] - sampled[1], [0.025, 0.975])
    means = [float(sums.sum() / counts.sum()) for sums, counts in groups]
    return Interval(means[0] - means[1], float(low), float(high))


def _sampled_means(
    sums: Sequence[NDArray[np.float64]], counts: NDArray[np.float64], seed: int, draws: int
) -> list[NDArray[np.float64]]:
    """Of each of several sums by user the mean in each sample of users, shape (draws,) each."""
    rng = np.random.default_rng(seed)
    n = len(counts)
    means: list[list[NDArray[np.float64]]] = [[] for _ in sums]
    for size in _blocks(draws, n):
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=size)  # (size, n_users)
        times = drawn.astype(np.float64)
        weight = times @ counts
        for own, total in zip(means, sums, strict=True):
            own.append((times @ total) / weight)
    return [np.concatenate(own) for own in means]


def compare(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    users: Sequence[str],
    *,
    seed: int,
    draws: int = DRAWS,
) -> Difference:
    """Whether one system is better than the other, user by user.

    Args:
        one: Shape (n_cases,); NaN is left out.
        other: The same cases.
        users: Whose case each is.
        seed: Same seed and values, same answer.
        draws: Samples.
    """
    return compare_each({"": one - other}, users, seed=seed, draws=draws)[""]


def compare_each(
    gaps: Mapping[Key, NDArray[np.float64]],
    users: Sequence[str],
    *,
    seed: int,
    draws: int = DRAWS,
) -> dict[Key, Difference]:
    """Whether one system is better than each of several others; see `compare`, `bootstrap_each`.

    Args:
        gaps: How far it is above each, shape (n_cases,); NaN is left out.
        users: Whose case each is.
        seed: Same seed and values, same answers.
        draws: Samples.
    """
    intervals = bootstrap_each(gaps, users, seed=seed, draws=draws)
    as_large = dict.fromkeys(gaps, 1)  # the difference as it is
    for sums, counts in _alike(gaps, users):
        rng = np.random.default_rng(seed)
        for size in _blocks(draws, len(counts)):
            signs = rng.integers(0, 2, (size, len(counts))) * 2.0 - 1.0
            for key, own in sums.items():
                # What differs by rounding alone is as large, too.
                reached = abs(own.sum()) - 1e-9
                as_large[key] += int((np.abs(signs @ own) >= reached).sum())
    return {key: Difference(intervals[key], as_large[key] / (draws + 1)) for key in gaps}


def _alike(
    values: Mapping[Key, NDArray[np.float64]], users: Sequence[str]
) -> Iterator[tuple[dict[Key, NDArray[np.float64]], NDArray[np.float64]]]:
    """Each user's sums of those values that are there for the same cases, and how many they are."""
    alike: defaultdict[bytes, list[Key]] = defaultdict(list)
    for key, some in values.items():
        alike[np.isnan(some).tobytes()].append(key)
    for keys in alike.values():
        there = ~np.isnan(values[keys[0]])
        number = _numbers(users, there)
        sums = {key: np.bincount(number, values[key][there]).astype(np.float64) for key in keys}
        yield sums, np.bincount(number).astype(np.float64)


def _by_user(
    values: NDArray[np.float64],
    users: Sequence[str],
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted sum and weight of each user's values; users in order of their ids."""
    there = ~np.isnan(values)
    weight = np.ones(len(values)) if weights is None else weights
    numbers = _numbers(users, there)
    sums = np.bincount(numbers, (values * weight)[there]).astype(np.float64)
    return sums, np.bincount(numbers, weight[there]).astype(np.float64)


def _numbers(users: Sequence[str], there: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The number of each case's user, in order of their ids; of some cases."""
    names = np.asarray(users, dtype=object)[there].astype(str)
    numbers: NDArray[np.intp] = np.unique(names, return_inverse=True)[1]
    return numbers


def _blocks(draws: int, users: int) -> list[int]:
    """Sizes that add up to `draws`, each small enough for memory."""
    size = max(1, _BLOCK // max(1, users))
    return [min(size, draws - start) for start in range(0, draws, size)]


def plain(found: Interval | Difference) -> dict[str, Any]:
    """An interval or a comparison as JSON has it: what is no number is null."""
    if isinstance(found, Difference):
        return {**plain(found.interval), "p_value": found.p_value}
    return {name: None if math.isnan(x) else x for name, x in asdict(found).items()}
