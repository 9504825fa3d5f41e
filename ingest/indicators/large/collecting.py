"""`ingest.indicators.interaction_matrix.collect` for interactions that no memory holds.

Rows are coded and judged by the same code, and what concerns one user alone (each item once, the
cap, the age of likes) is done by the same code too, users after users. DuckDB sorts
between the two. What concerns all of them is added up in the same order, so that the result is the
same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.indicators.interaction_matrix import (
    EPOCH_S,
    NO_TIME,
    ROW,
    Collector,
    LikeMatrix,
    LikeRules,
    digest_number,
)
from ingest.indicators.large.mapped_matrix import MatrixFiles
from ingest.indicators.large.on_disk import OnDisk
from ingest.indicators.large.sorted_rows import SortedRows
from ingest.indicators.popularity import MarketCounts
from xlrec_es.errors import UsageError
from xlrec_es.interactions.digests import ids_as_numbers

BLOCK_ROWS = 1_000_000
"""Rows that are added to the database at once."""


def collect_on_disk(
    batches: Iterable[pa.RecordBatch],
    items: Mapping[str, str],
    rules: LikeRules,
    *,
    now_s: float,
    on_disk: OnDisk,
    languages: Mapping[str, str] | None = None,
) -> LikeMatrix:
    """As `collect`, by way of a folder.

    Args:
        batches: As there.
        items: As there.
        rules: As there, but without baskets.
        now_s: As there.
        on_disk: The folder, whose files the matrix needs for as long as it is used.
        languages: As there.

    Raises:
        UsageError: As there; or there are baskets.
        SourceError: As there.
        IngestError: The disk is full, say.
    """
    if rules.basket_gap_h is not None or rules.repeats is not None:
        raise UsageError("what is bought together is learned in memory; leave --on-disk out")
    collector = _DiskCollector(items, rules, now_s, languages or {}, on_disk)
    for batch in batches:
        collector.add(batch)
    return collector.finish()


class _DiskCollector(Collector):
    """Rows so far, on disk."""

    def __init__(
        self,
        items: Mapping[str, str],
        rules: LikeRules,
        now_s: float,
        languages: Mapping[str, str],
        on_disk: OnDisk,
    ) -> None:
        super().__init__(items, rules, now_s, languages)
        self._folder = on_disk.folder
        self._sorted = SortedRows(on_disk.folder, memory_mb=on_disk.memory_mb, dtype=ROW)
        self._waiting: list[tuple[NDArray[np.uint64], NDArray[Any]]] = []
        self._n_waiting = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in a batch."""
        self._users = {}  # of this batch alone
        super().add(batch)
        self._waiting.append((ids_as_numbers(self._users), self._parts.pop()))
        self._n_waiting += len(batch)
        if self._n_waiting >= BLOCK_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Add what waits: a database likes many rows at a time."""
        if not self._waiting:
            return
        shifts = np.cumsum([0, *(len(hashes) for hashes, _ in self._waiting)])
        for (_, rows), shift in zip(self._waiting, shifts, strict=False):
            rows["user"] += shift
        hashes = np.concatenate([hashes for hashes, _ in self._waiting])
        self._sorted.add(hashes, np.concatenate([rows for _, rows in self._waiting]))
        self._waiting, self._n_waiting = [], 0

    def finish(self) -> LikeMatrix:
        """All rows as a matrix."""
        self._flush()
        self._times_read.refuse_nothing("the interactions")
        self.report.update(self._times_read.report)
        known_latest = self._sorted.latest(NO_TIME)
        latest = known_latest or 0
        works, n_works = ids_as_numbers(self.works), len(self.works)
        likes = of_likes = 0
        of_works = np.zeros(n_works, np.int64)
        kept = _KeptBlocks(self._folder)
        for users, unsorted in self._sorted.by_user():
            rows = self._each_once(unsorted, latest)
            likes += len(rows)
            of_likes += digest_number(users, works, rows)
            rows = self._capped(rows, users, works)
            of_works += np.bincount(rows["work"], minlength=n_works)
            kept.add(users, rows)
        self._sorted.close()
        until = (
            None
            if known_latest is None
            else datetime.fromtimestamp(EPOCH_S + latest, UTC).isoformat()
        )
        rare = of_works < self._rules.min_users
        counts = np.zeros(n_works)
        markets = MarketCounts(self._markets, n_works)
        files = MatrixFiles(self._folder, n_works)
        weighed = positive = 0
        for users, all_rows in kept.blocks():
            is_rare = rare[all_rows["work"]]
            self._count("item too rare", int(is_rare.sum()))
            rows = self._without_rare(
                all_rows[~is_rare], "user", self._rules.min_works, "user too short"
            )
            positive += len(rows)
            recent = self._decay(rows["time"], latest)
            np.add.at(counts, rows["work"], recent)
            markets.add(rows["user"], rows["work"], rows["market"], recent)
            weighed += digest_number(users, works, rows, weighed=True)
            of_each = np.bincount(rows["user"], minlength=len(users))
            files.add(of_each[of_each > 0], rows["work"], rows["weight"])
        self._count("positive interactions", positive)
        return LikeMatrix(
            files.matrix(),
            counts.astype(np.float32),
            self.works,
            dict(self.report),
            {"likes": likes, "digest": f"{of_likes % 2**64:016x}", "until": until},
            f"{weighed % 2**64:016x}",
            markets.markets(),
        )


class _KeptBlocks:
    """Blocks of whole users that wait on disk for the second pass."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def add(self, users: NDArray[np.uint64], rows: NDArray[Any]) -> None:
        """Keep one."""
        for name, array in (("users", users), ("rows", rows)):
            np.save(self._path(name, self._count), array)
        self._count += 1

    def blocks(self) -> Iterator[tuple[NDArray[np.uint64], NDArray[Any]]]:
        """All of them, in order; each is removed."""
        for number in range(self._count):
            paths = [self._path(name, number) for name in ("users", "rows")]
            users, rows = map(np.load, paths)
            for path in paths:
                path.unlink()
            yield users, rows

    def _path(self, name: str, number: int) -> Path:
        return self._folder / f"{name}-{number}.npy"
