"""Who liked what, read from a file without the worker's libraries.

The twin of `ingest.indicators.interaction_matrix`, which reads for `xlrec-ingest indicators`, by
Arrow and for more rows. What counts as liked is the same there, as a test shows, and so is the
digest: by it an evaluation knows which likes an index's indicators were learned from.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import SourceError
from xlrec_es.interactions.digests import ids_as_numbers, pair_hashes, pairs_digest
from xlrec_es.interactions.row_reader import read_rows, text_of
from xlrec_es.interactions.weighting import EVENT_WEIGHTS

COLUMNS = ("user", "item", "event", "rating", "weight", "time", "market")
"""What a row may have; `user` and `item` it must have. The market matters to popularity alone."""

MAX_WEIGHT = 100.0
"""A weight above it is taken for a mistake."""

_MILLISECONDS = 1e11  # seconds since 1970 reach it in the year 5138


@dataclass(frozen=True, slots=True)
class Likes:
    """Pairs of person and work, each once, in order of both ids.

    Attributes:
        persons: Ids, sorted.
        works: Ids of all works of the catalogue, sorted.
        person: Shape (n,): number of each like's person.
        work: Shape (n,): number of its work.
        weight: Shape (n,): what the heaviest of its rows weighs.
        time: Shape (n,): of its first row, in seconds since 1970; NaN without a time.
        report: How many rows came, and how many did not count, by reason.
    """

    persons: tuple[str, ...]
    works: tuple[str, ...]
    person: NDArray[np.int32]
    work: NDArray[np.int32]
    weight: NDArray[np.float32]
    time: NDArray[np.float64]
    report: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.person)

    def digest(self, some: NDArray[np.bool_] | None = None) -> str:
        """See `pairs_digest`; of the likes that a mask of shape (n,) picks."""
        chosen = slice(None) if some is None else some
        persons = ids_as_numbers(self.persons)[self.person[chosen]]
        works = ids_as_numbers(self.works)[self.work[chosen]]
        return pairs_digest(persons, works)

    def priorities(self, seed: int) -> NDArray[np.uint64]:
        """A random number for each like, shape (n,), that depends on its ids and the seed alone."""
        salt = ids_as_numbers([f"seed {seed}"])[0]
        persons = ids_as_numbers(self.persons)[self.person] ^ salt
        return pair_hashes(persons, ids_as_numbers(self.works)[self.work])


def read_likes(
    path: Path,
    items: Mapping[str, str],
    *,
    fields: Mapping[str, str] | None = None,
    min_rating: float | None = None,
) -> Likes:
    """Read a file of interactions and keep what was liked.

    Args:
        path: .csv, .tsv or .jsonl, plain or gzipped, in UTF-8.
        items: Work by item; an item is a work or a document of the catalogue.
        fields: The file's name of each of `COLUMNS`; one that is not named has its own name.
        min_rating: A lower rating means: not liked.

    Raises:
        SourceError: The file cannot be read, has no user or item, has no interactions, or none of
            its items is in the catalogue.
    """
    works = tuple(sorted(set(items.values())))
    numbers = {work: number for number, work in enumerate(works)}
    of_item = {item: numbers[work] for item, work in items.items()}
    persons: dict[str, int] = {}
    report: Counter[str] = Counter()
    found = (array("i"), array("i"), array("f"), array("d"))
    for row in read_rows(path, COLUMNS, fields or {}, needed=("user", "item")):
        report["rows"] += 1
        work = of_item.get(text_of(row.get("item")), -1)
        weight = _weight(row, min_rating)
        if not (text_of(row.get("user")) and text_of(row.get("item"))):
            report["without user or item"] += 1
        elif work < 0:
            report["unknown item"] += 1
        elif math.isnan(weight):
            report["absurd weight or rating"] += 1
        elif not weight > 0:
            report["not liked"] += 1
        else:
            person = persons.setdefault(text_of(row["user"]), len(persons))
            found[0].append(person)
            found[1].append(work)
            found[2].append(weight)
            found[3].append(_time(row))
    _refuse_nothing(path, report, works)
    return _each_once(persons, works, found, report)


def _refuse_nothing(path: Path, report: Counter[str], works: tuple[str, ...]) -> None:
    if not report["rows"]:
        raise SourceError(f"{path} has no interactions")
    if report["unknown item"] + report["without user or item"] == report["rows"]:
        example = f" (such as {works[0]!r})" if works else ""
        raise SourceError(
            f"none of the {report['rows']} interactions of {path} has an item that the index "
            f"has{example}; items are ids of works or documents: --field item=NAME"
        )


def _each_once(
    persons: Mapping[str, int],
    works: tuple[str, ...],
    found: tuple[Any, ...],
    report: Counter[str],
) -> Likes:
    names = sorted(persons)
    place = np.empty(len(names), np.int32)
    place[[persons[name] for name in names]] = np.arange(len(names), dtype=np.int32)
    person, work = (np.array(column, np.int32) for column in found[:2])
    weight, time = np.array(found[2], np.float32), np.array(found[3], np.float64)
    person = place[person] if len(person) else person
    pairs, first, group = np.unique(
        person.astype(np.int64) * max(1, len(works)) + work, return_index=True, return_inverse=True
    )
    report["again"] += len(person) - len(pairs)
    heaviest = np.full(len(pairs), -np.inf, np.float32)
    np.maximum.at(heaviest, group, weight)
    earliest = np.full(len(pairs), np.nan)
    np.fmin.at(earliest, group, time)
    report["likes"] = len(pairs)
    counted = {reason: count for reason, count in report.items() if count}
    return Likes(tuple(names), works, person[first], work[first], heaviest, earliest, counted)


def _weight(row: Mapping[str, Any], min_rating: float | None) -> float:
    """What a row weighs; zero or below: not liked; NaN: nonsense."""
    event = text_of(row.get("event"))
    weight = EVENT_WEIGHTS.get(event or "view", 0.0)
    if text_of(row.get("weight")):
        weight = _number(row["weight"])
        if abs(weight) > MAX_WEIGHT:
            return math.nan
    if text_of(row.get("rating")):
        rating = _number(row["rating"])
        if math.isnan(rating):
            return rating
        if min_rating is not None and rating < min_rating:
            return 0.0
    return weight


def _number(value: object) -> float:
    """A finite number, or NaN."""
    try:
        number = float(text_of(value))
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _time(row: Mapping[str, Any]) -> float:
    """Seconds since 1970 of a number (seconds or milliseconds) or an ISO 8601 text; NaN: none."""
    text = text_of(row.get("time"))
    if not text:
        return math.nan
    number = _number(text)
    if not math.isnan(number):
        return number / 1000 if abs(number) > _MILLISECONDS else number
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SourceError(
            f"a time of the interactions is neither ISO 8601 nor a number: {text!r}"
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
