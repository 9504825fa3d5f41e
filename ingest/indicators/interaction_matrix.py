"""Who liked what: interactions out of files, or out of an index of events, as a sparse matrix.

Rows come in Arrow batches and leave as numbers, 18 bytes each, so that 100 million of them fit into
memory (xlrec_es/OPERATIONS.md, "Sizing"; tests/bench/learning/collect.py measures it). Every row
that does not count is counted under its reason. The order of the rows decides nothing, and neither
does the moment of reading: machines that share the work learn from the same likes.

The twin of `xlrec_es.interactions.likes`, which reads for evaluations, without this side's
libraries. What counts as liked is the same there, as a test shows, and so is the digest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ingest.indicators.arrow_columns import floats, numbers_of, seconds, strings
from ingest.indicators.baskets import owner_of
from ingest.indicators.learners.noised_sums import Likes
from ingest.indicators.popularity import COLUMN, LANGUAGE, MarketNumbers, Markets
from xlrec_es.errors import SourceError, UsageError
from xlrec_es.interactions.digests import ids_as_numbers, pair_hashes, pairs_digest
from xlrec_es.interactions.forgotten import REASON, Forgotten
from xlrec_es.interactions.likes import MAX_WEIGHT, UNKNOWN_EVENT, count_unknown
from xlrec_es.interactions.times import TimeReader
from xlrec_es.interactions.weighting import EVENT_WEIGHTS, event_weight

_DAY_S = 86_400.0
EPOCH_S = 946_684_800  # 2000-01-01: 32 bits of seconds reach from 1932 to 2068
_PART = 1_000_000
NO_TIME = np.iinfo(np.int32).max  # counts as the latest
ROW = [("user", "i4"), ("work", "i4"), ("weight", "f4"), ("time", "i4"), ("market", "i2")]


@dataclass(frozen=True, slots=True)
class LikeRules:
    """What counts as liked, and how much.

    Attributes:
        events: Weight by event; below zero: not liked. An event that is not named, as itself or as
            one that `weighting.event_weight` knows, does not count.
        separate_events: Whether different events of a user with a work add up, each once; else
            the heaviest counts alone. Events of the same weight are not different.
        min_rating: A lower rating means not liked; None: ratings do not matter.
        time_format: How times are written; see `xlrec_es.interactions.times.TimeReader`.
        half_life_days: Age at which a like counts half, computed from the latest; None: never.
        min_users: Works liked by fewer users are left out.
        min_works: Users who liked fewer works are left out.
        max_works: Of a user who liked more, a robot perhaps, only the latest so many count.
        plain: Weight of a row without an event; None: that of a view.
        basket_gap_h: Hours after which what a user does is another basket, in place of the user.
            None: users are users. Rows without a time are of no basket.
        repeats: Of the baskets of a user, in how many a work counts, the latest; None: in all.
        forgotten: Users whose rows do not count.
    """

    events: Mapping[str, float] = field(default_factory=lambda: EVENT_WEIGHTS)
    separate_events: bool = False
    min_rating: float | None = None
    time_format: str | None = None
    half_life_days: float | None = None
    min_users: int = 1
    min_works: int = 1
    max_works: int = 1000
    plain: float | None = None
    basket_gap_h: float | None = None
    repeats: int | None = None
    forgotten: Forgotten = field(default_factory=Forgotten)

    def __post_init__(self) -> None:
        if self.half_life_days is not None and not self.half_life_days > 0:
            raise UsageError(f"half_life_days is {self.half_life_days}; use days above 0")
        if self.basket_gap_h is not None and not self.basket_gap_h > 0:
            raise UsageError(f"basket_gap_h is {self.basket_gap_h}; use hours above 0")
        if min(self.min_users, self.min_works, self.max_works) < 1:
            raise UsageError("min_users, min_works and max_works count from 1")
        for event, weight in self.events.items():
            if not abs(weight) <= MAX_WEIGHT:
                raise UsageError(
                    f"the weight of event {event!r} is {weight}; use -{MAX_WEIGHT:g} to "
                    f"{MAX_WEIGHT:g}"
                )


@dataclass(frozen=True, slots=True)
class LikeMatrix:
    """What many users liked.

    Attributes:
        matrix: Shape (n_users, n_works), float32: weights of likes, 1 in the mean square. Noised
            sums in its place, where users must not show.
        users: Users by work, shape (n_works,), float32; older likes count less.
        works: Work ids, in order of the columns.
        report: How many rows came, and how many did not count, by reason.
        read: Which likes these are: how many, their digest (see `digests.pairs_digest`), and the
            time of the latest. An evaluation knows by it what was learned.
        digest: Stands for what is learned from: the likes that count, with their weights.
        markets: Where they liked it.
        owners: Shape (n_users,): a number for the user of each row, where rows are baskets. None:
            each is a user.
    """

    matrix: Likes
    users: NDArray[np.float32]
    works: tuple[str, ...]
    report: Mapping[str, int]
    read: Mapping[str, Any]
    digest: str
    markets: Markets
    owners: NDArray[np.int32] | None = None


def collect(
    batches: Iterable[pa.RecordBatch],
    items: Mapping[str, str],
    rules: LikeRules,
    *,
    now_s: float,
    languages: Mapping[str, str] | None = None,
    report: Counter[str] | None = None,
) -> LikeMatrix:
    """Read batches into a matrix.

    Args:
        batches: With some of `xlrec_es.interactions.likes.COLUMNS`.
        items: Work by item; an item is a work or a document of the catalog.
        rules: What counts.
        now_s: Seconds since 1970; later times are taken for mistakes, and for the latest.
        languages: Language by item, of items that are in one language.
        report: Of whoever reads the batches: rows that were set aside before.

    Raises:
        SourceError: A column that must be there is not, no time can be read, or there are too many
            markets.
        UsageError: No such way to write times.
    """
    collector = Collector(items, rules, now_s, languages or {})
    collector.report = collector.report if report is None else report
    for batch in batches:
        collector.add(batch)
    return collector.finish()


class Collector:
    """Rows so far, as numbers."""

    def __init__(
        self,
        items: Mapping[str, str],
        rules: LikeRules,
        now_s: float,
        languages: Mapping[str, str],
    ) -> None:
        self.works = tuple(sorted(set(items.values())))
        numbers = {work: number for number, work in enumerate(self.works)}
        self._items = {item: numbers[work] for item, work in items.items()}
        self._rules = rules
        self._now_s = now_s
        self._languages = languages
        self._users: dict[str, int] = {}
        self._markets = MarketNumbers()
        self._parts: list[NDArray[Any]] = []
        self._times_read = TimeReader(rules.time_format)
        self.report: Counter[str] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in a batch."""
        missing = {"user", "item"} - set(batch.schema.names)
        if missing:
            raise SourceError(
                f"the interactions have no {' and no '.join(sorted(missing))}, but "
                f"{', '.join(batch.schema.names)}; say which is which: --field user=NAME"
            )
        columns = {name: batch.column(name) for name in batch.schema.names}
        rows = np.empty(len(batch), ROW)
        rows["user"] = numbers_of(columns["user"], self._user)
        rows["work"] = numbers_of(columns["item"], lambda item: self._items.get(item, -1))
        rows["weight"] = self._weights(columns, len(batch))
        rows["time"] = self._times(columns, len(batch))
        rows["market"] = self._market_numbers(columns)
        self.report["rows"] += len(batch)
        good = np.ones(len(batch), bool)
        for reason, bad in (
            ("without user or item", (rows["user"] == -2) | (rows["work"] == -2)),
            (REASON, rows["user"] == -1),
            ("unknown item", rows["work"] == -1),
            (UNKNOWN_EVENT, np.isneginf(rows["weight"])),
            ("absurd weight or rating", np.isnan(rows["weight"])),
            ("not liked", ~(rows["weight"] > 0)),
        ):
            if reason == UNKNOWN_EVENT:
                self._count_unknown(columns, good & bad)
            else:
                self._count(reason, int((good & bad).sum()))
            good &= ~bad
        self._parts.append(rows[good])

    def _user(self, user: str) -> int:
        """The number of a user, or basket; -1 for one who is to be left out."""
        number = self._users.get(user, -1)
        if number < 0 and owner_of(user) not in self._rules.forgotten:
            number = self._users[user] = len(self._users)
        return number

    def _count(self, reason: str, rows: int) -> None:
        if rows:
            self.report[reason] += rows

    def _weights(self, columns: Mapping[str, pa.Array], size: int) -> NDArray[np.float32]:
        """Weight of each row; zero or below: not liked; NaN: nonsense; -inf: nothing says it."""
        by_event = self._rules.events
        plain = by_event.get("view", 1.0) if self._rules.plain is None else self._rules.plain
        weights = np.full(size, plain, np.float32)
        if "event" in columns:
            known = strings(columns["event"]).dictionary_encode()
            found = [event_weight(event, by_event) for event in known.dictionary.to_pylist()]
            values = [-np.inf if weight is None else weight for weight in found]
            places = known.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            # A row without an event is a plain view; the padding is the last entry.
            weights = np.array([*values, plain], np.float32)[places]
        if "weight" in columns:
            given, there = floats(columns["weight"])
            given[np.abs(given) > MAX_WEIGHT] = np.nan
            weights = np.where(there, given, weights).astype(np.float32)
        if "rating" in columns:
            ratings, there = floats(columns["rating"])
            weights[there & np.isnan(ratings)] = np.nan
            if self._rules.min_rating is not None:
                weights[there & (ratings < self._rules.min_rating)] = 0
        return weights

    def _times(self, columns: Mapping[str, pa.Array], size: int) -> NDArray[np.int32]:
        """Seconds after `EPOCH_S`."""
        if "time" not in columns:
            return np.full(size, NO_TIME, np.int32)
        times_s = seconds(columns["time"], self._times_read)
        future = times_s > self._now_s + _DAY_S  # clocks and time zones differ by less than a day
        self._count("in the future, taken for the latest", int(future.sum()))
        times_s[future] = np.nan
        known = np.clip(times_s - EPOCH_S, -NO_TIME, NO_TIME - 1)
        return np.where(np.isnan(known), NO_TIME, known).astype(np.int32)

    def _count_unknown(self, columns: Mapping[str, pa.Array], rows: NDArray[np.bool_]) -> None:
        """Count rows of events that have no weight by what the events are called."""
        if rows.any():
            names = strings(columns["event"]).filter(pa.array(rows)).value_counts().to_pylist()
            for one in names:
                count_unknown(self.report, one["values"], one["counts"])

    def _market_numbers(self, columns: Mapping[str, pa.Array]) -> NDArray[np.int32]:
        """The market that a row names, else the language of its item; below zero: none."""
        if "market" in columns:
            return numbers_of(columns["market"], lambda name: self._markets.number(COLUMN, name))
        spoken, number = self._languages, self._markets.number
        return numbers_of(
            columns["item"],
            lambda item: number(LANGUAGE, spoken[item]) if item in spoken else -1,
        )

    def finish(self) -> LikeMatrix:
        """All rows as a matrix."""
        self._times_read.refuse_nothing("the interactions")
        self.report.update(self._times_read.report)
        rows = np.concatenate(self._parts or [np.empty(0, ROW)])
        self._parts.clear()
        known = rows["time"][rows["time"] != NO_TIME]
        latest = int(known.max()) if len(known) else 0
        # A user's number depends on the order of the rows, and a hash of the id does not.
        users, works = ids_as_numbers(self._users), ids_as_numbers(self.works)
        owners = None
        if self._rules.basket_gap_h is not None:
            rows, users, owners = self._in_baskets(rows, users, self._rules.basket_gap_h * 3600)
        rows = self._each_once(rows, latest)
        until = datetime.fromtimestamp(EPOCH_S + latest, UTC).isoformat() if len(known) else None
        read = {"likes": len(rows), "digest": _digest(users, works, rows), "until": until}
        if owners is None and self._rules.repeats is not None:
            owners = self._owners()
        if owners is not None and self._rules.repeats is not None:
            draw = pair_hashes(users[rows["user"]], works[rows["work"]])
            rows = self._without_repeats(rows, owners, draw, self._rules.repeats)
        rows = self._capped(rows, users, works)
        rows = self._without_rare(rows, "work", self._rules.min_users, "item too rare")
        rows = self._without_rare(rows, "user", self._rules.min_works, "user too short")
        self._count("positive interactions", len(rows))
        recent = self._decay(rows["time"], latest)
        counts = np.bincount(rows["work"], recent, minlength=len(self.works))
        return LikeMatrix(
            self._matrix(rows),
            counts.astype(np.float32),
            self.works,
            dict(self.report),
            read,
            _digest(users, works, rows, weighed=True),
            self._markets.count(
                rows["user"], rows["work"], rows["market"], recent, n_works=len(self.works)
            ),
            None if owners is None else owners[np.unique(rows["user"])],
        )

    def _in_baskets(
        self, rows: NDArray[Any], users: NDArray[np.uint64], gap_s: float
    ) -> tuple[NDArray[Any], NDArray[np.uint64], NDArray[np.int32]]:
        """Rows of baskets in place of users.

        Also a hash of each basket, of its user and its beginning, and the number of its user.

        Args:
            rows: Of users, in any order.
            users: A hash of each user.
            gap_s: Seconds without a row after which another basket begins.
        """
        timed = rows["time"] != NO_TIME
        self._count("without basket or time", int((~timed).sum()))
        rows = rows[timed]
        rows = rows[np.lexsort((rows["time"], rows["user"]))]
        times = rows["time"].astype(np.int64)
        first = np.union1d(_starts(rows, "user"), np.flatnonzero(np.diff(times) > gap_s) + 1)
        owners = rows["user"][first]
        named = pair_hashes(users[owners], times[first].astype(np.uint64))
        rows["user"] = np.repeat(np.arange(len(first)), np.diff(first, append=len(rows)))
        return rows, named, owners

    def _owners(self) -> NDArray[np.int32]:
        """The number of the user of each basket."""
        numbers: dict[str, int] = {}
        owners = (numbers.setdefault(owner_of(name), len(numbers)) for name in self._users)
        return np.fromiter(owners, np.int32, len(self._users))

    def _without_repeats(
        self, rows: NDArray[Any], owners: NDArray[np.int32], draw: NDArray[np.uint64], most: int
    ) -> NDArray[Any]:
        """Without the works of a user's baskets that were in so many later ones of the user's.

        Args:
            rows: A basket's work each once.
            owners: The user of each basket.
            draw: A hash of each row, by which those of one time are in order.
            most: How many stay.
        """
        whose = owners[rows["user"]]
        order = np.lexsort((draw, -rows["time"], rows["work"], whose))
        pairs = (whose.astype(np.int64) * len(self.works) + rows["work"])[order]
        starts = np.flatnonzero(np.diff(pairs, prepend=-1))
        place = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
        over = order[place >= most]
        self._count("again in a user's baskets", len(over))
        kept: NDArray[Any] = np.delete(rows, over)
        return kept

    def _matrix(self, rows: NDArray[Any]) -> csr_array:
        """A row for each user, of rows in the order of their users."""
        weights = rows["weight"].copy()
        if len(rows):
            weights /= np.sqrt(np.mean(np.square(weights), dtype=np.float64))
        starts = np.append(_starts(rows, "user"), len(rows)).astype(np.int32)
        works = rows["work"].copy()
        matrix = csr_array((weights, works, starts), shape=(len(starts) - 1, len(self.works)))
        matrix.sort_indices()
        return matrix

    def _decay(self, times: NDArray[np.int32], latest: int) -> NDArray[np.float32]:
        """What a like still counts, 0..1; one without a time counts as the latest."""
        half_life = self._rules.half_life_days
        if half_life is None:
            return np.ones(len(times), np.float32)
        age_days = np.maximum(latest - times.astype(np.float64), 0) / _DAY_S
        decayed: NDArray[np.float32] = np.exp2(-age_days / half_life).astype(np.float32)
        return decayed

    def _each_once(self, rows: NDArray[Any], latest: int) -> NDArray[Any]:
        """Each user's likes of a work as one row, weighed by age."""
        apart, before = self._rules.separate_events, len(rows)
        if apart:
            rows = rows[_order(rows)]
            rows = rows[_starts(rows, "user", "work", "weight")]
            self._count("again", before - len(rows))
        rows["weight"] *= self._decay(rows["time"], latest)
        rows = rows[_order(rows)]
        first = _starts(rows, "user", "work")
        once = rows[first]
        if apart and len(rows):
            sums = np.add.reduceat(rows["weight"], first)
            once["weight"] = np.minimum(sums, np.float32(MAX_WEIGHT))
        self._count("added to another event" if apart else "again", len(rows) - len(once))
        return once

    def _capped(
        self, rows: NDArray[Any], users: NDArray[np.uint64], works: NDArray[np.uint64]
    ) -> NDArray[Any]:
        """The latest of each user who has too many; without times, a draw that is always alike."""
        most = self._rules.max_works
        busy = np.flatnonzero(np.bincount(rows["user"], minlength=1)[rows["user"]] > most)
        some = rows[busy]
        draw = pair_hashes(users[some["user"]], works[some["work"]])
        order = np.lexsort((draw, -some["time"], some["user"]))
        starts = _starts(some[order], "user")
        place = np.arange(len(some)) - np.repeat(starts, np.diff(starts, append=len(some)))
        over = busy[order[place >= most]]
        self._count("over the limit of a user", len(over))
        return np.delete(rows, over) if len(over) else rows

    def _without_rare(self, rows: NDArray[Any], name: str, least: int, reason: str) -> NDArray[Any]:
        counts = np.bincount(rows[name], minlength=1)
        rare = counts[rows[name]] < least
        self._count(reason, int(rare.sum()))
        kept: NDArray[Any] = rows[~rare]
        return kept


