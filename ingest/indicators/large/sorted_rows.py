"""Coded rows of interactions on disk, sorted by user in DuckDB, which spills what memory lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xlrec_es.errors import IngestError, MissingExtra

try:
    import duckdb
except ImportError as error:
    raise MissingExtra.named("large", "Learning from interactions beyond memory") from error

BLOCK_ROWS = 1_000_000
_COLUMNS = ("user", "work", "weight", "time", "market")

Rows = NDArray[Any]
Hashes = NDArray[np.uint64]


class SortedRows:
    """Rows that are added in the order of the input, and given back by user.

    Users are told apart by 64 bits of a hash: of 100 million, two are the same with a probability
    of 0.03%.

    Args:
        folder: Where the database is, and what it spills.
        memory_mb: What DuckDB may take.
        dtype: Of rows; `user` is an index into the hashes that come with them.

    Raises:
        IngestError: The folder cannot be written.
    """

    def __init__(self, folder: Path, *, memory_mb: int, dtype: Any) -> None:  # noqa: ANN401
        self._dtype = np.dtype(dtype)
        self._place = 0
        with _told():
            self._connection = duckdb.connect(str(folder / "interactions.duckdb"))
            self._connection.execute(f"set memory_limit = '{memory_mb}MB'")
            self._connection.execute(f"set temp_directory = '{folder / 'spilled'}'")
            self._connection.execute("set preserve_insertion_order = false")
            self._connection.execute("set enable_progress_bar = false")
            self._connection.execute("create table users (hash ubigint, place bigint)")
            self._connection.execute(
                "create table likes (hash ubigint, place bigint, work integer, weight float, "
                "time integer, market smallint)"
            )

    def add(self, hashes: Hashes, rows: Rows) -> None:
        """Add rows.

        Args:
            hashes: Of users in the order in which they came, whether or not a row of theirs counts.
            rows: What counts.

        Raises:
            IngestError: The disk is full, say.
        """
        places = self._place + np.arange(max(len(hashes), len(rows)))
        self._place += len(places)
        users = pa.table({"hash": hashes, "place": places[: len(hashes)]})
        columns = {name: np.ascontiguousarray(rows[name]) for name in _COLUMNS[1:]}
        likes = pa.table({"hash": hashes[rows["user"]], "place": places[: len(rows)], **columns})
        with _told():
            for name, table in (("users", users), ("likes", likes)):
                self._connection.register("batch", table)
                self._connection.execute(f"insert into {name} select * from batch")
                self._connection.unregister("batch")

    def latest(self, no_time: int) -> int | None:
        """The latest time of a row that has one."""
        with _told():
            found = self._connection.execute(
                "select max(time) from likes where time <> ?", [no_time]
            ).fetchone()
        return None if found is None or found[0] is None else int(found[0])

    def by_user(self) -> Iterator[tuple[Hashes, Rows]]:
        """Rows of whole users, in the order in which users came, and each user's as they came.

        Yields:
            The hash of each user, and rows whose `user` is an index into them.

        Raises:
            IngestError: The disk is full, say.
        """
        with _told():
            self._connection.execute(
                "create table numbers as select hash, row_number() over (order by min(place)) "
                "as number from users group by hash"
            )
            self._connection.execute("drop table users")
            # The one name of a reader that DuckDB 1.4 to 2.0 have; it does not hold all rows.
            reader = self._connection.sql(
                "select number, hash, work, weight, time, market from likes join numbers "
                "using (hash) order by number, place"
            ).arrow(BLOCK_ROWS)
            left: list[pa.RecordBatch] = []
            for batch in reader:
                numbers = batch.column("number").to_numpy()
                if not len(numbers):
                    continue
                begin = int(np.searchsorted(numbers, numbers[-1]))
                # The last user may go on in the next batch.
                if begin or (left and left[-1]["number"][-1].as_py() != numbers[0]):
                    yield from self._block([*left, batch.slice(0, begin)])
                    left = []
                left.append(batch.slice(begin))
            yield from self._block(left)

    def close(self) -> None:
        """Give the files up."""
        self._connection.close()

    def _block(self, batches: list[pa.RecordBatch]) -> Iterator[tuple[Hashes, Rows]]:
        table = pa.Table.from_batches(batches) if batches else None
        if table is None or not len(table):
            return
        rows = np.empty(len(table), self._dtype)
        for name in _COLUMNS[1:]:
            rows[name] = table[name].to_numpy()
        numbers = table["number"].to_numpy()
        first = np.flatnonzero(np.diff(numbers, prepend=-1))
        rows["user"] = np.repeat(np.arange(len(first)), np.diff(first, append=len(rows)))
        yield table["hash"].to_numpy()[first], rows


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        raise IngestError(
            f"DuckDB cannot sort the interactions: {reason}. See that the folder of --on-disk has "
            "room, or give a larger --memory-limit"
        ) from error
