"""Events of a file of interactions, counted by periods as those of an index are."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import SourceError, UnknownItems
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.interactions.likes import COLUMNS
from xlrec_es.interactions.row_reader import read_rows, text_of
from xlrec_es.interactions.times import TimeReader
from xlrec_es.relations.event_counts import EventCounts, Period
from xlrec_es.relations.purchases import Purchases

_DAY_S = 86_400
_NONE = -1


@dataclass(frozen=True, slots=True)
class FileEvents:
    """What the rows of a file say, a number for each different text.

    Attributes:
        users: Ids.
        items: Ids of works or documents.
        events: Names; none where the file has no such column, and all are views.
        markets: Their values; none where the file has no such column.
        user: Shape (n,): number of each row's user.
        item: Shape (n,).
        event: Shape (n,); -1 where a row has none.
        market_of: Shape (n,); -1 where a row has none.
        time: Shape (n,): in seconds since 1970.
        report: How many rows came, and how many were rejected, by reason.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    events: tuple[str, ...]
    markets: tuple[str, ...]
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    event: NDArray[np.int64]
    market_of: NDArray[np.int64]
    time: NDArray[np.float64]
    report: Mapping[str, int] = field(default_factory=dict)

    @property
    def market(self) -> str | None:
        """As `EventSource.market`: what names the market; None if nothing does."""
        return "market" if self.markets else None

    @property
    def end(self) -> datetime:
        """A moment after the last event: the present, as far as the file goes."""
        return datetime.fromtimestamp(float(self.time.max()) + 1e-3, UTC)

    def named(self, counts: Callable[[str], bool]) -> NDArray[np.bool_]:
        """The rows whose event counts, shape (n,); all where there are no names."""
        if not self.events:
            return np.ones(len(self.time), bool)
        # A row without a name is a view, as `Interaction` says.
        known = np.array([*map(counts, self.events), counts("view")])
        return known[self.event]

    def within(self, period: Period) -> NDArray[np.bool_]:
        """The rows from a moment (inclusive) till another, shape (n,)."""
        start, end = (moment.timestamp() for moment in period)
        return (self.time >= start) & (self.time < end)

    def purchases(self, period: Period, is_purchase: Callable[[str], bool]) -> Purchases:
        """Who bought what on which days.

        Args:
            period: From when till when.
            is_purchase: Whether an event of that name is one; in a file without names, all are.
        """
        rows = self.within(period) & self.named(is_purchase)
        days = (self.time[rows] // _DAY_S).astype(np.int64)
        return Purchases(self.items, self.item[rows], self.user[rows], days)

    def history(self, user: str) -> History:
        """What a user did.

        Args:
            user: Their id.

        Raises:
            UnknownItems: The file has no such user.
        """
        if user not in self.users:
            raise UnknownItems(f"the file has no user {user!r}", items=[user])
        rows = np.flatnonzero(self.user == self.users.index(user))
        return History(
            tuple(
                Interaction(
                    self.items[self.item[row]],
                    "view" if self.event[row] == _NONE else self.events[self.event[row]],
                    time=datetime.fromtimestamp(float(self.time[row]), UTC),
                )
                for row in rows
            )
        )


class FileCounter:
    """As `EventCounter`, of a file."""

    def __init__(
        self,
        events: FileEvents,
        periods: Sequence[Period],
        *,
        counts: Callable[[str], bool],
        market: str | None = None,
    ) -> None:
        """Nothing is counted yet.

        Args:
            events: Of the file.
            periods: From when (inclusive) till when each is.
            counts: Whether an event of that name counts.
            market: Whose; None: all.
        """
        rows = events.named(counts)
        if market is not None:
            number = events.markets.index(market) if market in events.markets else len(events.time)
            rows = rows & (events.market_of == number)
        self._events = events
        self._rows = [np.flatnonzero(rows & events.within(period)) for period in periods]

    def count(self) -> EventCounts:
        """The users of every item that has some in these periods."""
        items = self._users_of(self._events.item, len(self._events.items))
        some = np.flatnonzero(items.any(axis=1))
        active = self._users_of(np.zeros_like(self._events.item), 1)[0]
        return EventCounts(tuple(self._events.items[n] for n in some), items[some], active)

    def together(self, groups: Mapping[str, Sequence[str]]) -> dict[str, NDArray[np.int64]]:
        """The users of several items as if they were one, shape (n_periods,), by group.

        Args:
            groups: Items by the name of the group.
        """
        known = {item: number for number, item in enumerate(self._events.items)}
        group_of = np.full(len(known), len(groups))
        for number, items in enumerate(groups.values()):
            group_of[[known[item] for item in items]] = number
        found = self._users_of(group_of[self._events.item], len(groups) + 1)
        return dict(zip(groups, found[:-1], strict=True))

    def _users_of(self, group: NDArray[np.int64], many: int) -> NDArray[np.int64]:
        """Different users by group and period, shape (many, n_periods)."""
        found = np.zeros((many, len(self._rows)), np.int64)
        for period, rows in enumerate(self._rows):
            pairs = np.unique(np.stack([group[rows], self._events.user[rows]]), axis=1)
            found[:, period] = np.bincount(pairs[0], minlength=many)
        return found


def read_event_file(
    path: Path, *, fields: Mapping[str, str] | None = None, time_format: str | None = None
) -> FileEvents:
    """Read a file of interactions with times; rows without one are rejected.

    Args:
        path: .csv, .tsv or .jsonl, plain or gzipped, in UTF-8.
        fields: The file's name of each of `likes.COLUMNS`; one that is not named has its own name.
        time_format: As for `TimeReader`; None: recognized.

    Raises:
        SourceError: The file cannot be read, or lacks a column; or no row has a time.
        UsageError: No such way to write times.
    """
    report: Counter[str] = Counter()
    times = TimeReader(time_format)
    numbers: dict[str, dict[str, int]] = {n: {} for n in ("user", "item", "event", "market")}
    columns = {name: array("q") for name in numbers}
    moments = array("d")
    rows = read_rows(path, COLUMNS, fields or {}, needed=("user", "item", "time"), report=report)
    for row in rows:
        report["rows"] += 1
        texts = {name: text_of(row[name]) for name in numbers}
        time = times.text(text_of(row["time"]))
        if not (texts["user"] and texts["item"]):
            report["without user or item"] += 1
        elif math.isnan(time):
            report["without a time"] += 1
        else:
            moments.append(time)
            for name, text in texts.items():
                known = numbers[name]
                columns[name].append(known.setdefault(text, len(known)) if text else _NONE)
    if not moments:
        raise SourceError(f"cannot read {path}: it has no row with a user, an item and a time")
    users, items, events, markets = (tuple(known) for known in numbers.values())
    user, item, event, market = (np.array(column, np.int64) for column in columns.values())
    when = np.array(moments)
    return FileEvents(users, items, events, markets, user, item, event, market, when, report)
