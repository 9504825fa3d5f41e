"""The next page of a list, and what a user was shown and did not take. No client.

A page leaves out what the pages before have shown, by a filter of its searches. So it holds nothing
twice, whatever becomes of the index in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from xlrec_es.cluster.answers import hits_of, lacks_of
from xlrec_es.errors import IndexNotFound, UsageError
from xlrec_es.index.fields import WORK_FIELD
from xlrec_es.index.hits import work_of
from xlrec_es.index.paging import PagedSearch
from xlrec_es.index.search_limits import parts
from xlrec_es.interactions.history import History
from xlrec_es.interactions.impressions import (
    Shown,
    caps_arguments,
    impressions_body,
    read_impressions,
)
from xlrec_es.recommend.calls import SEARCH, Call, Steps
from xlrec_es.recommend.cursor import MAX_ITEMS, read_cursor, write_cursor
from xlrec_es.recommend.flow import Core
from xlrec_es.recommend.history_reading import to_the_end
from xlrec_es.recommend.options import Boost, Options, SearchOptions
from xlrec_es.recommend.recommendations import LanguageShare, Recommendations
from xlrec_es.recommend.request.read_queries import history_body

_TENTHS = 10  # a boost for each tenth of the score, not for each item


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a user's list a page is.

    Attributes:
        page: Its number, from 1.
        after: The cursor of the page before.
        shown: What the user was shown and did not take: ids of works or documents, or where that is
            written.
    """

    page: int = 1
    after: str | None = None
    shown: Sequence[str] | Shown | None = None

    def __post_init__(self) -> None:
        if self.page < 1:
            raise UsageError(f"page is {self.page}; pages are counted from 1")
        if self.page > 1 and self.after is not None:
            raise UsageError("page and after both say where a page begins; give one of the two")
        if isinstance(self.shown, str):
            raise UsageError(f"shown is a list of ids, or Shown(...); put {self.shown!r} in a list")


FIRST = Place()


