"""Who liked what, read from a file without the worker's libraries.

The twin of `ingest.indicators.interaction_matrix`, which reads for `xlrec-ingest learn`, by
Arrow and for more rows. What counts as liked is the same there, as a test shows, and so is the
digest: by it an evaluation knows which likes an index's indicators were learned from.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import SourceError
from xlrec_es.exact_json import UNHELD
from xlrec_es.interactions.delimited import RAGGED
from xlrec_es.interactions.digests import ids_as_numbers, pair_hashes, pairs_digest
from xlrec_es.interactions.forgotten import REASON, Forgotten
from xlrec_es.interactions.row_reader import SEVERAL, read_rows, text_of
from xlrec_es.interactions.times import TimeReader
from xlrec_es.interactions.weighting import EVENT_WEIGHTS, event_weight

COLUMNS = ("user", "item", "event", "rating", "weight", "time", "market")
"""What a row may have; `user` and `item` it must have. The market matters to popularity alone."""

USUAL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "user": (
        *("user", "user_id", "visitor", "visitor_id", "customer", "customer_id", "client_id"),
        *("member_id", "account_id", "reader_id", "student_id", "employee_id", "session_id", "uid"),
    ),
    "item": (
        *("item", "item_id", "product", "product_id", "article_id", "post_id", "content_id"),
        *("video_id", "movie_id", "track_id", "course_id", "hotel_id", "offer_id", "document_id"),
        *("doc_id", "sku", "asin"),
    ),
    "event": ("event", "event_type", "event_name", "action", "type", "interaction", "behavior"),
    "rating": ("rating", "stars", "score"),
    "weight": ("weight",),
    "time": ("time", "timestamp", "event_time", "created_at", "datetime", "date", "ts", "at"),
    "market": ("market", "country", "country_code", "region", "store"),
}
"""What logs call each column, the likeliest first; by itself a column is known by the first."""

MAX_WEIGHT = 100.0
"""A weight above it is taken for a mistake."""

UNKNOWN_EVENT = "unknown event"
"""Reason for which a row does not count, before the event's name: nothing says what it weighs."""

_MANY_UNKNOWN = 0.1
"""Part of the rows whose events are unknown that is worth a warning."""

_NUMBER = re.compile(r"[ \t\n\f\r]*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?[ \t\n\f\r]*")
_MOST_EVENTS = 20
"""So many unknown events are counted by name; ids in the wrong column would be millions."""


@dataclass(frozen=True, slots=True)
class Likes:
    """Pairs of user and work, each once, in order of both ids.

    Attributes:
        users: Ids, sorted.
        works: Ids of all works of the catalog, sorted.
        user: Shape (n,): number of each like's user.
        work: Shape (n,): number of its work.
        weight: Shape (n,): what the heaviest of its rows weighs.
        time: Shape (n,): of its first row, in seconds since 1970; NaN without a time.
        report: How many rows came, and how many did not count, by reason.
    """

    users: tuple[str, ...]
    works: tuple[str, ...]
    user: NDArray[np.int32]
    work: NDArray[np.int32]
    weight: NDArray[np.float32]
    time: NDArray[np.float64]
    report: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.user)

    def digest(self, some: NDArray[np.bool_] | None = None) -> str:
        """See `pairs_digest`; of the likes that a mask of shape (n,) picks."""
        chosen = slice(None) if some is None else some
        users = ids_as_numbers(self.users)[self.user[chosen]]
        works = ids_as_numbers(self.works)[self.work[chosen]]
        return pairs_digest(users, works)

    def without(self, forgotten: Forgotten) -> Likes:
        """Those of all other users."""
        stays = np.array([user not in forgotten for user in self.users], bool)
        if stays.all():
            return self
        kept = stays[self.user]
        counted = {REASON: int((~kept).sum()), "positive interactions": int(kept.sum())}
        number = (np.cumsum(stays) - 1).astype(np.int32)
        return Likes(
            tuple(user for user in self.users if user not in forgotten),
            self.works,
            number[self.user[kept]],
            self.work[kept],
            self.weight[kept],
            self.time[kept],
            {**self.report, **counted},
        )

    def priorities(self, seed: int) -> NDArray[np.uint64]:
        """A random number for each like, shape (n,), that depends on its ids and the seed alone."""
        salt = ids_as_numbers([f"seed {seed}"])[0]
        users = ids_as_numbers(self.users)[self.user] ^ salt
        return pair_hashes(users, ids_as_numbers(self.works)[self.work])


