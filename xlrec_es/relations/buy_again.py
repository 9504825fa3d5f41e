"""What a user may buy again now, by the gaps that buyers leave between purchases of an item."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.errors import UsageError
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.interactions.event_source import EventSource, read_history
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.interactions.weighting import is_purchase
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import (
    LanguageShare,
    Recommendation,
    Recommendations,
)
from xlrec_es.relations.event_counts import Period, within
from xlrec_es.relations.event_fields import look_up, names_of
from xlrec_es.relations.event_file import FileEvents
from xlrec_es.relations.names import BUY_AGAIN
from xlrec_es.relations.purchases import Pairs, Purchases, read_purchases
from xlrec_es.relations.repeats import Due, Repeat, Repeats, due_items, learn_repeats
from xlrec_es.relations.shelf import Offer, Shown, put_on_shelf, targets_of, works_of

LIFE_S = 86_400.0
"""How long gaps that were learned are good: it takes a request for each 10,000 purchases."""

WINDOW_DAYS = 730
"""So old purchases are learned from, at most."""

MOST_EVENTS = 10_000
_DAY_S = 86_400.0
_NO_TIMES = "no purchase of the history has a time, so that none is due"


@dataclass(frozen=True, slots=True)
class Again:
    """Why an item is due.

    Attributes:
        times: On how many days the user bought it.
        days: Since they bought it last.
        gap_days: After which they typically buy it again.
        chance: That they buy it within the time ahead, 0..1, as the gaps let one expect.
        reason: A sentence that says so.
    """

    times: int
    days: float
    gap_days: float
    chance: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainItem(Recommendation):
    """A document that a user may buy again.

    Attributes:
        again: Why.
    """

    again: Again


@dataclass(frozen=True, slots=True)
class AgainQuestion:
    """What is asked.

    Attributes:
        history: With the user's purchases, which have times.
        languages: Target languages; None: all of the index, that of the purchase first.
        size: How many items.
        ahead_days: How far ahead is looked.
        excluded: Ids of works or documents that are left out.
    """

    history: History
    languages: Sequence[str] | None = None
    size: int = 10
    ahead_days: float = 7.0
    excluded: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UsageError(f"size is {self.size}; ask for at least 1")
        if not 0 < self.ahead_days <= WINDOW_DAYS:
            raise UsageError(f"ahead_days is {self.ahead_days}; use 0 to {WINDOW_DAYS}, not 0")


@dataclass(frozen=True, slots=True)
class _Learned:
    """What was learned of an index.

    Attributes:
        items: How each work is bought again.
        spread: See `Repeats`.
    """

    items: Mapping[str, Repeat] = field(default_factory=dict)
    spread: float = 1.0


class BuyAgain:
    """What users buy again in an index, by an index of events. It may be shared by threads."""

    def __init__(
        self,
        client: Elasticsearch,
        index: str,
        source: EventSource | FileEvents,
        *,
        options: Options | None = None,
        purchases: Sequence[str] | None = None,
        life_s: float = LIFE_S,
    ) -> None:
        """Nothing is sent yet.

        Args:
            client: See `connection.connect`.
            index: Alias or index that `xlrec-ingest run` made.
            source: Where events are, an index or a file that was read.
            options: Filters, caps, fields, languages that are left out.
            purchases: Names of the events that are purchases; None: those that are by their
                usual names, such as `purchase` and `order`.
            life_s: Seconds for which what was learned is good.
        """
        self._client = client
        self._index = index
        self._source = source
        self._options = options or Options()
        self._purchases = None if purchases is None else frozenset(purchases)
        self._life_s = life_s
        self._known: dict[str, tuple[float, _Learned]] = {}
        self._learning = threading.Lock()

    def ask(
        self,
        question: AgainQuestion,
        *,
        options: Options | None = None,
        now: datetime | None = None,
    ) -> Recommendations:
        """The items that are due for a user, the most due first.

        Args:
            question: What is asked.
            options: In place of those of the object.
            now: The present; None: this moment, of a file that of its last event.

        Returns:
            `AgainItem`s, each item once, in a target language; items that are hardly ever bought
            twice are not among them, nor those that the user seems to have given up.

        Raises:
            UnknownLanguage: Not a language tag, or none of the index's languages.
            IndexNotFound: No such index, of items or of events.
            ConfigError: Events cannot be counted by their fields.
            ClusterError: Elasticsearch is out of reach, or refuses.
        """
        if now is None and isinstance(self._source, FileEvents):
            now = self._source.end
        how, moment = options or self._options, now or datetime.now(UTC)
        live = find_live(self._client, self._index)
        targets = targets_of(live, question.languages, how)
        bought = [one for one in question.history.interactions if self._is_purchase(one.event)]
        works = works_of(self._client, live, {*(one.item for one in bought), *question.excluded})
        learned = self._learn(live, now)
        excluded = {works[id_][0] for id_ in question.excluded if id_ in works}
        days = _days_of(bought, works)
        repeats = Repeats(learned.items, learned.spread, question.ahead_days)
        found = [
            due
            for due in due_items(days, repeats, now_days=moment.timestamp() / _DAY_S)
            if due.item not in excluded
        ]
        spoken = {works[one.item][0]: works[one.item][1] for one in bought if one.item in works}
        offers = [
            Offer(due.item, language, due.chance)
            for due in found
            for language in _in_order(targets, spoken[due.item])
        ]
        shown = put_on_shelf(self._client, live, offers, targets, how.search, size=question.size)
        by_work = {due.item: due for due in found}
        timeless = bool(bought) and all(one.time is None for one in bought)
        return Recommendations(
            tuple(_item(one, n, by_work[one.offer.work]) for n, one in enumerate(shown, 1)),
            live.name,
            live.meta.fingerprint.digest,
            unknown_items=tuple(dict.fromkeys(one.item for one in bought if one.item not in works)),
            notes=(_NO_TIMES,) if timeless else (),
            languages=tuple(
                LanguageShare(language, None, sum(one.offer.language == language for one in shown))
                for language in targets
            ),
        )

    def _is_purchase(self, event: str) -> bool:
        if self._purchases is not None:
            return event in self._purchases
        return is_purchase(event)

    def _learn(self, live: LiveIndex, now: datetime | None) -> _Learned:
        """What was learned a while ago, or is learned now: once for all who ask."""
        if now is not None:
            return self._learn_now(live, now)
        if (known := self._good(live)) is not None:
            return known
        with self._learning:
            if (known := self._good(live)) is not None:  # while this one waited
                return known
            learned = self._learn_now(live, datetime.now(UTC))
            self._known = {live.name: (time.monotonic(), learned)}
            return learned

    def _good(self, live: LiveIndex) -> _Learned | None:
        learned_at, known = self._known.get(live.name, (0.0, None))
        return known if time.monotonic() - learned_at < self._life_s else None

    def _learn_now(self, live: LiveIndex, now: datetime) -> _Learned:
        read = self._read((now - timedelta(days=WINDOW_DAYS), now))
        pairs: Pairs = read.pairs(works_of(self._client, live, read.items))
        rates, gaps, spread = learn_repeats(
            pairs.work, pairs.times, pairs.spans_days, len(pairs.works)
        )
        items = {
            work: Repeat(float(rates[number]), float(gaps[number]))
            for number, work in enumerate(pairs.works)
        }
        return _Learned(items, spread)

    def _read(self, period: Period) -> Purchases:
        """The purchases of all users."""
        if isinstance(self._source, FileEvents):
            return self._source.purchases(period, self._is_purchase)
        fields = look_up(self._client, self._source)
        events = None
        if fields.event is not None:
            query = {"bool": {"filter": [within(fields, [period])]}}
            names = names_of(self._client, fields, query)
            events = [name for name in names if self._is_purchase(name)]
        return read_purchases(self._client, fields, period, events)


def purchases_of(client: Elasticsearch, user: str, source: EventSource) -> History:
    """The latest 10,000 events of a user, of which purchases are a part.

    Args:
        client: Of the cluster.
        user: Their id.
        source: Where events are.

    Raises:
        XlrecError: As for `event_source.read_history`.
    """
    return read_history(client, user, replace(source, limit=MOST_EVENTS))


def _days_of(
    bought: Sequence[Interaction], works: Mapping[str, tuple[str, str | None]]
) -> dict[str, np.ndarray]:
    """When each work was bought, in days since 1970."""
    found: dict[str, list[float]] = {}
    for one in bought:
        if one.item in works and one.time is not None:
            moment = one.time if one.time.tzinfo else one.time.replace(tzinfo=UTC)
            found.setdefault(works[one.item][0], []).append(moment.timestamp() / _DAY_S)
    return {work: np.array(days) for work, days in found.items()}


def _in_order(targets: Mapping[str, Sequence[str]], first: str | None) -> list[str]:
    """The target languages, that of the purchase first."""
    return sorted(targets, key=lambda language: first not in targets[language])


def _item(shown: Shown, rank: int, due: Due) -> AgainItem:
    often = "once" if due.times == 1 else f"on {due.times} days"
    said = (
        f"bought {often}, last {due.days:.0f} days ago; usually again after {due.gap_days:.0f} days"
    )
    again = Again(due.times, round(due.days, 1), round(due.gap_days, 1), round(due.chance, 4), said)
    return AgainItem(**shown.said_by(BUY_AGAIN, rank), again=again)
