"""Who liked what: interactions out of files, or out of an index of events, as a sparse matrix.

Rows come in Arrow batches and leave as numbers, 16 bytes each, so that 100 million of them fit into
memory: about 1.6 GB, and twice as much more while they are sorted. Every row that does not count is
counted under its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.history import EVENT_WEIGHTS
from xlrec_es.likes import MAX_WEIGHT, ids_as_numbers, pairs_digest

_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_DAY_S = 86_400.0
_MILLISECONDS = 1e11  # seconds since 1970 reach it in the year 5138


@dataclass(frozen=True, slots=True)
class LikeRules:
    """What counts as liked, and how much.

    Attributes:
        events: Weight by event; below zero: not liked. An event that is not named does not count.
        min_rating: A lower rating means not liked; None: ratings do not matter.
        half_life_days: Age at which a like counts half, reckoned from the latest; None: never.
        min_persons: Works liked by fewer persons are left out.
        min_works: Persons who liked fewer works are left out.
        max_works: Of a person who liked more, a robot perhaps, only the latest so many count.
    """

    events: Mapping[str, float] = field(default_factory=lambda: EVENT_WEIGHTS)
    min_rating: float | None = None
    half_life_days: float | None = None
    min_persons: int = 1
    min_works: int = 1
    max_works: int = 1000

    def __post_init__(self) -> None:
        if self.half_life_days is not None and not self.half_life_days > 0:
            raise UsageError(f"half_life_days is {self.half_life_days}; use days above 0")
        if min(self.min_persons, self.min_works, self.max_works) < 1:
            raise UsageError("min_persons, min_works and max_works count from 1")


@dataclass(frozen=True, slots=True)
class Likes:
    """What many persons liked.

    Attributes:
        matrix: Shape (n_persons, n_works), float32: weights of likes, 1 in the mean square.
        persons: Persons by work, shape (n_works,), float32; older likes count less.
        works: Work ids, in order of the columns.
        report: How many rows came, and how many did not count, by reason.
        read: Which likes these are: how many, their digest (see `xlrec_es.likes.pairs_digest`),
            and the time of the latest. An evaluation knows by it what was learned.
    """

    matrix: csr_array
    persons: NDArray[np.float32]
    works: tuple[str, ...]
    report: Mapping[str, int]
    read: Mapping[str, Any] = field(default_factory=dict)


def collect(
    batches: Iterable[pa.RecordBatch],
    items: Mapping[str, str],
    rules: LikeRules,
    *,
    now_s: float,
) -> Likes:
    """Read batches into a matrix.

    Args:
        batches: With some of `COLUMNS`.
        items: Work by item; an item is a work or a document of the catalogue.
        rules: What counts.
        now_s: Seconds since 1970; later times are taken for mistakes, and for now.

    Raises:
        SourceError: A column that must be there is not, or a time cannot be read.
    """
    collector = _Collector(items, rules, now_s)
    for batch in batches:
        collector.add(batch)
    return collector.finish()


class _Collector:
    """Rows so far, as numbers."""

    def __init__(self, items: Mapping[str, str], rules: LikeRules, now_s: float) -> None:
        self.works = tuple(sorted(set(items.values())))
        numbers = {work: number for number, work in enumerate(self.works)}
        self._items = {item: numbers[work] for item, work in items.items()}
        self._rules = rules
        self._now_s = now_s
        self._users: dict[str, int] = {}
        self._parts: list[NDArray[Any]] = []
        self._latest_s = -np.inf
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
        rows = np.empty(len(batch), [("user", "i4"), ("work", "i4"), ("weight", "f4"), ("t", "f4")])
        rows["user"] = _numbers(columns["user"], self._user)
        rows["work"] = _numbers(columns["item"], lambda item: self._items.get(item, -1))
        rows["weight"] = self._weights(columns, len(batch))
        times_s = _seconds(columns["time"]) if "time" in columns else np.full(len(batch), np.nan)
        rows["t"] = self._days(times_s)
        self.report["rows"] += len(batch)
        good = np.ones(len(batch), bool)
        for reason, bad in (
            ("without user or item", (rows["user"] < 0) | (rows["work"] == -2)),
            ("unknown item", rows["work"] == -1),
            ("absurd weight or rating", np.isnan(rows["weight"])),
            ("not liked", ~(rows["weight"] > 0)),
        ):
            self._count(reason, int((good & bad).sum()))
            good &= ~bad
        self._parts.append(rows[good])
        self._latest_s = np.fmax.reduce(times_s[good], initial=self._latest_s)

    def _user(self, user: str) -> int:
        return self._users.setdefault(user, len(self._users))

    def _count(self, reason: str, rows: int) -> None:
        if rows:
            self.report[reason] += rows

    def _weights(self, columns: Mapping[str, pa.Array], size: int) -> NDArray[np.float32]:
        """Weight of each row; zero or below: not liked; NaN: nonsense."""
        weights = np.ones(size, np.float32)
        if "event" in columns:
            by_event = self._rules.events
            known = _strings(columns["event"]).dictionary_encode()
            values = [by_event.get(event, 0.0) for event in known.dictionary.to_pylist()]
            places = known.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            # A row without an event is a plain view; the padding is the last entry.
            weights = np.array([*values, by_event.get("view", 1.0)], np.float32)[places]
        if "weight" in columns:
            given, there = _floats(columns["weight"])
            given[np.abs(given) > MAX_WEIGHT] = np.nan
            weights = np.where(there, given, weights).astype(np.float32)
        if "rating" in columns:
            ratings, there = _floats(columns["rating"])
            weights[there & np.isnan(ratings)] = np.nan
            if self._rules.min_rating is not None:
                weights[there & (ratings < self._rules.min_rating)] = 0
        return weights

    def _days(self, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """Days before now of each row, as a number below zero; NaN without a time."""
        days = (times_s - self._now_s) / _DAY_S
        self._count("in the future, taken for now", int((days > 1).sum()))
        clipped: NDArray[np.float32] = np.minimum(days, 0).astype(np.float32)
        return clipped

    def finish(self) -> Likes:
        """All rows as a matrix."""
        empty = np.empty(0, [("user", "i4"), ("work", "i4"), ("weight", "f4"), ("t", "f4")])
        rows = np.concatenate(self._parts or [empty])
        self._parts.clear()
        rows["weight"] *= self._decay(rows["t"])
        rows = self._each_once(rows)
        read = self._read(rows)
        rows = self._capped(rows)
        rows = self._without_rare(rows, "work", self._rules.min_persons, "work too rare")
        rows = self._without_rare(rows, "user", self._rules.min_works, "person too short")
        users, persons = np.unique(rows["user"], return_inverse=True)
        shape = (len(users), len(self.works))
        scale = np.sqrt(np.mean(rows["weight"].astype(np.float64) ** 2)) if len(rows) else 1.0
        matrix = csr_array((rows["weight"] / scale, (persons, rows["work"])), shape=shape)
        matrix.sort_indices()
        counts = np.bincount(rows["work"], self._decay(rows["t"]), minlength=len(self.works))
        self._count("likes", len(rows))
        return Likes(
            csr_array(matrix, dtype=np.float32),
            counts.astype(np.float32),
            self.works,
            dict(self.report),
            read,
        )

    def _read(self, rows: NDArray[Any]) -> dict[str, Any]:
        """Which likes these are, before any is left out as too rare or too many."""
        persons, works = ids_as_numbers(self._users), ids_as_numbers(self.works)
        latest = self._latest_s
        return {
            "likes": len(rows),
            "digest": pairs_digest(persons[rows["user"]], works[rows["work"]]),
            "until": None if np.isinf(latest) else datetime.fromtimestamp(latest, UTC).isoformat(),
        }

    def _decay(self, days: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a like still counts, 0..1; one without a time counts as the latest."""
        half_life = self._rules.half_life_days
        if half_life is None or not len(days) or np.isnan(days).all():
            return np.ones(len(days), np.float32)
        age = np.nan_to_num(np.nanmax(days) - days)
        decayed: NDArray[np.float32] = np.exp2(-age / half_life).astype(np.float32)
        return decayed

    def _each_once(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Of several rows of a person with a work, the heaviest."""
        rows = rows[np.lexsort((-rows["weight"], rows["work"], rows["user"]))]
        again = np.zeros(len(rows), bool)
        again[1:] = (rows["user"][1:] == rows["user"][:-1]) & (
            rows["work"][1:] == rows["work"][:-1]
        )
        self._count("again", int(again.sum()))
        return rows[~again]

    def _capped(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The latest of whoever has too many; without times, a draw that is always the same."""
        draw = np.random.default_rng(0).permutation(len(rows))
        rows = rows[np.lexsort((draw, -np.nan_to_num(rows["t"]), rows["user"]))]
        starts = np.flatnonzero(np.diff(rows["user"], prepend=-1))
        place = np.arange(len(rows)) - np.repeat(starts, np.diff([*starts, len(rows)]))
        over = place >= self._rules.max_works
        self._count("over the limit of a person", int(over.sum()))
        return rows[~over]

    def _without_rare(self, rows: NDArray[Any], name: str, least: int, reason: str) -> NDArray[Any]:
        counts = np.bincount(rows[name], minlength=1)
        rare = counts[rows[name]] < least
        self._count(reason, int(rare.sum()))
        kept: NDArray[Any] = rows[~rare]
        return kept


def _strings(column: pa.Array) -> pa.Array:
    """A column as texts; an empty one is none."""
    texts = column.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _numbers(column: pa.Array, number: Any) -> NDArray[np.int32]:  # noqa: ANN401 - str -> int
    """The number of each id, looked up once for each that differs; -2 where there is none."""
    encoded = _strings(column).dictionary_encode()
    found = np.array([*map(number, encoded.dictionary.to_pylist()), -2], np.int32)
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    numbers: NDArray[np.int32] = found[places]
    return numbers


def _floats(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers of a column, NaN for what is none, and where anything stands at all."""
    if pa.types.is_string(column.type) or pa.types.is_null(column.type):
        column = _strings(column)
        there = ~column.is_null().to_numpy(zero_copy_only=False)
        fits = pc.match_substring_regex(column, _NUMBER)
        column = pc.utf8_trim_whitespace(
            pc.if_else(fits, column, pa.scalar(None, pa.string()))
        ).cast(pa.float64())
    else:
        there = ~column.is_null().to_numpy(zero_copy_only=False)
        column = column.cast(pa.float64(), safe=False)
    numbers = column.to_numpy(zero_copy_only=False).astype(np.float64)
    numbers[np.isinf(numbers)] = np.nan
    return numbers, there


def _seconds(column: pa.Array) -> NDArray[np.float64]:
    """Seconds since 1970 of dates, of numbers (seconds or milliseconds), or of ISO 8601 texts."""
    if pa.types.is_string(column.type):
        numbers, there = _floats(column)
        if not (there & np.isnan(numbers)).any():
            return _as_seconds(numbers)
        try:
            column = pc.cast(_strings(column), pa.timestamp("ms", "UTC"))
        except pa.ArrowInvalid as error:
            try:  # without a time zone: as if in UTC
                column = pc.cast(_strings(column), pa.timestamp("ms"))
            except pa.ArrowInvalid:
                raise SourceError(
                    f"a time of the interactions is neither ISO 8601 nor a number: {error}"
                ) from error
    if pa.types.is_temporal(column.type):
        millis = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        return _floats(millis)[0] / 1000
    return _as_seconds(_floats(column)[0])


def _as_seconds(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(numbers) > _MILLISECONDS, numbers / 1000, numbers)


def batches_of(rows: Iterator[Sequence[Mapping[str, Any]]]) -> Iterator[pa.RecordBatch]:
    """Batches of rows that are plain objects, texts or numbers by column."""
    for some in rows:
        names = dict.fromkeys(name for row in some for name in row)
        yield pa.RecordBatch.from_pydict(
            {name: pa.array([_text(row.get(name)) for row in some], pa.string()) for name in names}
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
