"""What trends: items that more users take up than their own past and their market explain."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.errors import UsageError
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.interactions.weighting import event_weight
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import (
    LanguageShare,
    Recommendation,
    Recommendations,
)
from xlrec_es.relations.event_counts import EventCounter, EventCounts, Period, within
from xlrec_es.relations.event_fields import EventFields, liked_names, look_up, names_of
from xlrec_es.relations.event_file import FileCounter, FileEvents
from xlrec_es.relations.growth import LEVEL, Growth, find_trends
from xlrec_es.relations.names import TRENDING
from xlrec_es.relations.periods import Periods
from xlrec_es.relations.shelf import Offer, Shown, put_on_shelf, targets_of, works_of

LIFE_S = 600.0
"""How long what was counted is good: it takes a request for each 500 items that have events."""

_MOST_KNOWN = 64
_ATTRIBUTED = 0.5
_NO_MARKETS = (
    "events name items of several languages, and no field names their market: all users are one "
    "market"
)

Key = tuple[str, Periods, str | None]
Found = Mapping[str, Growth]


@dataclass(frozen=True, slots=True)
class Trend:
    """By how much an item trends.

    Attributes:
        market: Where: a value of the market's field, or a language; None: among all users.
        period: How long the recent period is.
        users: How many there were in it.
        expected: How many the item's own past, and its market's growth, lead to expect.
        times: Users in place of each that was to be expected, shrunk to 1.
        low: Lower bound of `times`, of a 95% interval.
        high: Upper bound.
        reason: A sentence that says so.
    """

    market: str | None
    period: str
    users: int
    expected: float
    times: float
    low: float
    high: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendingItem(Recommendation):
    """A document that trends.

    Attributes:
        trend: By how much.
    """

    trend: Trend


@dataclass(frozen=True, slots=True)
class TrendQuestion:
    """What is asked.

    Attributes:
        languages: Target languages; None: all of the index.
        size: How many items.
        market: A value of the market's field; None: each target language is a market where
            events name documents and no field names markets, else all users are one.
        periods: What is compared.
        seen: Ids of works or documents that are left out.
    """

    languages: Sequence[str] | None = None
    size: int = 10
    market: str | None = None
    periods: Periods = field(default_factory=Periods)
    seen: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UsageError(f"size is {self.size}; ask for at least 1")


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted of the events, and what their items are.

    Attributes:
        counts: Of each item, as events name it.
        works: Work and language of each item that the index has.
        counter: For counting some of them again.
        found: What trends, by the language tags of a market; None: all.
    """

    counts: EventCounts
    works: Mapping[str, tuple[str, str | None]]
    counter: EventCounter | FileCounter
    found: dict[tuple[str, ...] | None, Found] = field(default_factory=dict)

    @property
    def has_languages(self) -> bool:
        """Whether most of what was counted is of one language each."""
        totals = dict(zip(self.counts.items, self.counts.users.sum(axis=1), strict=True))
        known = {item: total for item, total in totals.items() if item in self.works}
        spoken = sum(total for item, total in known.items() if self.works[item][1] is not None)
        return bool(spoken >= _ATTRIBUTED * sum(known.values()))

    def trends(self, tags: tuple[str, ...] | None) -> Found:
        """What trends among the items of some languages, by work; None: among all."""
        if tags not in self.found:
            self.found[tags] = self._trends(tags)
        return self.found[tags]

    def _trends(self, tags: tuple[str, ...] | None) -> Found:
        items: dict[str, list[str]] = {}
        rows: dict[str, NDArray[np.int64]] = {}
        for item, users in zip(self.counts.items, self.counts.users, strict=True):
            work, language = self.works.get(item, (None, None))
            if work is not None and (tags is None or language in tags):
                items.setdefault(work, []).append(item)
                rows[work] = rows[work] + users if work in rows else users
        works = list(rows)
        table = np.array(list(rows.values()), np.int64).reshape(-1, len(self.counts.active))
        found = find_trends(table, self.counts.active)
        alarms = {works[row]: growth for row, growth in found.items()}
        # Who used an item by two of its ids was counted twice so far.
        several = {work: items[work] for work in alarms if len(items[work]) > 1}
        if not several:
            return alarms
        for work, users in self.counter.together(several).items():
            table[works.index(work)] = users
        found = find_trends(table, self.counts.active)
        return {works[row]: growth for row, growth in found.items() if works[row] in alarms}


