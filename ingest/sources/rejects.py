"""A reject file as a source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from xlrec_es.records.jsonl import JsonlSource, parse
from xlrec_es.records.record import Place, Record, Rejection

SCHEME = "rejects:"
"""Before the name of a reject file that is the source."""
_EXPANSION = 7
"""Bytes of an entry for a byte of the line that it holds: six for a control character (`\\u0000`),
and what stands around it."""


class RejectSource:
    """A reject file as a source: the records in it, with their places in the first source.

    Positions are the numbers of lines there. They come again where that source had several files.

    Args:
        path: The file.
    """

    like = None
    rereadable = True
    resumable = False  # positions are those of another source

    def __init__(self, path: str) -> None:
        self.name = path
        self.path = Path(path).absolute()
        self._lines = JsonlSource(path, expansion=_EXPANSION)

    @property
    def fraction(self) -> float | None:
        """How much of the file has been read, 0..1."""
        return self._lines.fraction

    def records(self, after: int = 0) -> Iterator[Record | Rejection | None]:
        """See `Source.records`."""
        for entry in self._lines.records(after):
            if isinstance(entry, Record):
                restored = _restore(entry)
                yield replace(restored, place=_place(entry, restored.position))
            else:
                yield entry


def _place(entry: Record, line: int) -> Place:
    """Where the record stood in the first source."""
    file = entry.fields.get("file")
    return Place(line, file if isinstance(file, str) else None)


def _restore(entry: Record) -> Record | Rejection:
    position, record = entry.fields.get("line"), entry.fields.get("record")
    if not isinstance(position, int) or isinstance(position, bool) or position < 1:
        reason = "not an entry of a reject file: it has no line"
        return Rejection(entry.position, "read", reason, entry.fields)
    if isinstance(record, str):  # a line that could not be read; perhaps somebody has mended it
        return parse(record.encode("utf-8", "surrogatepass"), position)
    if isinstance(record, dict):
        return Record(record, position, size=entry.size)
    reason = "not an entry of a reject file: it has no record"
    return Rejection(position, "read", reason, entry.fields)
