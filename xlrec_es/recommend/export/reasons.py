"""Why documents are shown, for a block of users: `explanations` for the collaborative retriever."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xlrec_es.recommend.answer.explanations import LEAST_PART, MAX_REASONS
from xlrec_es.recommend.export.index_arrays import IndexArrays, Numbers, places_in
from xlrec_es.recommend.export.lists import Found
from xlrec_es.recommend.export.tastes import Tastes

_USERS = 64


@dataclass(frozen=True, slots=True)
class Reasons:
    """The works that spoke for documents.

    Attributes:
        start: Shape (n + 1,): where those of each document begin and end.
        work: Shape (m,): numbers of works, the strongest first.
        share: Shape (m,): each one's part of the score.
    """

    start: Numbers
    work: Numbers
    share: NDArray[np.float64]

    def part(self, first: int, last: int) -> Reasons:
        """Those of the documents from one to before another."""
        start = self.start[first : last + 1]
        mine = slice(start[0], start[-1])
        return Reasons(start - start[0], self.work[mine], self.share[mine])


class Explainer:
    """Explains lists of one index."""

    def __init__(self, arrays: IndexArrays) -> None:
        self._arrays = arrays
        self._parts = np.zeros(_USERS * len(arrays.works))

    def reasons(self, shown: Found, tastes: Tastes) -> Reasons:
        """The strongest reasons of each document that is shown."""
        users = len(tastes.start) - 1
        numbers, works, shares = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
        for first in range(0, users, _USERS):
            begin, end = np.searchsorted(shown.user, (first, first + _USERS))
            number, work, share = self._of_some(shown, tastes, first, slice(begin, end))
            numbers.append(number + begin)
            works.append(work)
            shares.append(share)
        many = np.bincount(np.concatenate(numbers), minlength=len(shown.user))
        return Reasons(np.r_[0, np.cumsum(many)], np.concatenate(works), np.concatenate(shares))

    def _of_some(
        self, shown: Found, tastes: Tastes, first: int, mine: slice
    ) -> tuple[Numbers, Numbers, NDArray[np.float64]]:
        works, indicators = len(self._arrays.works), self._arrays.documents.indicators
        last = min(first + _USERS, len(tastes.start) - 1)
        liked = slice(tastes.start[first], tastes.start[last])
        owner = np.repeat(np.arange(last - first), np.diff(tastes.start[first : last + 1]))
        cells = owner * works + tastes.liked[liked]
        self._parts[cells] = tastes.part[liked]
        document, user = shown.document[mine], shown.user[mine] - first
        many = indicators.start[document + 1] - indicators.start[document]
        entry = places_in(indicators.start[document], many)
        number = np.repeat(np.arange(len(document)), many)
        work = indicators.column[entry]
        spoke = self._parts[user[number] * works + work] * indicators.value[entry]
        self._parts[cells] = 0.0
        heard = spoke > 0
        number, work, spoke = number[heard], work[heard], spoke[heard]
        total = np.bincount(number, weights=spoke, minlength=len(document))[number]
        told = spoke > LEAST_PART * total
        number, work, share = number[told], work[told], (spoke / total)[told]
        order = np.lexsort((work, -share, number))
        number = number[order]
        begin = np.searchsorted(number, number)
        strongest = np.arange(len(number)) - begin < MAX_REASONS
        order = order[strongest]
        return number[strongest], work[order], share[order]
