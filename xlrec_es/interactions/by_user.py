"""The interactions of a file user by user, in whatever order the file has them.

Memory is that of one part of the users, whatever their number: rows go as numbers into temporary
files, each of which holds all rows of some users, and fits into memory by itself.
"""

from __future__ import annotations

import heapq
import itertools
import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from xlrec_es.errors import SourceError
from xlrec_es.interactions.forgotten import REASON, Forgotten
from xlrec_es.interactions.history import ABSURD, History, Interaction
from xlrec_es.interactions.likes import count_unknown, number_of
from xlrec_es.interactions.row_reader import read_columns, text_of
from xlrec_es.interactions.times import TimeReader
from xlrec_es.interactions.weighting import event_weight
from xlrec_es.output_files import temporary

COLUMNS = ("user", "item", "event", "rating", "weight", "time")
"""What a row may have; `user` and `item` it must have."""

ABSURD_ROW = "absurd weight or rating"
WITHOUT = "without user or item"
NO_WEIGHT = "weight of 0"
"""Reasons for which a row does not count."""

PART_BYTES = 16 * 2**20
"""Of the file, for each temporary one: their rows take two or three times as much memory."""

_MOST_PARTS = 200
_MOST_WRITTEN = 100_000
_EXPANDS = 8  # what gzip makes of a log, about

_ROW = np.dtype(
    [
        ("user", np.int64),  # a hash of its id
        ("row", np.int64),
        ("item", np.int32),
        ("event", np.int32),
        ("weight", np.float64),
        ("rating", np.float64),
        ("time", np.float64),
    ]
)


@dataclass(frozen=True, slots=True)
class InteractionFile:
    """A file of interactions, and how it is read.

    Attributes:
        path: .csv, .tsv or .jsonl, plain or gzipped, in UTF-8; its rows may be in any order.
        fields: The file's name of each of `COLUMNS`; one that is not named has its own name.
        time_format: How times are written; see `times.TimeReader`.
    """

    path: Path
    fields: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None


@dataclass(frozen=True, slots=True)
class Histories:
    """What some users did.

    Attributes:
        users: Ids of the n users.
        start: Shape (n + 1,): where each one's rows begin and end.
        rows: Shape (m,), structured: `item` and `event` are numbers of `items` and `events`;
            `weight`, `rating` and `time` (seconds since 1970) are NaN where there is none.
        items: Ids by number.
        events: Names by number.
    """

    users: Sequence[str]
    start: NDArray[np.int64]
    rows: NDArray[np.void]
    items: Sequence[str]
    events: Sequence[str]

    def __len__(self) -> int:
        return len(self.users)

    def history(self, number: int) -> History:
        """One user's history, as a recommender takes it."""
        rows = self.rows[self.start[number] : self.start[number + 1]]
        return History(tuple(map(self._interaction, rows)))

    def _interaction(self, row: np.void) -> Interaction:
        weight, rating, seconds = float(row["weight"]), float(row["rating"]), float(row["time"])
        return Interaction(
            self.items[row["item"]],
            event=self.events[row["event"]],
            weight=None if math.isnan(weight) else weight,
            rating=None if math.isnan(rating) else rating,
            time=None if math.isnan(seconds) else datetime.fromtimestamp(seconds, UTC),
        )


