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
        liked: Shape (m,): numbers of works, in order; of those that the arrays have.
        part: Shape (m,): what each weighs; a user's add up to 1 if the arrays have all.
        likes: Shape (n,): how many works each user likes.
        evidence: Shape (n,): on how many users the indicators of these rest, added up.
        seen_user: Shape (s,): numbers of users, in order.
        seen: Shape (s,): numbers of works that they know, liked or not.
        unknown: Shape (n,): whether there are items, of which the index has none.
        missing: Shape (n,): how many of each one's items the index does not have.
        odd: Shape (n,): whether an item is there that arrays cannot tell of.
    """

    start: Numbers
    liked: Numbers
    part: NDArray[np.float64]
    likes: Numbers
    evidence: NDArray[np.float64]
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
        gone_too: Whether an item that is not in the index counts as a work of this name, which may
            stand in indicators still.
    """

    def __init__(
        self,
        arrays: IndexArrays,
        items: tuple[str, ...],
        rules: WeightRules,
        *,
        gone_too: bool = False,
    ) -> None:
        self._arrays, self._rules, self._gone_too = arrays, rules, gone_too
        known: Mapping[str, int] = arrays.work_of
        named = {name: n for n, name in enumerate(arrays.works) if not arrays.there[n]}
        self._there = np.array([item in known for item in items], bool)
        # What nothing names has a number beyond those of the works.
        self._work = np.array(
            [
                known.get(item, named.get(item, len(arrays.works) + number))
                for number, item in enumerate(items)
            ],
            np.int64,
        )
        self._odd = np.array([item in arrays.odd for item in items], bool)
        order = sorted(range(len(items)), key=items.__getitem__)
        self._order = np.empty(len(items), np.int64)  # in which weights that are equal come
        self._order[order] = np.arange(len(items))

    def tastes(self, histories: Histories) -> Tastes:
        """What these users like."""
        user, item, weight = self._weighed(histories)
        n, works = len(histories), len(self._arrays.works)
        there = self._there[item]
        missing = np.bincount(user[~there], minlength=n)
        odd = np.bincount(user[self._odd[item]], minlength=n) > 0
        unknown = (missing > 0) & (missing == np.bincount(user, minlength=n))
        if not self._gone_too:
            user, item, weight = user[there], item[there], weight[there]
        # What is said of a work and of its documents adds up.
        numbers = works + len(self._work)
        pairs, which = np.unique(user * numbers + self._work[item], return_inverse=True)
        total = np.bincount(which, weights=weight, minlength=len(pairs)).astype(np.float64)
        owner, seen = np.divmod(pairs, numbers)
        positive = total > 0
        liker, liked, says = owner[positive], seen[positive], total[positive]
        part = says / _sums(says, liker, n)[liker]
        has = liked < works
        evidence = np.bincount(
            liker[has], weights=self._arrays.evidence[liked[has]], minlength=n
        ).astype(np.float64)
        kept = seen < works
        return Tastes(
            np.r_[0, np.cumsum(np.bincount(liker[has], minlength=n))],
            liked[has],
            part[has],
            np.bincount(liker, minlength=n),
            evidence,
            owner[kept],
            seen[kept],
            unknown,
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


def _sums(values: NDArray[np.float64], user: Numbers, users: int) -> NDArray[np.float64]:
    """Sums by user of numbers that stand together, rounded once: as `math.fsum`, nearly always."""
    sums = np.zeros(users)
    begin = np.flatnonzero(np.r_[True, user[1:] != user[:-1]][: len(user)])
    if len(begin):
        sums[user[begin]] = np.add.reduceat(values.astype(np.longdouble), begin)
    return sums


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