def _order(rows: NDArray[Any]) -> NDArray[np.intp]:
    """Rows of a user with a work together, the heaviest first, the latest of equal ones."""
    return np.lexsort((-rows["time"], -rows["weight"], rows["work"], rows["user"]))


def _starts(rows: NDArray[Any], *names: str) -> NDArray[np.intp]:
    """Places where another value of one of these columns begins."""
    new = np.ones(len(rows), bool)
    new[1:] = np.logical_or.reduce([rows[n][1:] != rows[n][:-1] for n in names])
    return np.flatnonzero(new)


def _digest(
    users: NDArray[np.uint64],
    works: NDArray[np.uint64],
    rows: NDArray[Any],
    *,
    weighed: bool = False,
) -> str:
    """`pairs_digest` of rows, of their weights too if wanted."""
    return f"{digest_number(users, works, rows, weighed=weighed) % 2**64:016x}"


def digest_number(
    users: NDArray[np.uint64],
    works: NDArray[np.uint64],
    rows: NDArray[Any],
    *,
    weighed: bool = False,
) -> int:
    """The same as a number, which adds up over parts of all rows, modulo 2^64.

    Args:
        users: A hash of each user.
        works: A hash of each work.
        rows: Of which; a part of them at a time, to save memory.
        weighed: Whether their weights count too.
    """
    total = 0
    for start in range(0, len(rows), _PART):
        some = rows[start : start + _PART]
        whose = users[some["user"]]
        if weighed:
            whose ^= np.ascontiguousarray(some["weight"]).view(np.uint32)
        total += int(pairs_digest(whose, works[some["work"]]), 16)
    return total