class _Names:
    """Texts as numbers, in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: defaultdict[str, int] = defaultdict(itertools.count().__next__)

    def of(self, texts: Sequence[str]) -> list[int]:
        return list(map(self.numbers.__getitem__, texts))


class UserGroups:
    """The interactions of a file by user; a context, which holds temporary files.

    Example:
        >>> with UserGroups(InteractionFile(path), events=EVENT_WEIGHTS) as groups:
        ...     for histories in groups.batches(256):
        ...         ...
    """

    def __init__(
        self,
        file: InteractionFile,
        *,
        events: Mapping[str, float],
        forgotten: Forgotten | None = None,
        part_bytes: int = PART_BYTES,
    ) -> None:
        """Nothing is read yet.

        Args:
            file: Which, and how.
            events: Weight by event; rows of other events are counted and left out.
            forgotten: Users whose rows are counted and left out; None: there are none.
            part_bytes: See `PART_BYTES`.
        """
        self._forgotten = forgotten or Forgotten()
        self._path, self._fields = file.path, file.fields
        self._weights = events
        self._times = TimeReader(file.time_format)
        self._part_bytes = part_bytes
        self._items, self._events = _Names(), _Names()
        self._known: list[bool] = []  # whether each event weighs anything
        self._count = 0
        self.report: Counter[str] = Counter()
        """How many rows came, and how many did not count, by reason."""

    def __enter__(self) -> UserGroups:
        """Read the file.

        Raises:
            SourceError: It cannot be read, has no user or item, has no interactions, or it has
                times of which none can be read.
            UsageError: Temporary files have no room.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="xlrec-users-")
        try:
            with _Parts(Path(self._folder.name), self._parts()) as parts:
                columns = read_columns(
                    self._path,
                    COLUMNS,
                    self._fields,
                    needed=("user", "item"),
                    report=self.report,
                )
                for cells in columns:
                    parts.add(*self._rows(cells))
            self._files = parts.files
            if not self.report["rows"]:
                raise SourceError(f"{self._path} has no interactions")
            self._times.refuse_nothing(str(self._path))
        except BaseException:
            self._folder.cleanup()
            raise
        self.report.update(self._times.report)
        self.items = tuple(self._items.numbers)
        """Ids of all items of the file, by number."""
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def batches(self, users: int) -> Iterator[Histories]:
        """So many users at a time, each once, in the order in which the file first names them."""
        events = tuple(self._events.numbers)
        several = max(1, len(self._files))
        coming = [_groups(file, max(8, users // several)) for file in self._files]
        one_by_one = heapq.merge(*coming) if len(coming) > 1 else itertools.chain(*coming)
        while some := list(itertools.islice(one_by_one, users)):
            lengths = [len(rows) for _, _, rows in some]
            yield Histories(
                [name for _, name, _ in some],
                np.concatenate(([0], np.cumsum(lengths))),
                np.frombuffer(b"".join(rows.data for _, _, rows in some), _ROW),
                self.items,
                events,
            )

    def _parts(self) -> int:
        size = self._path.stat().st_size if self._path.exists() else 0
        size *= _EXPANDS if self._path.suffix == ".gz" else 1
        return min(_MOST_PARTS, 1 + size // self._part_bytes)

    def _rows(self, cells: Mapping[str, Sequence[Any]]) -> tuple[Sequence[str], NDArray[np.void]]:
        """The rows that count, and the user of each."""
        many = len(cells["user"])
        users, items = _texts(cells["user"], many), _texts(cells["item"], many)
        rows = np.empty(many, _ROW)
        rows["row"] = np.arange(self._count, self._count + many)
        self._count += many
        self.report["rows"] += many
        rows["user"] = list(map(hash, users))
        events = [event or "view" for event in _texts(cells["event"], 0)]
        rows["event"] = self._events.of(events or ["view"])
        rows["weight"], odd_weights = _numbers(cells["weight"], many)
        rows["rating"], odd_ratings = _numbers(cells["rating"], many)
        times = _texts(cells["time"], many if cells["time"] else 0)
        rows["time"] = self._times.texts(times) if times else np.nan
        names = list(self._events.numbers)
        for name in names[len(self._known) :]:
            self._known.append(event_weight(name, self._weights) is not None)
        known = np.array(self._known)[rows["event"]] | ~np.isnan(rows["weight"])
        kept = np.ones(many, bool)
        for reason, wrong in (
            (WITHOUT, _empty(users) | _empty(items)),
            (ABSURD_ROW, odd_weights | odd_ratings),
            (NO_WEIGHT, rows["weight"] == 0),
            (REASON, self._of_forgotten(users)),
        ):
            self.report[reason] += int((kept & wrong).sum())
            kept &= ~wrong
        for event, count in Counter(rows["event"][kept & ~known].tolist()).items():
            count_unknown(self.report, names[event], count)
        kept &= known
        if not kept.all():
            places = np.flatnonzero(kept).tolist()
            users, items = [users[n] for n in places], [items[n] for n in places]
            rows = rows[kept]
        rows["item"] = self._items.of(items)
        return users, rows

    def _of_forgotten(self, users: Sequence[str]) -> NDArray[np.bool_]:
        """Which rows are of users who asked to be forgotten."""
        if not self._forgotten:
            return np.zeros(len(users), bool)
        left_out = {user for user in set(users) if user in self._forgotten}
        return np.fromiter((user in left_out for user in users), bool, len(users))


class _Parts:
    """Temporary files: in each, all rows of some users, in order, and the users' ids."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.files = [folder / str(number) for number in range(count)]
        self._open: list[tuple[BinaryIO, BinaryIO]] = []
        self._written: set[int] = set()  # users whose ids were written of late

    def __enter__(self) -> _Parts:
        with temporary(self.folder):
            self._open = [(file.open("wb"), _ids(file).open("wb")) for file in self.files]
        return self

    def __exit__(self, *_: object) -> None:
        with temporary(self.folder):
            for files in self._open:
                for file in files:
                    file.close()

    def add(self, users: Sequence[str], rows: NDArray[np.void]) -> None:
        """Write rows, and the ids of their users, once or a few times."""
        ids = dict(zip(rows["user"].tolist(), users, strict=True))
        part = rows["user"] % len(self.files)
        with temporary(self.folder):
            for number, (file, names) in enumerate(self._open):
                mine = rows if len(self.files) == 1 else rows[part == number]
                if len(mine):
                    file.write(mine.tobytes())
                    new = set(mine["user"].tolist()) - self._written
                    names.write(orjson.dumps([(key, ids[key]) for key in new]) + b"\n")
                    self._written |= new
        if len(self._written) > _MOST_WRITTEN:
            self._written.clear()


def _ids(file: Path) -> Path:
    return file.with_suffix(".ids")


def _index(file: Path) -> Path:
    return file.with_suffix(".index")


def _groups(file: Path, users: int) -> Iterator[tuple[int, str, NDArray[np.void]]]:
    """Each user's first row, id and rows, in the order of the first rows.

    The rows are put in order once, in the file, and are then read of so many users at a time.
    """
    rows = np.fromfile(file, _ROW)
    if not len(rows):
        return
    order = np.argsort(rows["user"], kind="stable")
    hashes = rows["user"][order]
    begin = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]])
    length = np.diff(np.r_[begin, len(rows)])
    first = rows["row"][order[begin]]
    by_first = np.argsort(first)
    ids: dict[int, str] = {}
    with _ids(file).open("rb") as lines:
        for line in lines:
            ids.update(orjson.loads(line))
    names = [ids[key] for key in hashes[begin[by_first]].tolist()]
    begin, length, first = begin[by_first], length[by_first], first[by_first]
    ahead = np.repeat(begin - (np.cumsum(length) - length), length)
    with temporary(file.parent):
        rows[order[ahead + np.arange(len(rows))]].tofile(file)
        np.stack([first, length], axis=1).tofile(_index(file))
        _ids(file).write_bytes(b"".join(orjson.dumps(name) + b"\n" for name in names))
    del rows, order, hashes, begin, length, first, by_first, ahead, ids, names
    with file.open("rb") as data, _ids(file).open("rb") as lines, _index(file).open("rb") as index:
        while len(some := np.fromfile(index, np.int64, 2 * users).reshape(-1, 2)):
            ends = np.cumsum(some[:, 1])
            mine = np.fromfile(data, _ROW, int(ends[-1]))
            for (row, many), end in zip(some.tolist(), ends.tolist(), strict=True):
                yield row, orjson.loads(lines.readline()), mine[end - many : end]


def _texts(cells: Sequence[Any], many: int) -> Sequence[str]:
    if not cells:
        return [""] * many
    return cells if set(map(type, cells)) == {str} else [text_of(cell) for cell in cells]


def _empty(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which of them are empty; mostly none is, which is seen at once."""
    if "" not in texts:
        return np.zeros(len(texts), bool)
    return np.array([not text for text in texts], bool)


def _numbers(cells: Sequence[Any], many: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A column of numbers, NaN where there is none, and where there is something else."""
    found, odd = np.full(many, np.nan), np.zeros(many, bool)
    for place, cell in enumerate(_texts(cells, 0)):
        if cell:
            found[place] = number_of(cell)
            odd[place] = not abs(found[place]) <= ABSURD
    return found, odd