@dataclass(frozen=True, slots=True)
class _Lowered:
    """Works that a user was shown.

    Attributes:
        behind: Those that come after everything else.
        factors: What is left of the scores of others.
        lacks: What could not be read of it, in sentences.
    """

    behind: tuple[str, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()


class PagedCore(Core):
    """Lists in pages."""

    def recommend_page(
        self,
        history: History,
        languages: Iterable[str] | None,
        size: int,
        place: Place = FIRST,
    ) -> Steps[Recommendations]:
        """As `recommend`, one page of the list."""
        if (place.page - 1) * size > MAX_ITEMS:
            raise UsageError(
                f"page {place.page} of {size} is beyond {MAX_ITEMS:,} items, at which lists end"
            )
        targets = None if languages is None else list(languages)
        before = () if place.after is None else read_cursor(place.after)
        lowered = yield from self._lowered(place.shown)
        for _ in range(place.page - 1):
            found = yield from self._page(self._plain(), history, targets, size, before, lowered)
            before += tuple(item.work for item in found.items)
        found = yield from self._page(self.options, history, targets, size, before, lowered)
        return _with_cursor(replace(found, degraded=(*found.degraded, *lowered.lacks)), before)

    def _plain(self) -> Options:
        """For a page that nobody sees: the same items, and no more of them."""
        return replace(self.options, explain=False, search=replace(self.options.search, source=()))

    def _page(
        self,
        options: Options,
        history: History,
        targets: Sequence[str] | None,
        size: int,
        before: Sequence[str],
        lowered: _Lowered,
    ) -> Steps[Recommendations]:
        """What comes after some works; what was shown lately only where nothing else is left."""
        if not before and not lowered.behind and not lowered.factors:
            return (yield from self._by(options, history, targets, size))
        most = (yield from self.live()).limits.terms
        faded = _faded(options, lowered.factors, most)
        others = _without(faded, [*before, *lowered.behind], most)
        found = yield from self._by(others, history, targets, size)
        missing = size - len(found.items)
        shown = [work for work in lowered.behind if work not in set(before)]
        if missing <= 0 or not shown:
            return found
        again = _among(faded, shown, most)
        return _joined(found, (yield from self._by(again, history, targets, missing)))

    def _by(
        self, options: Options, history: History, targets: Sequence[str] | None, size: int
    ) -> Steps[Recommendations]:
        """Recommend by other options."""
        if options is self.options:
            return (yield from self.recommend(history, targets, size))
        return (yield from self.by(options).recommend(history, targets, size))

    def _lowered(self, shown: Sequence[str] | Shown | None) -> Steps[_Lowered]:
        """The works that a user was shown, by how much they are lowered."""
        if not shown:
            return _Lowered()
        if not isinstance(shown, Shown):
            works, lacks = yield from self._works_of(list(dict.fromkeys(shown)))
            return _Lowered(tuple(sorted(set(works.values()))), {}, lacks)
        if self.options.server_side:
            raise UsageError(
                "what was shown is lowered by scores, which server_side does not give; leave it "
                "out, or give the ids of what was shown"
            )
        now = datetime.now(UTC)
        ages, unread = yield from self._impressions(shown, now)
        works, lacks = yield from self._works_of(list(ages))
        by_work: dict[str, list[float]] = {}
        for item, times in ages.items():
            if item in works:
                by_work.setdefault(works[item], []).extend(times)
        factors = {work: shown.factor(times) for work, times in by_work.items()}
        behind = tuple(sorted(work for work, factor in factors.items() if factor == 0))
        others = {work: factor for work, factor in factors.items() if factor > 0}
        return _Lowered(behind, others, (*unread, *lacks))

    def _impressions(
        self, shown: Shown, now: datetime
    ) -> Steps[tuple[dict[str, list[float]], tuple[str, ...]]]:
        """Seconds since each time that an item was shown; and what could not be read of it."""
        try:
            caps = yield Call("field_caps", caps_arguments(shown))
            body = impressions_body(shown, caps["fields"], now)
            answer = yield Call(SEARCH, {"index": shown.index, "body": body})
            hits = hits_of(answer)
        except IndexNotFound:
            raise IndexNotFound(
                f"there is no index {shown.index!r} of impressions; write the rows of "
                "Recommendations.impressions into it, or leave shown out"
            ) from None
        lacks = tuple(f"the search for what was shown {lack}" for lack in lacks_of(answer))
        return read_impressions(hits, shown, now), lacks

    def _works_of(self, ids: Sequence[str]) -> Steps[tuple[dict[str, str], tuple[str, ...]]]:
        """Work by id of a work or document, of those that the index has; and what is unread."""
        live = yield from self.live()
        size = live.limits.hits
        searches = [
            PagedSearch(
                history_body(some, title=None, vectors=False, size=size),
                may_be_more=len(some) * len(live.meta.languages) > size,
            )
            for some in parts(ids, live.limits.ids)
            if some
        ]
        yield from to_the_end(live.searched, searches)
        found: dict[str, str] = {}
        for search in searches:
            for hit in search.hits:
                work = work_of(hit)
                found.setdefault(hit["_id"], work)
                found[work] = work
        lacks = {f"the search for what was shown {lack}" for s in searches for lack in s.lacks}
        return {id_: found[id_] for id_ in ids if id_ in found}, tuple(sorted(lacks))


def _works_queries(works: Sequence[str], most: int) -> list[dict[str, Any]]:
    return [{"terms": {WORK_FIELD: some}} for some in parts(works, most)]


def _filtered(options: Options, query: Mapping[str, Any]) -> Options:
    search = options.search
    return replace(options, search=replace(search, filters=(*search.filters, query)))


def _without(options: Options, works: Sequence[str], most: int) -> Options:
    """The same, of all documents but those of some works."""
    if not works:
        return options
    unwanted = list(dict.fromkeys(works))
    return _filtered(options, {"bool": {"must_not": _works_queries(unwanted, most)}})


def _among(options: Options, works: Sequence[str], most: int) -> Options:
    """The same, of the documents of some works alone."""
    return _filtered(options, {"bool": {"should": _works_queries(works, most)}})


def _faded(options: Options, factors: Mapping[str, float], most: int) -> Options:
    """The same, with lower scores of some works, each to the nearest tenth."""
    by_tenth: dict[int, list[str]] = {}
    for work, factor in sorted(factors.items()):
        by_tenth.setdefault(max(1, round(factor * _TENTHS)), []).append(work)
    boosts = tuple(
        Boost({"bool": {"should": _works_queries(works, most)}}, tenth / _TENTHS)
        for tenth, works in sorted(by_tenth.items())
        if tenth < _TENTHS
    )
    if not boosts:
        return options
    search: SearchOptions = replace(options.search, boosts=(*options.search.boosts, *boosts))
    return replace(options, search=search)


def _joined(found: Recommendations, again: Recommendations) -> Recommendations:
    """One list after the other; no score of the second is above those of the first."""
    highest = max((item.score for item in again.items), default=0.0)
    lowest = min((item.score for item in found.items), default=highest)
    scale = min(1.0, lowest / highest) if highest > 0 else 1.0
    filled = Counter(item.language for item in again.items)
    shares = Counter({share.language: share.filled for share in again.languages})
    note = f"{filled.total()} of these were shown before: nothing else is left"
    return replace(
        found,
        items=(*found.items, *(replace(i, score=i.score * scale) for i in again.items)),
        notes=(*found.notes, note) if again.items else found.notes,
        degraded=tuple(dict.fromkeys((*found.degraded, *again.degraded))),
        languages=tuple(
            LanguageShare(share.language, share.slots, share.filled + shares[share.language])
            for share in found.languages
        ),
    )


def _with_cursor(found: Recommendations, before: Sequence[str]) -> Recommendations:
    """The page with the cursor of the next one; at the end of the list, without one."""
    works = [item.work for item in found.items]
    if not works and not found.degraded:
        return found
    cursor = write_cursor([*before, *works])
    if cursor is not None:
        return replace(found, cursor=cursor)
    note = f"the list ends here: a cursor holds at most {MAX_ITEMS:,} items and 32 KiB"
    return replace(found, notes=(*found.notes, note))
