"""The next page of a list, what a user was shown and did not take, and curation. No client.

A page leaves out what the pages before have shown, by a filter of its searches. So it holds nothing
twice, whatever becomes of the index in between.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from xlrec_es.cluster.answers import hits_of, lacks_of
from xlrec_es.errors import IndexNotFound, UsageError
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
from xlrec_es.recommend import page_order
from xlrec_es.recommend.calls import SEARCH, Call, Steps, ask
from xlrec_es.recommend.curation import Curation, Pinned, pinned_of, pins_body, with_pins
from xlrec_es.recommend.cursor import MAX_ITEMS, read_cursor, write_cursor
from xlrec_es.recommend.flow import Core
from xlrec_es.recommend.history_reading import to_the_end
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import Recommendations
from xlrec_es.recommend.request.read_queries import history_body


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


class PagedCore(Core):
    """Lists in pages."""

    curation = Curation()

    def curated(self, curation: Curation) -> Self:
        """The same with pins, buries and exclusions, for `recommend_page`."""
        other = copy.copy(self)
        other.curation = curation
        return other

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
        order = yield from self._order(history, place.shown)
        for _ in range(place.page - 1):
            found = yield from self._page(self._plain(), history, targets, size, before, order)
            before += tuple(item.work for item in found.items)
        found = yield from self._page(self.options, history, targets, size, before, order)
        return _with_cursor(replace(found, degraded=(*found.degraded, *order.lacks)), before)

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
        order: page_order.Order,
    ) -> Steps[Recommendations]:
        """What comes after some works: the pins at their places, and last what comes last."""
        if not before and order.is_plain:
            return (yield from self._by(options, history, targets, size))
        live = yield from self.live()
        # A place that an earlier page has passed is none: such an item comes where it scores.
        waiting = [
            one for one in order.pinned if one.pin.place > len(before) and one.work not in before
        ]
        left_out = [*before, *order.excluded, *(one.work for one in waiting)]
        found = yield from self._in_tiers(
            page_order.boosted(options, order.boosts), history, targets, size, left_out, order.tiers
        )
        if not waiting:
            return found
        return with_pins(
            found,
            waiting,
            start=len(before),
            size=size,
            index_languages=live.meta.languages,
            title=live.meta.title_field,
        )

    def _in_tiers(
        self,
        options: Options,
        history: History,
        targets: Sequence[str] | None,
        size: int,
        left_out: Sequence[str],
        tiers: Sequence[page_order.Tier],
    ) -> Steps[Recommendations]:
        """A list without some works; a tier comes only where nothing before it is left."""
        most = (yield from self.live()).limits.terms
        behind = [part for tier in tiers for part in tier.parts(most)]
        others = page_order.without(options, left_out, behind, most)
        found = yield from self._by(others, history, targets, size)
        for number, tier in enumerate(tiers):
            missing = size - len(found.items)
            works = tuple(work for work in tier.works if work not in set(left_out))
            among = replace(tier, works=works).parts(most)
            if missing <= 0 or not among:
                continue
            later = [part for one in tiers[number + 1 :] for part in one.parts(most)]
            # Of a work that is there, another language version may be among the last.
            there = [*left_out, *(item.work for item in found.items)] if tier.queries else ()
            again = page_order.without(
                page_order.filtered(options, {"bool": {"should": among}}), there, later, most
            )
            found = page_order.joined(
                found, (yield from self._by(again, history, targets, missing)), tier
            )
        return found

    def _by(
        self, options: Options, history: History, targets: Sequence[str] | None, size: int
    ) -> Steps[Recommendations]:
        """Recommend by other options."""
        if options is self.options:
            return (yield from self.recommend(history, targets, size))
        return (yield from self.by(options).recommend(history, targets, size))

    def _order(
        self, history: History, shown: Sequence[str] | Shown | None
    ) -> Steps[page_order.Order]:
        """What decides where documents stand, besides their scores."""
        lowered = yield from self._lowered(shown)
        curation, works, lacks = self.curation, dict[str, str](), tuple[str, ...]()
        pinned: tuple[Pinned, ...] = ()
        if curation.items:
            seen = history.items if curation.pins else ()
            ids = list(dict.fromkeys([*curation.items, *seen]))
            works, lacks = yield from self._works_of(ids, "what is pinned, buried or excluded")
            pinned = yield from self._pinned(works, seen)
        most = (yield from self.live()).limits.terms if lowered.factors or works else 0
        buried = [bury for bury in curation.buries if bury.query is not None or bury.item in works]
        last = page_order.last_tier([bury for bury in buried if not bury.factor], works)
        behind = tuple(work for work in lowered.behind if work not in last.works)
        tiers = (page_order.Tier(behind, (), page_order.SHOWN_BEFORE), last)
        faded = [page_order.lowered_by(bury, works, most) for bury in buried if bury.factor]
        return page_order.Order(
            excluded=tuple(sorted({works[id_] for id_ in curation.excluded if id_ in works})),
            pinned=pinned,
            tiers=tuple(tier for tier in tiers if tier.works or tier.queries),
            boosts=(*page_order.faded(lowered.factors, most), *faded),
            lacks=(*lowered.lacks, *lacks),
        )

    def _pinned(self, works: Mapping[str, str], seen: Sequence[str]) -> Steps[tuple[Pinned, ...]]:
        """The pins that a user may be shown, with their documents."""
        wanted = {works[pin.item] for pin in self.curation.pins if pin.item in works}
        if not wanted:
            return ()
        live = yield from self.live()
        size = min(len(wanted) * max(1, len(live.meta.languages)), live.limits.hits)
        title = live.meta.title_field
        body = pins_body(sorted(wanted), self.options.search, title=title, size=size)
        [answer] = yield from ask(live.searched, [body])
        return pinned_of(self.curation, works, seen, hits_of(answer))

    def _lowered(self, shown: Sequence[str] | Shown | None) -> Steps[page_order.Lowered]:
        """The works that a user was shown, by how much they are lowered."""
        if not shown:
            return page_order.Lowered()
        if not isinstance(shown, Shown):
            works, lacks = yield from self._works_of(list(dict.fromkeys(shown)), "what was shown")
            return page_order.Lowered(tuple(sorted(set(works.values()))), {}, lacks)
        if self.options.server_side:
            raise UsageError(
                "what was shown is lowered by scores, which server_side does not give; leave it "
                "out, or give the ids of what was shown"
            )
        now = datetime.now(UTC)
        ages, unread = yield from self._impressions(shown, now)
        works, lacks = yield from self._works_of(list(ages), "what was shown")
        by_work: dict[str, list[float]] = {}
        for item, times in ages.items():
            if item in works:
                by_work.setdefault(works[item], []).extend(times)
        factors = {work: shown.factor(times) for work, times in by_work.items()}
        behind = tuple(sorted(work for work, factor in factors.items() if factor == 0))
        others = {work: factor for work, factor in factors.items() if factor > 0}
        return page_order.Lowered(behind, others, (*unread, *lacks))

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

    def _works_of(
        self, ids: Sequence[str], what: str
    ) -> Steps[tuple[dict[str, str], tuple[str, ...]]]:
        """Work by id of a work or document, of those that the index has; and what is unread.

        Args:
            ids: Of works or documents.
            what: They are for, as a sentence names it.
        """
        live = yield from self.live()
        size = live.limits.hits
        searches = [
            PagedSearch(
                history_body(some, title=None, read=(), size=size),
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
        lacks = {f"the search for {what} {lack}" for one in searches for lack in one.lacks}
        return {id_: found[id_] for id_ in ids if id_ in found}, tuple(sorted(lacks))


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
