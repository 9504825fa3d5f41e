"""The lists of a block of users, by their indicators: search, order, slots.

The twin in numpy of what a collaborative search answers, of `ranking.rank` and of `results.choose`;
a test shows that the lists are those that are served, place by place. Elasticsearch multiplies in
float32, adds up in float64, and gives a float32; so does this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xlrec_es.recommend.answer import reranking
from xlrec_es.recommend.answer.fusion import Fused
from xlrec_es.recommend.export.index_arrays import IndexArrays, Numbers, Rows, places_in
from xlrec_es.recommend.export.tastes import Tastes
from xlrec_es.recommend.options import AUTO, CASCADE, RECIPROCAL_RANK, Options
from xlrec_es.recommend.request.plan import is_shared, target_tags
from xlrec_es.recommend.request.profile import Profile
from xlrec_es.recommend.request.queries import shared_depth

_KINDS = 1000
"""So many sets of target languages are remembered: of forty languages, every user has another."""

_SCORE_BITS = 31  # of a float32 above zero
_HIGHEST = np.uint64((1 << _SCORE_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates of a block's users, or those of them that are shown, user by user, best first.

    Attributes:
        user: Shape (n,): numbers of users.
        document: Shape (n,): numbers of documents.
        language: Shape (n,): number of the target language.
        rank: Shape (n,): place in the retriever's list of the language, from 1.
        said: Shape (n,): the retriever's own score.
        score: Shape (n,): what it is worth among the user's candidates, 0..1.
    """

    user: Numbers
    document: Numbers
    language: Numbers
    rank: Numbers
    said: NDArray[np.float64]
    score: NDArray[np.float64]

    def at(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> Found:
        """Some of them."""
        return Found(
            self.user[places],
            self.document[places],
            self.language[places],
            self.rank[places],
            self.said[places],
            self.score[places],
        )


class Targets:
    """Which target languages users have.

    Args:
        arrays: The index.
        options: How recommendations are made.
        languages: Target languages; None for all but those of what each one likes.
    """

    def __init__(
        self, arrays: IndexArrays, options: Options, languages: Iterable[str] | None
    ) -> None:
        self._arrays, self._options = arrays, options
        self._languages = None if languages is None else list(languages)
        self._number: dict[bytes, int] = {}
        self.names: list[tuple[str, ...]] = []
        """Target languages, by the number that `of` gave last."""
        self.group = np.empty((0, len(arrays.tags)), np.int64)
        """Shape (n, n_tags): which of them names a tag, or -1."""

    def _forget(self) -> None:
        self._number, self.names = {}, []
        self.group = self.group[:0]

    def of(self, tastes: Tastes) -> Numbers:
        """The number of each user's target languages.

        Raises:
            UsageError: No target language.
            UnknownLanguage: One that the index does not have.
        """
        if len(self.names) > _KINDS:
            self._forget()
        users = len(tastes.start) - 1
        tags = np.zeros((users, len(self._arrays.tags)), bool)
        if self._languages is None:
            likes = np.diff(tastes.start) > 0
            has = self._arrays.has_tag[tastes.liked]
            if len(has):
                tags[likes] = np.logical_or.reduceat(has, tastes.start[:-1][likes], axis=0)
        return np.array([self._of_tags(row) for row in tags], np.int64)

    def _of_tags(self, has: NDArray[np.bool_]) -> int:
        key = has.tobytes()
        if key not in self._number:
            known = [tag for tag, there in zip(self._arrays.tags, has, strict=True) if there]
            someone = Profile((), {}, (), {}, {}, {tag: {} for tag in known})
            found = target_tags(self._languages, self._arrays.live, someone, self._options)
            place = {tag: number for number, tags in enumerate(found.values()) for tag in tags}
            row = [[place.get(tag, -1) for tag in self._arrays.tags]]
            self.group = np.concatenate([self.group, np.array(row, np.int64)])
            self._number[key] = len(self.names)
            self.names.append(tuple(found))
        return self._number[key]


class ListMaker:
    """Makes lists of one index.

    Args:
        arrays: The index.
        options: How, deep enough; `fusion` is one of `options.FUSIONS`.
        targets: Of the users.
        size: Places of a list.
    """

    def __init__(
        self, arrays: IndexArrays, options: Options, targets: Targets, *, size: int
    ) -> None:
        self._arrays, self._options, self._targets, self._size = arrays, options, targets, size
        self._shared = is_shared(str(options.fusion), options)
        ids = arrays.documents.ids
        self._bits = max(1, len(ids)).bit_length()  # of a document's number
        own = np.arange(len(ids))
        self._of_work = Rows(
            np.arange(len(ids) + 1), arrays.documents.work, np.ones(len(ids), np.float32)
        ).turned(len(arrays.works))
        self._by_id = np.empty(len(ids), np.int64)
        self._by_id[arrays.documents.id_order] = own
        works = [arrays.works[number] for number in arrays.documents.work.tolist()]
        self._work_of = dict(zip(ids, works, strict=True))

    def candidates(self, tastes: Tastes, target: Numbers) -> Found:
        """What the collaborative searches find, best first.

        Args:
            tastes: Of the users.
            target: Shape (n,): number of each one's target languages.
        """
        return self._fused(target, *self._searched(tastes, target))

    def chosen(self, found: Found, target: Numbers) -> Found:
        """Those that are shown: each work once, slots and caps kept.

        Args:
            found: Candidates.
            target: As for `candidates`.
        """
        if self._options.division == AUTO and not self._options.search.caps:
            return found.at(self._first_of_each_work(found))
        bounds = np.searchsorted(found.user, np.arange(len(target) + 1)).tolist()
        slots = {
            kind: reranking.share_out(self._targets.names[kind], self._options.division, self._size)
            for kind in np.unique(target).tolist()
        }
        places: list[int] = []
        for user, kind in enumerate(target.tolist()):
            begin, end = bounds[user], bounds[user + 1]
            candidates = _Candidates(self, found, begin, end, self._targets.names[kind])
            shown = reranking.select(
                candidates,
                self._work_of,
                size=self._size,
                slots=slots[kind],
                values=self._arrays.documents.values,
                caps=self._options.search.caps or {},
            )
            places += [candidates.place[candidate.id] for candidate in shown]
        return found.at(np.array(places, np.int64))

    def mostly_inherited(self, found: Found, users: int) -> NDArray[np.bool_]:
        """Of whose candidates most are items that nobody has liked; see `cascade.mostly`.

        Args:
            found: Candidates.
            users: How many users there are.
        """
        if self._arrays.documents.factor is not None:  # boosts have changed the order
            order = np.lexsort(
                (self._arrays.documents.id_order[found.document], -found.said, found.user)
            )
            found = found.at(order)
        place = np.arange(len(found.user)) - np.searchsorted(found.user, found.user)
        first = found.at(place < self._size)
        new = self._arrays.evidence[self._arrays.documents.work[first.document]] <= 0
        theirs = np.bincount(first.user[new], minlength=users)
        most: NDArray[np.bool_] = 2 * theirs > np.bincount(first.user, minlength=users)
        return most

    def too_few(self, shown: Found, target: Numbers) -> NDArray[np.bool_]:
        """Whose lists are not full, or lack places of a language that were meant for it.

        Args:
            shown: See `chosen`.
            target: As for `candidates`.
        """
        users, division = len(target), self._options.division
        few = np.bincount(shown.user, minlength=users) < self._size
        if division == AUTO:
            return few
        kinds = max(map(len, self._targets.names))
        slots = np.zeros((len(self._targets.names), kinds), np.int64)
        for kind, names in enumerate(self._targets.names):
            shares = reranking.share_out(names, division, self._size)
            slots[kind, : len(names)] = [shares.get(name, 0) for name in names]
            few |= (target == kind) & (sum(shares.values()) > slots[kind].sum())
        cells = shown.user * kinds + shown.language
        filled = np.bincount(cells, minlength=users * kinds).reshape(users, kinds)
        lacking: NDArray[np.bool_] = few | (filled < slots[target]).any(axis=1)
        return lacking

    def _first_of_each_work(self, found: Found) -> Numbers:
        """Where `select` ends up if languages share by score alone and nothing else counts."""
        work = found.user * len(self._arrays.works) + self._arrays.documents.work[found.document]
        each = np.sort(work)
        once = np.arange(len(work))
        if (each[1:] == each[:-1]).any():
            once = np.sort(np.unique(work, return_index=True)[1])
        user = found.user[once]
        return once[np.arange(len(once)) - np.searchsorted(user, user) < self._size]

    def _searched(
        self, tastes: Tastes, target: Numbers
    ) -> tuple[Numbers, Numbers, NDArray[np.float32]]:
        """User, document and score of each candidate."""
        documents, spoken = self._arrays.documents, self._arrays.spoken_for
        owner = np.repeat(np.arange(len(target)), np.diff(tastes.start))
        begin = spoken.start.take(tastes.liked)
        many = spoken.start.take(tastes.liked + 1) - begin
        entry = places_in(begin, many)
        cell = np.repeat(owner << self._bits, many)
        cell |= spoken.column.take(entry)
        said = np.repeat(tastes.part.astype(np.float32), many)
        said *= spoken.value.take(entry)
        cell, score = _added_up(cell, said)
        cell, score = self._without_seen(tastes, cell, score)
        user, document = cell >> self._bits, cell & ((1 << self._bits) - 1)
        tags = len(self._arrays.tags)
        named = target.take(user) * tags + documents.tag.take(document)
        language = self._targets.group.ravel().take(named)
        wanted = language >= 0
        if not wanted.all():
            user, document, score = user[wanted], document[wanted], score[wanted]
            language = language[wanted]
        if self._shared:
            language[:] = 0  # one search is for all of them
        depth = self._depths()[target].repeat(tags)
        group, document, score = self._best(user * tags + language, document, score, depth)
        return group // tags, document, score

    def _depths(self) -> Numbers:
        """How many documents a search finds at most, by number of the target languages."""
        search = self._options.search
        if not self._shared:
            return np.full(len(self._targets.names), search.candidates)
        counts = [len(names) for names in self._targets.names]
        depths = [shared_depth(search, n) if n > 1 else search.candidates for n in counts]
        return np.array(depths, np.int64)

    def _without_seen(
        self, tastes: Tastes, cell: Numbers, score: NDArray[np.float32]
    ) -> tuple[Numbers, NDArray[np.float32]]:
        """Without documents of works that the user knows."""
        begin = self._of_work.start.take(tastes.seen)
        many = self._of_work.start.take(tastes.seen + 1) - begin
        known = np.repeat(tastes.seen_user << self._bits, many)
        known |= self._of_work.column.take(places_in(begin, many))
        if not len(cell):
            return cell, score
        place = np.minimum(np.searchsorted(cell, known), len(cell) - 1)
        kept = np.ones(len(cell), bool)
        kept[place[cell.take(place) == known]] = False
        left = np.flatnonzero(kept)
        return cell.take(left), score.take(left)

    def _best(
        self, group: Numbers, document: Numbers, score: NDArray[np.float32], depth: Numbers
    ) -> tuple[Numbers, Numbers, NDArray[np.float32]]:
        """As many of each user and language as a search gives; equal scores in the index's order.

        Args:
            group: Shape (n,): number of user and language.
            document: Shape (n,).
            score: Shape (n,), above zero.
            depth: By group, how many.
        """
        key = _key(group, score, document, len(self._arrays.documents.ids))
        key.sort()
        group, score, document = _unlocked(key, len(self._arrays.documents.ids))
        begin = np.flatnonzero(np.r_[True, group[1:] != group[:-1]][: len(group)])
        length = np.diff(np.r_[begin, len(group)])
        kept = places_in(begin, np.minimum(length, depth[group[begin]]))
        return group[kept], document[kept], score[kept]

    def _fused(
        self,
        target: Numbers,
        user: Numbers,
        document: Numbers,
        score: NDArray[np.float32],
    ) -> Found:
        """In the order in which they are wanted."""
        documents = self._arrays.documents
        key = _key(user, score, documents.id_order[document], len(documents.ids))
        key.sort()
        user, score, place = _unlocked(key, len(documents.ids))
        document = self._by_id[place]
        language = self._targets.group[target[user], documents.tag[document]]
        said = score.astype(np.float64)
        rank = _rank(user * len(self._arrays.tags) + language)
        value = self._values(user, rank, said)
        found = Found(user, document, language, rank, said, value)
        if documents.factor is None and self._options.fusion != RECIPROCAL_RANK:
            return found  # what is worth more is said to be so
        if documents.factor is not None:
            value = value * documents.factor[document]
            found = replace(found, score=value)
        return found.at(np.lexsort((documents.id_order[document], -value, user)))

    def _values(
        self, user: Numbers, rank: Numbers, said: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """See `cascade.cascaded`, `fusion.fuse` and `fusion.reciprocal_rank`."""
        if self._options.fusion == RECIPROCAL_RANK:
            constant = self._options.rank_constant
            return (constant + 1) / (constant + rank)
        if not len(user):
            return said
        begin = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
        which = np.cumsum(np.r_[False, user[1:] != user[:-1]])
        high = np.maximum.reduceat(said, begin)
        if self._options.fusion == CASCADE:
            parts: NDArray[np.float64] = said / high[which]
            return parts
        low = np.minimum.reduceat(said, begin)
        width = high - low
        alike = width <= 0
        low, width = np.where(alike, low - 1.0, low), np.where(alike, 1.0, width)
        value: NDArray[np.float64] = (said - low[which]) / width[which]
        return value


class _Candidates(Sequence[Fused]):
    """One user's candidates for `select`, which looks at few of them: made when they are asked for.

    Attributes:
        place: Place among all by id, of those that were made.
    """

    def __init__(
        self, maker: ListMaker, found: Found, begin: int, end: int, languages: Sequence[str]
    ) -> None:
        self._ids = maker._arrays.documents.ids
        self._document = found.document[begin:end].tolist()
        self._language = found.language[begin:end].tolist()
        self._begin, self._languages = begin, languages
        self.place: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._document)

    def __getitem__(self, number: int) -> Fused:  # type: ignore[override] # slices are not asked for
        id_ = self._ids[self._document[number]]
        self.place[id_] = self._begin + number
        return Fused(id_, self._languages[self._language[number]], 0.0, {})


def _added_up(cell: Numbers, said: NDArray[np.float32]) -> tuple[Numbers, NDArray[np.float32]]:
    """Each cell once, in order, with the sum of what is said in it.

    Sorted as integers, for which memory is read from the beginning to the end: added up where they
    are, in a large table, sums took twice as long.

    Args:
        cell: Shape (n,), of up to 32 bits.
        said: Shape (n,), above zero.
    """
    key = cell.astype(np.uint64) << np.uint64(32)
    key |= said.view(np.uint32)
    key.sort()
    cell = (key >> np.uint64(32)).astype(np.int64)
    begin = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]][: len(cell)])
    if not len(begin):
        return cell, said
    values = key.astype(np.uint32).view(np.float32).astype(np.float64)
    return cell[begin], np.add.reduceat(values, begin).astype(np.float32)