class Trends:
    """What trends in an index, by an index of events. It may be shared by threads."""

    def __init__(
        self,
        client: Elasticsearch,
        index: str,
        source: EventSource | FileEvents,
        *,
        options: Options | None = None,
        life_s: float = LIFE_S,
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: See `connection.connect`.
            index: Alias or index that `xlrec-ingest run` made.
            source: Where events are, an index or a file that was read; its `market` names the
                field with the market.
            options: Filters, caps, fields, languages that are left out, and what events weigh:
                those below zero do not count. Nothing else of them matters here.
            life_s: Seconds for which what was counted is good.
        """
        self._client = client
        self._index = index
        self._source = source
        self._options = options or Options()
        self._life_s = life_s
        self._counted: dict[Key, tuple[float, _Counted]] = {}
        self._counting = threading.Lock()

    def ask(
        self,
        question: TrendQuestion | None = None,
        *,
        options: Options | None = None,
        now: datetime | None = None,
    ) -> Recommendations:
        """The items that trend, the strongest first: by the lower bound of their growth.

        Args:
            question: What is asked.
            options: In place of those of the object.
            now: When the recent period ends; None: at this moment, of a file at its last event.

        Returns:
            `TrendingItem`s, each item once, in a target language. None is shown where nothing
            trends: of what is shown, 5% are chance, at most.

        Raises:
            UsageError: A market is asked for, and no field names it.
            UnknownLanguage: Not a language tag, or none of the index's languages.
            IndexNotFound: No such index, of items or of events.
            ConfigError: Events cannot be counted by their fields.
            ClusterError: Elasticsearch is out of reach, or refuses.
        """
        asked, how = question or TrendQuestion(), options or self._options
        if asked.market is not None and self._source.market is None:
            raise UsageError(
                "a market is asked for, and no field of the events names theirs: say it in the "
                'table [history] of the TOML file, market = "country"'
            )
        live = find_live(self._client, self._index)
        targets = targets_of(live, asked.languages, how)
        counted = self._count(live, asked, how, now)
        by_language = self._source.market is None and counted.has_languages
        found = {
            language: counted.trends(tags if by_language else None)
            for language, tags in targets.items()
        }
        seen = {work for work, _ in works_of(self._client, live, asked.seen).values()}
        offers = [
            Offer(work, language, growth.low)
            for language, trends in found.items()
            for work, growth in trends.items()
            if work not in seen
        ]
        offers.sort(key=lambda offer: -offer.score)  # of one score, the first language's
        shown = put_on_shelf(self._client, live, offers, targets, how.search, size=asked.size)
        items = [
            _item(one, rank, found[one.offer.language][one.offer.work], asked, by_language)
            for rank, one in enumerate(shown, 1)
        ]
        one_market = self._source.market is None and not by_language
        return Recommendations(
            tuple(items),
            live.name,
            live.meta.fingerprint.digest,
            notes=(_NO_MARKETS,) if one_market and len(live.meta.languages) > 1 else (),
            languages=tuple(
                LanguageShare(language, None, sum(one.offer.language == language for one in shown))
                for language in targets
            ),
        )

    def _count(
        self, live: LiveIndex, asked: TrendQuestion, options: Options, now: datetime | None
    ) -> _Counted:
        """What was counted a moment ago, or is counted now: once for all who ask."""
        if now is None and isinstance(self._source, FileEvents):
            now = self._source.end
        if now is not None:
            return self._count_now(live, asked, options, now)
        key = (live.name, asked.periods, asked.market)
        if (known := self._known(key)) is not None:
            return known
        with self._counting:
            if (known := self._known(key)) is not None:  # while this one waited
                return known
            counted = self._count_now(live, asked, options, datetime.now(UTC))
            if len(self._counted) >= _MOST_KNOWN:
                self._counted.clear()
            self._counted[key] = (time.monotonic(), counted)
            return counted

    def _known(self, key: Key) -> _Counted | None:
        counted_at, known = self._counted.get(key, (0.0, None))
        return known if time.monotonic() - counted_at < self._life_s else None

    def _count_now(
        self, live: LiveIndex, asked: TrendQuestion, options: Options, now: datetime
    ) -> _Counted:
        counter = self._counter(asked, options, asked.periods.before(now))
        counts = counter.count()
        return _Counted(counts, works_of(self._client, live, counts.items), counter)

    def _counter(
        self, asked: TrendQuestion, options: Options, periods: Sequence[Period]
    ) -> EventCounter | FileCounter:
        weights = options.rules.events
        if isinstance(self._source, FileEvents):
            return FileCounter(
                self._source,
                periods,
                counts=lambda name: (event_weight(name, weights) or 0) > 0,
                market=asked.market,
            )
        fields: EventFields = look_up(self._client, self._source)
        events = None
        if fields.event is not None:
            query = {"bool": {"filter": [within(fields, periods)]}}
            events = liked_names(names_of(self._client, fields, query), weights)
        return EventCounter(self._client, fields, periods, events=events, market=asked.market)


def _item(
    shown: Shown, rank: int, growth: Growth, asked: TrendQuestion, by_language: bool
) -> TrendingItem:
    market = shown.offer.language if by_language else asked.market
    where = "" if market is None else f" in {market}"
    said = (
        f"trends{where}: {growth.users} users in the last {asked.periods.length}, "
        f"{growth.times:.1f} times as many as expected "
        f"({LEVEL:.0%} interval {growth.low:.1f} to {growth.high:.1f})"
    )
    trend = Trend(
        market,
        asked.periods.length,
        growth.users,
        round(growth.expected, 2),
        round(growth.times, 3),
        round(growth.low, 3),
        round(growth.high, 3),
        said,
    )
    return TrendingItem(**shown.said_by(TRENDING, rank), trend=trend)
