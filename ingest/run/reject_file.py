"""The reject file: rejected records, and why, so that they can be fixed and read again."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

import orjson

from ingest.run.file_lock import locked
from ingest.shard import Shard
from xlrec_es import exact_json
from xlrec_es.errors import ConfigError, IngestError, InvalidJson
from xlrec_es.interactions import row_reader
from xlrec_es.records.jsonl import JsonlSource
from xlrec_es.records.record import Record, Rejection

_SUFFIX = ".rejects.jsonl"
_LONGEST_NAME = 60
"""Characters of an index's name in that of a file, of which a disk takes 255 bytes."""

ADVICE = "name another file with --rejects"

_KEYS = {"time", "line", "stage", "reason", "document", "record"}
_FILE = "file"  # of an entry, where the input has several files
_BEGINNING = re.compile(r'\{"time":"[^"]+","line":\d+,"(?:file|stage)":"')
_LOOKED_AT = 3  # lines; further ones may be broken by hand, and are rejected again


def default_path(source: str, index: str, shard: Shard) -> Path:
    """Beside the input, or here if that folder is not ours to write in.

    Each index, and each part, has a file of its own: several may be made of one input at a time.

    Args:
        source: The input as given on the command line; `-` is standard input.
        index: That is written.
        shard: Part of the input.
    """
    part = "" if shard.count == 1 else f".{shard.number}-of-{shard.count}"
    suffix = f".{_as_file_name(index)}{part}{_SUFFIX}"
    if source.startswith(row_reader.INDEX):
        return Path(f"{source.removeprefix(row_reader.INDEX)}{suffix}")
    if source == "-":
        return Path(f"xlrec{suffix}")
    beside = Path(f"{Path(source)}{suffix}")  # a folder may be named with a slash at the end
    return beside if os.access(beside.parent, os.W_OK) else Path(beside.name)


def _as_file_name(index: str) -> str:
    """The name of an index, or what stands for one that no file can have."""
    name = re.sub(r"[^\w.-]", "_", index)[:_LONGEST_NAME]
    if name == index:
        return name
    return f"{name}-{hashlib.sha256(index.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file for what is rejected again, which takes the place of a reject file at the end.

    Until then, and if something fails, the reject file stays as it is.

    Raises:
        ConfigError: There is no reject file, or it has no entry; it is a file of something else; or
            a run is writing it.
        SourceError: It cannot be read.
    """
    with locked(path, advice="replay a copy of it"):
        if not path.is_file():
            raise ConfigError(f"there is no reject file {path}")
        if not _check_entries(path, advice="give the reject file of a run"):
            raise ConfigError(f"{path} has no line: there is nothing to replay, and it stays")
        new = path.with_name(f"{path.name}.new")
        yield new
        if new.exists():
            new.replace(path)
        else:
            path.unlink()


def _check_entries(path: Path, *, advice: str) -> int:
    """See that a file is a reject file, by its first lines.

    Args:
        path: The file.
        advice: What to do if it is not.

    Returns:
        How many lines were looked at; 0 of an empty file.

    Raises:
        ConfigError: It is a file of something else.
        SourceError: It cannot be read.
    """
    lines = JsonlSource(str(path.absolute())).records()
    first = [line for line in itertools.islice(lines, _LOOKED_AT) if line is not None]
    for line in first:
        if not _is_entry(line):
            raise ConfigError(
                f"{path} is no reject file, and stays as it is: line {line.position} is not "
                f"one of its entries; {advice}"
            )
    return len(first)


def _is_entry(line: Record | Rejection) -> bool:
    """Whether it is what `line_of` makes, or begins so and was cut by a kill or broken by hand."""
    if isinstance(line, Record):
        return line.fields.keys() - {_FILE} == _KEYS
    return isinstance(line.record, str) and _BEGINNING.match(line.record) is not None


class RejectFile:
    """JSON Lines, one rejection each; there is no file if nothing is rejected.

    Args:
        path: The file.

    Raises:
        ConfigError: It cannot be written, or something else than a reject file is there.
        SourceError: What is there cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        if path.exists() and not (path.is_file() or path.is_dir()):  # a device, say
            raise ConfigError(f"{path} is no regular file, which the reject file has to be")
        try:  # fails now rather than at the first rejection
            is_new = not path.exists()
            with path.open("ab"):
                pass
            if is_new:
                path.unlink()
        except OSError as error:
            raise ConfigError(
                f"cannot write the reject file {path}: {error.strerror}; name one with --rejects"
            ) from error
        if not is_new:
            _check_entries(path, advice=ADVICE)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._file.tell() if self._file else 0

    def cut(self, size: int) -> None:
        """Keep so much of the file of an earlier run: 0 to begin again.

        Somebody may have moved that file away. What is there now is kept, and no NUL bytes are put
        in the place of what is not.

        Raises:
            IngestError: It cannot be written.
        """
        if size == 0:
            self.path.unlink(missing_ok=True)
            return
        try:
            file = self._open()
            size = min(size, file.tell())
            file.truncate(size)
            file.seek(size)
        except OSError as error:
            raise self._failure(error) from error

    def write(self, rejection: Rejection) -> None:
        """Set one aside.

        A record that JSON of this program cannot hold is written as the text of its JSON.

        Raises:
            IngestError: The file cannot be written (further).
        """
        self.write_lines(line_of(rejection))

    def write_lines(self, lines: bytes) -> None:
        """Add what `line_of` has made of some rejections.

        Raises:
            IngestError: The file cannot be written (further).
        """
        try:
            self._open().write(lines)
        except OSError as error:
            raise self._failure(error) from error

    def arrange(self, parts: Sequence[tuple[int, int]]) -> None:
        """Keep these parts of the file alone, in this order.

        Args:
            parts: Of each, the byte at which it begins, and before which it ends.

        Raises:
            IngestError: The file cannot be written.
        """
        new = self.path.with_name(f"{self.path.name}.new")
        self.sync()
        try:
            with self.path.open("rb") as file, new.open("wb") as arranged:
                for start, end in parts:
                    file.seek(start)
                    arranged.write(file.read(end - start))
                arranged.flush()
                os.fsync(arranged.fileno())
            new.replace(self.path)
        except OSError as error:
            raise self._failure(error) from error

    def sync(self) -> None:
        """Have all of it on the disk.

        Raises:
            IngestError: The file cannot be written (further).
        """
        try:
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> RejectFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._file = self.path.open("r+b" if self.path.exists() else "w+b")
            self._file.seek(0, os.SEEK_END)
        return self._file

    def _failure(self, error: OSError) -> IngestError:
        return IngestError(f"cannot write the reject file {self.path}: {error.strerror}")


def line_of(rejection: Rejection) -> bytes:
    """One that `exact_json.loads` reads again, whatever is rejected."""
    record, place = rejection.record, rejection.placed
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "line": place.line,
        **({} if place.file is None else {_FILE: place.file}),
        "stage": rejection.stage,
        "reason": rejection.reason,
        "document": rejection.document,
        "record": record,
    }
    try:
        return exact_json.dumps_readable(entry, orjson.OPT_APPEND_NEWLINE)
    except InvalidJson:
        entry["record"] = record if isinstance(record, str) else exact_json.as_text(record)
        written = {name: _whole(value) for name, value in entry.items()}
        return exact_json.dumps(written, orjson.OPT_APPEND_NEWLINE)


def _whole(value: object) -> object:
    """A text without half characters."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()