def _rank(group: Numbers) -> Numbers:
    """Place of each entry among those of its group, from 1."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    begin = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(group)])
    length = np.diff(np.r_[begin, len(group)])
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(begin, length) + 1
    return rank


def _key(
    group: Numbers, score: NDArray[np.float32], number: Numbers, numbers: int
) -> NDArray[np.uint64]:
    """By group, then the highest score, then the lowest number: as one integer, to sort by.

    An integer is sorted ten times as fast as an order is found in which others would stand. The
    bits of floats above zero are in the order of the floats.
    """
    bits = np.uint64(max(1, numbers).bit_length())
    key = group.astype(np.uint64) << np.uint64(_SCORE_BITS)
    key |= _HIGHEST - score.view(np.uint32)
    key <<= bits
    key |= number.astype(np.uint64)
    return key


def _unlocked(
    key: NDArray[np.uint64], numbers: int
) -> tuple[Numbers, NDArray[np.float32], Numbers]:
    """The group, score and number that `_key` was made of."""
    bits = np.uint64(max(1, numbers).bit_length())
    number = (key & (np.uint64(1) << bits) - np.uint64(1)).astype(np.int64)
    score = (_HIGHEST - (key >> bits & _HIGHEST)).astype(np.uint32).view(np.float32)
    return (key >> bits >> np.uint64(_SCORE_BITS)).astype(np.int64), score, number
