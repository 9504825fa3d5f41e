"""Documents on their way to Elasticsearch, on disk: what was accepted outlives a killed process.

SQLite keeps them: several processes share one file, a commit is on disk before it returns
(`synchronous=FULL`), and a file that was being written when the power went is whole again.
Source: https://www.sqlite.org/atomiccommit.html
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import orjson

from xlrec_es.errors import ConfigError, XlrecError

logger = logging.getLogger(__name__)

FILE = "spool.sqlite3"
REJECTED = "rejected.jsonl"
REJECTED_BEFORE = "rejected.1.jsonl"
_LOCK = "delivery.lock"

T = TypeVar("T")

_PAGE = 4096  # SQLite's default
_WAIT_S = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS queue (number INTEGER PRIMARY KEY, target TEXT, id TEXT, body BLOB);
CREATE INDEX IF NOT EXISTS by_target ON queue (target, number);
CREATE TABLE IF NOT EXISTS owner (cluster TEXT);
"""


class SpoolFull(XlrecError):
    """No more fits: Elasticsearch has taken nothing for too long."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document.

    Attributes:
        target: Index, alias or data stream.
        id: Its id; written twice, it is there once.
        body: As JSON.
    """

    target: str
    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Queued:
    """A document in the spool, and its number there."""

    number: int
    document: Document


class Spool:
    """A folder in which documents wait, in the order in which they came."""

    def __init__(self, folder: Path, *, cluster: str, most_bytes: int = 256 * 2**20) -> None:
        """Open a folder; it is made where it is missing.

        Args:
            folder: Of the spool. Processes of this machine may share it.
            cluster: Address of the cluster that its documents are for.
            most_bytes: How large its file may become, and what was refused besides.

        Raises:
            ConfigError: It cannot be written; or documents for another cluster wait in it.
        """
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = self._opened(most_bytes)
            connection.executescript(_TABLES)
            other = _claimed(connection, cluster)
            connection.close()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"cannot keep events in {folder}: {error}; see --spool") from error
        if other is not None:
            raise ConfigError(
                f"events for {other} wait in {folder}; give this service another --spool. If that "
                "is the same cluster at another address, delete the row of the table owner in "
                f"{FILE}"
            )
        self._most_bytes = most_bytes
        self._pending: list[tuple[Sequence[Document], asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        # SQLite's connections stay in the thread that made them.
        self._thread = ThreadPoolExecutor(1, "xlrec-spool")
        self._connection: sqlite3.Connection | None = None

    def _opened(self, most_bytes: int) -> sqlite3.Connection:
        connection = sqlite3.connect(self.folder / FILE, timeout=_WAIT_S)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # What was delivered is of users who may ask to be forgotten; not every SQLite does this.
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute(f"PRAGMA max_page_count={max(16, most_bytes // _PAGE)}")
        return connection

    async def put(self, documents: Sequence[Document]) -> None:
        """Keep documents: they are on disk when this returns.

        Documents of several callers go into one commit.

        Raises:
            SpoolFull: There is no more room; none was kept.
        """
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        self._pending.append((documents, kept))
        if self._flushing is None or self._flushing.done():
            self._flushing = loop.create_task(self._flush())
        await kept

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            batch, self._pending = self._pending, []
            documents = [document for some, _ in batch for document in some]
            error: Exception | None = None
            try:
                await loop.run_in_executor(self._thread, self._insert, documents)
            except Exception as met:  # whatever it is, each caller is told
                error = met
            for _, kept in batch:
                if kept.done():  # the caller has gone
                    continue
                if error is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(_told(error))

    def _mine(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._opened(self._most_bytes)
        return self._connection

    def _insert(self, documents: Iterable[Document]) -> None:
        rows = ((one.target, one.id, one.body) for one in documents)
        with self._mine() as connection:  # a transaction
            connection.executemany("INSERT INTO queue (target, id, body) VALUES (?, ?, ?)", rows)

    async def first(self, most: int) -> list[list[Queued]]:
        """The documents that have waited longest, so many of each target: one may take none."""
        return await self._in_thread(self._first, most)

    def _first(self, most: int) -> list[list[Queued]]:
        targets = [name for (name,) in self._mine().execute("SELECT DISTINCT target FROM queue")]
        question = "SELECT number, id, body FROM queue WHERE target = ? ORDER BY number LIMIT ?"
        return [
            [
                Queued(number, Document(target, id_, body))
                for number, id_, body in self._mine().execute(question, (target, most))
            ]
            for target in targets
        ]

    async def remove(self, numbers: Sequence[int]) -> None:
        """Forget documents that are in Elasticsearch."""
        await self._in_thread(self._remove, numbers)

    def _remove(self, numbers: Sequence[int]) -> None:
        with self._mine() as connection:
            connection.executemany(
                "DELETE FROM queue WHERE number = ?", ((number,) for number in numbers)
            )

    async def set_aside(self, refused: Sequence[tuple[Queued, str]]) -> None:
        """Put documents that Elasticsearch will never take into `rejected.jsonl`, with why.

        One that is half as large as the spool may be becomes `rejected.1.jsonl`; the one that was
        called so before is gone. A caller who sends nothing else must not fill the disk.
        """
        await self._in_thread(self._set_aside, refused)

    def _set_aside(self, refused: Sequence[tuple[Queued, str]]) -> None:
        path = self.folder / REJECTED
        if path.exists() and path.stat().st_size >= self._most_bytes // 2:
            logger.warning("%s is full: it becomes %s, which is replaced", path, REJECTED_BEFORE)
            path.replace(self.folder / REJECTED_BEFORE)
        with path.open("ab") as file:
            for queued, reason in refused:
                one = queued.document
                row = {"index": one.target, "id": one.id, "reason": reason}
                file.write(orjson.dumps({**row, "document": orjson.loads(one.body)}) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._remove([queued.number for queued, _ in refused])

    async def waiting(self) -> int:
        """How many documents wait."""
        return await self._in_thread(self._count)

    def _count(self) -> int:
        [[count]] = self._mine().execute("SELECT count(*) FROM queue")
        return int(count)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def take_delivery(self) -> IO[str] | None:
        """The right to deliver, which one process has at a time; None if another has it.

        The kernel frees it when its holder dies.
        """
        file = (self.folder / _LOCK).open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    async def close(self) -> None:
        """Let go of the file."""
        if self._flushing is not None:
            await self._flushing
        if self._connection is not None:
            await self._in_thread(self._connection.close)
        self._thread.shutdown()


def _claimed(connection: sqlite3.Connection, cluster: str) -> str | None:
    """Note whose a spool is; the other cluster if documents for it wait there."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        owner = connection.execute("SELECT cluster FROM owner").fetchone()
        if owner == (cluster,):
            return None
        if owner is not None and connection.execute("SELECT 1 FROM queue LIMIT 1").fetchone():
            return str(owner[0])
        connection.execute("DELETE FROM owner")
        connection.execute("INSERT INTO owner (cluster) VALUES (?)", (cluster,))
    return None


def _told(error: Exception) -> Exception:
    if isinstance(error, sqlite3.OperationalError | OSError):
        return SpoolFull(
            f"events cannot be kept ({error}): Elasticsearch takes none, or the disk is full; "
            "send them again later"
        )
    return error
