"""Lines of a file, none so long that memory is full of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from xlrec_es.errors import SourceError

MAX_ROW = 1024 * 1024
"""Bytes or characters, decompressed: a gigabyte of one letter is a megabyte of gzip."""
TOO_LONG = f"longer than {MAX_ROW // 1024} kB"


def bounded_lines(file: BinaryIO, *, returns: bool) -> Iterator[bytes]:
    """Each line, up to and with its LF.

    Args:
        file: Decompresses as it is read.
        returns: Whether CR ends a line too; several such lines may come as one, up to a CR.

    Raises:
        SourceError: A line is longer than `MAX_ROW`.
    """
    number, rest = 0, b""
    while True:
        line = rest
        if not rest.endswith(b"\n"):
            line += file.readline(MAX_ROW + 1 - len(rest))
        rest = b""
        if not line:
            return
        number += 1
        if len(line) > MAX_ROW:
            end = line.rfind(b"\r") + 1 if returns else 0
            if not end:
                raise SourceError(f"line {number} is {TOO_LONG}")
            line, rest = line[:end], line[end:]
        yield line