def read_likes(
    path: Path,
    items: Mapping[str, str],
    *,
    fields: Mapping[str, str] | None = None,
    min_rating: float | None = None,
    events: Mapping[str, float] | None = None,
    time_format: str | None = None,
) -> Likes:
    """Read a file of interactions and keep what was liked.

    Args:
        path: .csv, .tsv or .jsonl, plain or gzipped, in UTF-8.
        items: Work by item; an item is a work or a document of the catalog.
        fields: The file's name of each of `COLUMNS`; one that is not named has its own name.
        min_rating: A lower rating means: not liked.
        events: Weight by event; below zero: not liked. None: `weighting.EVENT_WEIGHTS`.
        time_format: How times are written; see `times.TimeReader`.

    Raises:
        SourceError: The file cannot be read, has no user or item, has no interactions, none of
            its items is in the catalog, or it has times of which none can be read.
        UsageError: No such way to write times.
    """
    works = tuple(sorted(set(items.values())))
    numbers = {work: number for number, work in enumerate(works)}
    of_item = {item: numbers[work] for item, work in items.items()}
    users: dict[str, int] = {}
    report: Counter[str] = Counter()
    found = (array("i"), array("i"), array("f"), array("d"))
    times = TimeReader(time_format)
    weights = EVENT_WEIGHTS if events is None else events
    for row in read_rows(path, COLUMNS, fields or {}, needed=("user", "item"), report=report):
        report["rows"] += 1
        user, item = text_of(row["user"]), text_of(row["item"])
        work = of_item.get(item, -1)
        weight = _weight(row, min_rating, weights)
        time = times.text(text_of(row["time"]))
        if not (user and item):
            report["without user or item"] += 1
        elif work < 0:
            report["unknown item"] += 1
        elif weight is None:
            count_unknown(report, text_of(row["event"]))
        elif math.isnan(weight):
            report["absurd weight or rating"] += 1
        elif not weight > 0:
            report["not liked"] += 1
        else:
            found[0].append(users.setdefault(user, len(users)))
            found[1].append(work)
            found[2].append(weight)
            found[3].append(time)
    _refuse_nothing(path, report, works)
    times.refuse_nothing(str(path))
    report.update(times.report)
    return _each_once(users, works, found, report)


def count_unknown(report: Counter[str], event: str, rows: int = 1) -> None:
    """Count rows of an event that has no weight, by the event's name unless there are many."""
    name = f"{UNKNOWN_EVENT}: {event}"
    named = sum(reason.startswith(f"{UNKNOWN_EVENT}: ") for reason in report)
    report[name if name in report or named < _MOST_EVENTS else f"{UNKNOWN_EVENT}s, others"] += rows


def warning_of(report: Mapping[str, int]) -> str | None:
    """What to mind in a report of rows that came and did not count: many unknown events.

    Args:
        report: Of a reader of likes.

    Returns:
        A sentence, or None.
    """
    unknown = {n: count for n, count in report.items() if n.startswith(UNKNOWN_EVENT)}
    if sum(unknown.values()) <= _MANY_UNKNOWN * report.get("rows", 0):
        return None
    names = [name.partition(": ")[2] or name for name in unknown]
    return (
        f"{sum(unknown.values())} of {report['rows']} rows do not count, because nothing says what "
        f"their events weigh ({', '.join(names)}); say it: --event {names[0]}=1"
    )


def _refuse_nothing(path: Path, report: Counter[str], works: tuple[str, ...]) -> None:
    if not report["rows"]:
        raise SourceError(f"{path} has no interactions")
    without = ("unknown item", "without user or item", RAGGED, SEVERAL, *UNHELD)
    if sum(report[reason] for reason in without) == report["rows"]:
        example = f" (such as {works[0]!r})" if works else ""
        raise SourceError(
            f"none of the {report['rows']} interactions of {path} has an item that the index "
            f"has{example}; items are ids of items or documents: --field item=NAME"
        )


def _each_once(
    users: Mapping[str, int],
    works: tuple[str, ...],
    found: tuple[Any, ...],
    report: Counter[str],
) -> Likes:
    names = sorted(users)
    place = np.empty(len(names), np.int32)
    place[[users[name] for name in names]] = np.arange(len(names), dtype=np.int32)
    user, work = (np.array(column, np.int32) for column in found[:2])
    weight, time = np.array(found[2], np.float32), np.array(found[3], np.float64)
    user = place[user] if len(user) else user
    pairs, first, group = np.unique(
        user.astype(np.int64) * max(1, len(works)) + work, return_index=True, return_inverse=True
    )
    report["again"] += len(user) - len(pairs)
    heaviest = np.full(len(pairs), -np.inf, np.float32)
    np.maximum.at(heaviest, group, weight)
    earliest = np.full(len(pairs), np.nan)
    np.fmin.at(earliest, group, time)
    report["positive interactions"] = len(pairs)
    counted = {reason: count for reason, count in report.items() if count}
    return Likes(tuple(names), works, user[first], work[first], heaviest, earliest, counted)


def _weight(
    row: Mapping[str, Any], min_rating: float | None, events: Mapping[str, float]
) -> float | None:
    """What a row weighs; zero or below: not liked; NaN: nonsense; None: nothing says it."""
    event = text_of(row["event"])
    weight = event_weight(event, events) if event else events.get("view", 1.0)
    if text_of(row["weight"]):
        weight = float(np.float32(number_of(row["weight"])))  # as it is stored
        if abs(weight) > MAX_WEIGHT:
            return math.nan
    if text_of(row["rating"]):
        rating = number_of(row["rating"])
        if math.isnan(rating):
            return rating
        if min_rating is not None and rating < min_rating:
            return 0.0
    return weight


def number_of(value: object) -> float:
    """A finite number, or NaN; Python alone would take `1_000` and digits of other scripts."""
    text = text_of(value)
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else math.nan
