"""By how much items fluctuate by themselves, from one period to the next, without a trend. Pure.

In each period the logarithm of an item's rate is off by something, which is partly of that period
alone, and partly stays as a walk does. How large it is differs from item to item: its variance is
log-normal over the catalog. Both are learned of the past periods of all items, by the likelihood on
a grid, so that few items say little and the grid's own breadth remains. Each item's own past then
says which of these variances is its own: a past of four periods says little, and is shrunk a lot.

Sources: variances that are shrunk over many items, Smyth 2004, "Linear models and empirical Bayes
methods for assessing differential expression in microarray experiments"
(https://doi.org/10.2202/1544-6115.1027); by a mixture on a grid, Lu and Stephens 2016, "Variance
adaptive shrinkage" (https://doi.org/10.1093/bioinformatics/btw483). A level that walks, seen with
noise: Muth 1960, "Optimal properties of exponentially weighted forecasts"
(https://doi.org/10.1080/01621459.1960.10482064). Likelihood of contrasts: Patterson and Thompson
1971, "Recovery of inter-block information when block sizes are unequal"
(https://doi.org/10.1093/biomet/58.3.545).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

STEADIEST = 0.1
"""Items are taken to fluctuate by a tenth at least."""

DEVIATIONS: Floats = np.asarray(STEADIEST * 1.14 ** np.arange(25.0), np.float64)
"""By how much the logarithm of the recent rate may be off its past's, as standard deviations."""

_CENTERS = DEVIATIONS[DEVIATIONS <= 1.0]
_SPREADS = np.array([0.05, 0.5, 1.0, 1.5])
"""Standard deviations of the logarithm of an item's variance, over the catalog."""

_WALKS = np.array([0.0, 0.5, 1.0])
"""Parts of what changes from one period to the next that stay."""

_TRENDED = 0.02
"""The part of the items that may have trended in the past, of which nothing is learned."""

_WILD = 0.4
"""Deviations that those are taken to have, at least."""

_TELLING_USERS = 4
_LEARNED = 2000
_CENTERED = 20


def deviations_of(past: Counts, active: Counts, rows: NDArray[np.intp]) -> Floats:
    """How likely each of `DEVIATIONS` is an item's own.

    Args:
        past: Shape (n_items, n_past): users of each item in the earlier periods, the latest first;
            two at least.
        active: Shape (n_past,): users of the market in each of them.
        rows: Shape (n_rows,): the items that are asked for.

    Returns:
        Shape (n_rows, n_deviations); the sum of each row is 1.
    """
    users = past.sum(axis=1)
    telling = users >= _TELLING_USERS * past.shape[1]
    # What is common to all is learned of those that are known best.
    known = np.argsort(-users, kind="stable")[: min(_LEARNED, int(telling.sum()))]
    # Growth that all have in common is none of the item's own.
    growth = np.log(active + 0.5)
    if len(known) >= _CENTERED:
        growth = np.median(np.log(past[known] + 0.5), axis=0)
    usual = _usual(_log_likelihoods(past[known], growth))
    found = np.tile(usual.sum(axis=0), (len(rows), 1))
    tells = telling[rows]
    if tells.any():
        logs = _log_likelihoods(past[rows[tells]], growth)
        likely = np.exp(logs - logs.max(axis=(0, 2), keepdims=True))
        found[tells] = (usual[:, None, :] * likely).sum(axis=0)
    whole: Floats = found / found.sum(axis=1, keepdims=True)
    return whole


def _usual(logs: Floats) -> Floats:
    """How likely deviations are in the catalog, shape (n_walks, n_deviations), 1 in sum.

    Args:
        logs: Shape (n_walks, n_items, n_deviations): of likelihoods.
    """
    priors = _priors()
    said = np.empty((len(logs), len(priors)))
    for number, own in enumerate(logs):
        highest = own.max(axis=1, keepdims=True)
        likely = np.exp(own - highest)
        trended = likely[:, DEVIATIONS >= _WILD].mean(axis=1, keepdims=True)
        mixed = (1 - _TRENDED) * likely @ priors.T + _TRENDED * trended
        said[number] = (np.log(np.maximum(mixed, 1e-300)) + highest).sum(axis=0)
    weights = np.exp(said - said.max())
    usual: Floats = weights @ priors / weights.sum()
    return usual


def _priors() -> Floats:
    """Deviations by each center and spread, shape (n_priors, n_deviations)."""
    off = 2 * np.log(DEVIATIONS / _CENTERS[:, None])
    logs = -0.5 * (off[:, None, :] / _SPREADS[:, None]) ** 2
    priors = np.exp(logs - logs.max(axis=2, keepdims=True))
    priors /= priors.sum(axis=2, keepdims=True)
    whole: Floats = priors.reshape(-1, len(DEVIATIONS))
    return whole


def _log_likelihoods(past: Counts, growth: Floats) -> Floats:
    """Of each item by walk and deviation, shape (n_walks, n_items, n_deviations).

    Args:
        past: Shape (n_items, n_past).
        growth: Shape (n_past,): logarithm of what all items have in common.
    """
    periods = past.shape[1]
    logs = np.log(past + 0.5) - growth
    mean = past.mean(axis=1)
    chance = 1 / mean + 0.5 / mean**2  # of the logarithm of a Poisson count, about its variance
    found = np.empty((len(_WALKS), len(past), len(DEVIATIONS)))
    for number, walk in enumerate(_WALKS):
        contrasts, sizes = _contrasts(float(walk), periods)
        squares = (logs @ contrasts) ** 2
        variances = DEVIATIONS[:, None] ** 2 * sizes + chance[:, None, None]
        found[number] = -0.5 * (np.log(variances) + squares[:, None] / variances).sum(axis=2)
    return found


def _contrasts(walk: float, periods: int) -> tuple[Floats, Floats]:
    """Uncorrelated contrasts of the past periods, and their variances.

    The unit is the variance by which the recent period is off the mean of the past ones.

    Args:
        walk: See `_WALKS`.
        periods: How many past ones there are.
    """
    when = np.arange(periods + 1)
    apart = np.abs(when[:, None] - when)
    squares = 2 * (1 - walk) * (apart > 0) + walk * apart
    recent = np.append(1.0, np.full(periods, -1 / periods))
    unit = -0.5 * recent @ squares @ recent
    free = np.linalg.svd(np.ones((1, periods)))[2][1:].T
    sizes, turned = np.linalg.eigh(free.T @ (-0.5 * squares[1:, 1:] / unit) @ free)
    return free @ turned, sizes
