"""What many users like, as arrays: `weighting.weigh` and `plan.make_plan`, for a block of users.

The twin of both in numpy; a test shows that the lists that come of it are those that are served.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xlrec_es.interactions.by_user import Histories
from xlrec_es.interactions.weighting import WeightRules, event_weight
from xlrec_es.recommend.export.index_arrays import IndexArrays, Numbers

_SILENT = 1e-9  # as in `weigh`
_DAY_US = 86_400e6


@dataclass(frozen=True, slots=True)
class Tastes:
    """What a block of users like.

    Attributes:
        start: Shape (n + 1,): where each user's liked works begin and end.
        liked: Shape (m,): numbers of works, in order.
        part: Shape (m,): what each weighs; a user's add up to 1.
        seen_user: Shape (s,): numbers of users.
        seen: Shape (s,): numbers of works that they know, liked or not.
        unknown: Shape (n,): whether the index has nothing of what is there of the user.
        missing: Shape (n,): how many of each one's items the index does not have.
        odd: Shape (n,): whether an item is there that arrays cannot tell of.
    """

    start: Numbers
    liked: Numbers
    part: NDArray[np.float64]
    seen_user: Numbers
    seen: Numbers
    unknown: NDArray[np.bool_]
    missing: Numbers
    odd: NDArray[np.bool_]


class TasteReader:
    """Weighs histories whose items have the numbers of one file.

    Args:
        arrays: The index.
        items: Ids of the file's items by number.
        rules: What each interaction weighs.
    """

    def __init__(self, arrays: IndexArrays, items: tuple[str, ...], rules: WeightRules) -> None:
        self._rules = rules
        self._works = len(arrays.works)
        find: Mapping[str, int] = arrays.work_of
        self._work = np.array([find.get(item, -1) for item in items], np.int64)
        self._odd = np.array([item in arrays.odd for item in items], bool)
        order = sorted(range(len(items)), key=items.__getitem__)
        self._order = np.empty(len(items), np.int64)  # in which weights that are equal come
        self._order[order] = np.arange(len(items))

    def tastes(self, histories: Histories) -> Tastes:
        """What these users like."""
        user, item, weight = self._weighed(histories)
        work, n = self._work[item], len(histories)
        there = work >= 0
        missing = np.bincount(user[~there], minlength=n)
        odd = np.bincount(user[self._odd[item]], minlength=n) > 0
        many = np.bincount(user, minlength=n)
        # What is said of a work and of its documents adds up.
        key = user[there] * self._works + work[there]
        pairs, which = np.unique(key, return_inverse=True)
        total = np.bincount(which, weights=weight[there], minlength=len(pairs))
        positive = total > 0
        owner, seen = np.divmod(pairs, self._works)
        liker = owner[positive]
        sums = np.bincount(liker, weights=total[positive], minlength=n)
        length = np.bincount(liker, minlength=n)
        return Tastes(
            np.r_[0, np.cumsum(length)],
            seen[positive],
            total[positive] / sums[liker],
            owner,
            seen,
            (many > 0) & (many == missing),
            missing,
            odd,
        )

    def _weighed(self, histories: Histories) -> tuple[Numbers, Numbers, NDArray[np.float64]]:
        """By user and item what it weighs; 0 where it says nothing."""
        rows, n = histories.rows, len(histories)
        owner = np.repeat(np.arange(n), np.diff(histories.start))
        weight = self._own_weights(histories)
        factor = _ratings(rows["rating"], histories.start) * weight
        factor *= self._ages(rows["time"], histories.start, owner)
        most = len(self._work)
        pairs, which = np.unique(owner * most + rows["item"], return_inverse=True)
        total = np.bincount(which, weights=factor, minlength=len(pairs)).astype(np.float64)
        user, item = np.divmod(pairs, most)
        total[self._beyond(user, item, total, n)] = 0.0
        total[np.abs(total) <= _SILENT] = 0.0
        return user, item, total

    def _own_weights(self, histories: Histories) -> NDArray[np.float64]:
        known = [event_weight(event, self._rules.events) for event in histories.events]
        by_event = np.array([math.nan if weight is None else weight for weight in known])
        given = histories.rows["weight"]
        own: NDArray[np.float64] = np.where(
            np.isnan(given), by_event[histories.rows["event"]], given
        )
        return own

    def _ages(
        self, time: NDArray[np.float64], start: Numbers, owner: Numbers
    ) -> NDArray[np.float64]:
        """What age leaves of each interaction."""
        half_life = self._rules.half_life_days
        if half_life is None or np.isnan(time).all():
            return np.ones(len(time))
        moment = np.rint(time * 1e6)  # a `datetime` has microseconds
        latest = np.fmax.reduceat(moment, start[:-1])
        age_days = (latest[owner] - moment) / _DAY_US
        left: NDArray[np.float64] = np.where(np.isnan(moment), 1.0, 0.5 ** (age_days / half_life))
        return left

    def _beyond(self, user: Numbers, item: Numbers, total: NDArray[np.float64], n: int) -> Numbers:
        """The pairs that are not among the heaviest of their user."""
        most, many = self._rules.max_items, np.bincount(user, minlength=n)
        long = np.flatnonzero((many > most)[user])
        if not len(long):
            return long
        order = np.lexsort((self._order[item[long]], -np.abs(total[long]), user[long]))
        heaviest = long[order]
        sorted_user = user[heaviest]
        first = np.searchsorted(sorted_user, sorted_user)
        beyond: Numbers = heaviest[np.arange(len(heaviest)) - first >= most]
        return beyond


def _ratings(rating: NDArray[np.float64], start: Numbers) -> NDArray[np.float64]:
    """Each rating as -1..1 around the user's mean, as `weighting` has it; 1 without one."""
    factor = np.ones(len(rating))
    rated = ~np.isnan(rating)
    if not rated.any():
        return factor
    for begin, end in zip(start[:-1].tolist(), start[1:].tolist(), strict=True):
        mine = rated[begin:end]
        values = rating[begin:end][mine]
        if not len(values):
            continue
        mean = math.fsum(values.tolist()) / len(values)
        width = float(np.abs(values - mean).max())
        if width >= _SILENT:
            factor[begin:end][mine] = (values - mean) / width
    return factor
