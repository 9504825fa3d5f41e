"""Which items grow beyond their own past and their market: the statistics of `trending`. Pure.

Users are counted, each once for an item and a period. Of all users of an item, those of the recent
period are a share. Without a trend that share is the market's, give or take how much items
fluctuate by themselves: its logit is normal around the market's, with the deviation that the past
of all items and of this one tell (`fluctuation`). Alarms are those items for which so many users
are too unlikely, with the rate of false alarms held over all items of the market.

Sources: two counts are compared by the share that one is of both, Przyborowski and Wilenski 1940,
"Homogeneity of results in testing samples from Poisson series"
(https://doi.org/10.1093/biomet/31.3-4.313). Alarms: Benjamini and Hochberg 1995, "Controlling the
False Discovery Rate" (https://doi.org/10.1111/j.2517-6161.1995.tb02031.x). Order by the lower
bound of a shrunk ratio: DuMouchel 1999, "Bayesian Data Mining in Large Frequency Tables"
(https://doi.org/10.1080/00031305.1999.10474456). Growth of the market: a trimmed ratio of sums, as
Robinson and Oshlack 2010, "A scaling normalization method for differential expression analysis of
RNA-seq data" (https://doi.org/10.1186/gb-2010-11-3-r25).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xlrec_es.relations.distributions import Mixture, beta_quantile, binomial_tails
from xlrec_es.relations.fluctuation import DEVIATIONS, STEADIEST, deviations_of

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

FALSE_ALARMS = 0.05
"""Of what is shown as trending, so much is expected to be chance at most.

In a week in which nothing trends, it is the probability that anything is shown. Measured in 200
simulated weeks of 2,000 items in which nothing trends (seed 22), of four earlier weeks: something
was shown in 3% of the weeks where users come by chance alone, in 1% where items fluctuate by half
(log-normal) or their rates drift by a fifth a week, in 3% where how much they fluctuate differs
from item to item (median 0.2, log-normal), and in 5% where a tenth of the items fluctuates by half
and the others by a tenth.

What is paid for that: of 100 bursts of items with 20 users a week at least (seed 7), those of three
times the users are found within two weeks 97 times where users come by chance, 16 to 36 times where
items fluctuate by a fifth, 7 times where they drift by a fifth, and never where they fluctuate by
half; those of five times 100, 71 to 80, 50 and 0 times. What such items do by themselves looks the
same: who knew exactly how they fluctuate would find 97, 53 to 62, 22 and 4 of the first.
"""

LEAST_USERS = 5
"""Fewer users in the recent period are no trend, and might be told apart."""

PRIOR_USERS = 20.0
"""So many users who do what the market does are added to each item's, for what growth is told."""

LEVEL = 0.95
"""Of the intervals."""

_KNOWN_USERS = 20
_KNOWN_ITEMS = 20
_MOST_KNOWN = 500
_TRIMMED = 0.1
_SURPRISING = 1.3  # standard errors; the level of alarms is above


@dataclass(frozen=True, slots=True)
class Growth:
    """How an item grew.

    Attributes:
        users: In the recent period.
        expected: Users that its past and its market's growth lead to expect, at the least a
            fraction of one.
        times: Users in place of one that was to be expected, shrunk to 1.
        low: Lower bound of `times`, of a 95% interval.
        high: Upper bound.
    """

    users: int
    expected: float
    times: float
    low: float
    high: float


def find_trends(
    counts: Counts, active: Counts, *, alpha: float = FALSE_ALARMS
) -> dict[int, Growth]:
    """The items of one market that trend.

    Args:
        counts: Shape (n_items, 1 + n_past): users of each item, in the recent period first, and
            in as many earlier ones; at least two.
        active: Shape (1 + n_past,): users of the market in each period.
        alpha: The rate of false alarms.

    Returns:
        By the item's row, the strongest first: by the lower bound of its growth.
    """
    if counts.shape[1] < 3:
        raise ValueError("two earlier periods are needed to see how much items fluctuate")
    if not len(counts):
        return {}
    share = recent_share(counts, active)
    rows = _alarms(_chances(counts, active, share), alpha)
    found = {int(row): one for row, one in zip(rows, _growths(counts[rows], share), strict=True)}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].low, pair[0])))


def recent_share(counts: Counts, active: Counts) -> float:
    """Which share of an item's users is in the recent period where it grows as its market does.

    By the items that are known best in the past, without those that changed most; where there are
    few, by the users of the market.

    Args:
        counts: As for `find_trends`.
        active: As for `find_trends`.
    """
    past = counts[:, 1:].sum(axis=1)
    known = np.flatnonzero(past >= _KNOWN_USERS)
    known = known[np.argsort(-past[known], kind="stable")][:_MOST_KNOWN]
    recent, before = float(active[0]), float(active[1:].sum())
    if len(known) >= _KNOWN_ITEMS:
        order = known[np.argsort(counts[known, 0] / past[known], kind="stable")]
        cut = int(len(order) * _TRIMMED)
        kept = order[cut : len(order) - cut]
        recent, before = float(counts[kept, 0].sum()), float(past[kept].sum())
    # In a market that has just begun, or ended, both are none.
    return (recent + 0.5) / (recent + before + 1)


def _chances(counts: Counts, active: Counts, share: float) -> Floats:
    """How likely so many recent users are without a trend, by item; 1 where it cannot alarm."""
    recent, whole = counts[:, 0], counts.sum(axis=1)
    chances = np.ones(len(counts))
    usual = float(np.log(share / (1 - share)))
    # What is not clearly above its expectation is no alarm, whatever the others are.
    width = np.sqrt(STEADIEST**2 + 1 / (recent + 0.5) + 1 / (whole - recent + 0.5))
    above = np.log((recent + 0.5) / (whole - recent + 0.5)) - usual
    rows = np.flatnonzero((recent >= LEAST_USERS) & (above > _SURPRISING * width))
    likely = deviations_of(counts[:, 1:], active[1:], rows)
    mixed = Mixture(DEVIATIONS, likely)
    chances[rows] = binomial_tails(recent[rows], whole[rows], usual, mixed)
    return chances


def _alarms(chances: Floats, alpha: float) -> NDArray[np.int64]:
    """The rows that are no chance, by the step-up procedure of Benjamini and Hochberg."""
    order = np.argsort(chances, kind="stable")
    limits = alpha * np.arange(1, len(order) + 1) / len(order)
    under = np.flatnonzero(chances[order] <= limits)
    most = under[-1] + 1 if len(under) else 0
    return order[:most].astype(np.int64)


def _growths(counts: Counts, share: float) -> list[Growth]:
    recent = counts[:, 0].astype(float)
    past = counts[:, 1:].sum(axis=1).astype(float)
    a = recent + PRIOR_USERS * share
    b = past + PRIOR_USERS * (1 - share)
    usual = share / (1 - share)

    def times(rate: Floats) -> Floats:
        return rate / (1 - rate) / usual

    side = (1 - LEVEL) / 2
    low, high = (times(beta_quantile(part, a, b)) for part in (side, 1 - side))
    middle = a / b / usual
    expected = past * usual
    columns = zip(counts[:, 0], expected, middle, low, high, strict=True)
    return [Growth(int(row[0]), *map(float, row[1:])) for row in columns]
