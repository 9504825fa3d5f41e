"""Records in JSON Lines."""

from __future__ import annotations

import gzip
import io
import os
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson, SourceError
from xlrec_es.records.record import Record, Rejection

MAX_LINE_BYTES = 32 * 1024 * 1024
"""A longer line is rejected: memory stays bounded, and Elasticsearch would not take it."""

_GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_EXCERPT_BYTES = 1000
_POLL_S = 0.5

Line = tuple[int, bytes, bool]
"""Number, content, and whether that is all of it."""


@dataclass(frozen=True, slots=True)
class LineRange:
    """A part of a plain file, from the beginning of a line to the end of one.

    Attributes:
        start: Byte at which it begins.
        end: Byte before which it ends.
        lines_before: Lines of the file before it.
    """

    start: int
    end: int
    lines_before: int


class JsonlSource:
    """JSON Lines: one object a line, in UTF-8. Compressed by gzip or not, as its content says.

    Args:
        path: Of the file; `-` is standard input.
        follow: Wait for more at the end, as `tail -f` does; a line counts once it has its end.
        expansion: How many bytes a byte of `MAX_LINE_BYTES` may take here.
        part: Of a plain file, what is read; None: all of it.
    """

    resumable = True
    like = None

    def __init__(
        self,
        path: str,
        *,
        follow: bool = False,
        expansion: int = 1,
        part: LineRange | None = None,
    ) -> None:
        self._follow = follow
        self._part = part
        self._longest = expansion * MAX_LINE_BYTES
        self.name = "standard input" if path == "-" else path
        self.rereadable = path != "-" and not Path(path).is_fifo()
        self.path = None if path == "-" else Path(path).absolute()
        self._file: io.BufferedReader | None = None
        self._size = self.path.stat().st_size if self.path and self.path.is_file() else 0

    @property
    def fraction(self) -> float | None:
        """How much of the file has been read, 0..1; None for standard input."""
        if self._file is None or not self._size:
            return None
        try:
            return min(1.0, self._file.raw.tell() / self._size)
        except (OSError, ValueError):  # the reading thread has come to the end, and closed it
            return None

    @contextmanager
    def open(self) -> Iterator[io.BufferedIOBase]:
        """The uncompressed bytes.

        Raises:
            SourceError: It cannot be read.
        """
        with _told(self.name):
            if self.path is None:
                yield from _uncompressed(cast("io.BufferedReader", sys.stdin.buffer))
                return
            with self.path.open("rb") as self._file:
                yield from _uncompressed(self._file)

    def records(self, after: int = 0) -> Iterator[Record | Rejection | None]:
        """See `Source.records`; positions are line numbers. Empty lines are passed over."""
        with self.open() as file:
            for found in self._grow(file) if self._follow else self._found(file):
                if found is None:
                    yield None
                    continue
                number, line, complete = found
                if number <= after:
                    continue
                if number == 1:
                    line = line.removeprefix(BYTE_ORDER_MARK)
                if not complete:
                    reason = f"the line is longer than {self._longest // 1024**2} MB"
                    yield Rejection(number, "read", reason, _readable(line[:_EXCERPT_BYTES]))
                elif line.strip():
                    yield parse(line, number)

    def _found(self, file: io.BufferedIOBase) -> Iterator[Line]:
        """The lines there are, of the part that is read."""
        if self._part is None:
            yield from _lines(file, self._longest)
            return
        file.seek(self._part.start)
        for number, line, complete in _lines(file, self._longest, end=self._part.end):
            yield self._part.lines_before + number, line, complete

    def _grow(self, file: io.BufferedIOBase) -> Iterator[Line | None]:
        """The lines there are, and those to come; None at the end for now.

        Raises:
            SourceError: It is compressed, or another file has taken its place.
        """
        if isinstance(file, gzip.GzipFile):
            raise SourceError(f"{self.name} is compressed; only plain lines can be followed")
        number, line, too_long = 0, b"", False
        while True:
            line += file.readline(self._longest + 1 - len(line))
            if line.endswith(b"\n") or len(line) > self._longest:
                if not too_long:  # or it is the rest of a line that has been set aside
                    number += 1
                    yield number, line, line.endswith(b"\n")
                line, too_long = b"", not line.endswith(b"\n")
                continue
            self._check_is_the_same(file)
            yield None
            time.sleep(_POLL_S)

    def _check_is_the_same(self, file: io.BufferedIOBase) -> None:
        assert self.path  # standard input is not followed
        mine, now = os.fstat(file.fileno()), self.path.stat()
        if (mine.st_dev, mine.st_ino) != (now.st_dev, now.st_ino) or now.st_size < file.tell():
            raise SourceError(
                f"{self.name} has been cut or replaced by another file; all of the old one is "
                "indexed: start again for the new one"
            )


@contextmanager
def open_file(path: Path, name: str) -> Iterator[io.BufferedIOBase]:
    """The uncompressed bytes of a file.

    Args:
        path: Of the file.
        name: What people are told that it is called.

    Raises:
        SourceError: It cannot be read.
    """
    with _told(name), path.open("rb") as file:
        yield from _uncompressed(file)


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # gzip's own errors too
        raise SourceError(f"cannot read {name}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise SourceError(f"cannot read {name}: its gzip stream is damaged") from error


def _uncompressed(file: io.BufferedReader) -> Iterator[io.BufferedIOBase]:
    if file.peek(2).startswith(_GZIP_MAGIC):
        with gzip.open(file) as content:
            yield content
    else:
        yield file


def _lines(file: io.BufferedIOBase, longest: int, *, end: int | None = None) -> Iterator[Line]:
    number = 0
    while (end is None or file.tell() < end) and (line := file.readline(longest + 1)):
        number += 1
        complete = len(line) <= longest or line.endswith(b"\n")
        yield number, line, complete
        while not complete:  # pass over the rest, in pieces
            rest = file.readline(longest)
            complete = not rest or rest.endswith(b"\n")


def parse(line: bytes, number: int) -> Record | Rejection:
    """Read one line."""
    try:
        fields = exact_json.loads(line)
    except InvalidJson as error:
        return Rejection(number, "read", str(error), _readable(line))
    if not isinstance(fields, dict):
        return Rejection(number, "read", "not a JSON object", _readable(line))
    return Record(fields, number, size=len(line))


def _readable(line: bytes) -> str:
    return line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
