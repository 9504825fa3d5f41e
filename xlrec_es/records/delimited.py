"""Records in CSV or TSV: a row is a record, its columns are the fields, all values are texts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from xlrec_es.errors import SourceError
from xlrec_es.interactions.bounded_lines import bounded_lines
from xlrec_es.interactions.delimited import RAGGED, Delimited, read_delimited
from xlrec_es.records.jsonl import open_file
from xlrec_es.records.record import Place, Record, Rejection

_ENDINGS = {".csv": False, ".tsv": True}


def is_delimited(path: str) -> bool:
    """Whether a file's name says that it is CSV or TSV, compressed by gzip or not."""
    return Path(path.removesuffix(".gz")).suffix.lower() in _ENDINGS


class DelimitedSource:
    """A file of CSV or TSV (see `xlrec_es.interactions.delimited`) whose header names the fields.

    An empty cell is a field that is not there. Positions are numbers of rows.

    Args:
        path: Of the file.

    Raises:
        SourceError: It cannot be read, has no header, or names a column twice.
    """

    rereadable = True
    resumable = True
    like = None
    fraction = None

    def __init__(self, path: str) -> None:
        self.name = path
        self.path = Path(path).absolute()
        self._tabs = _ENDINGS[Path(path.removesuffix(".gz")).suffix.lower()]
        with open_file(self.path, self.name) as file:
            self._header = self._read(file).header
        if not self._header:
            raise SourceError(f"{self.name} is empty; its first line should name the columns")
        twice = sorted({name for name in self._header if self._header.count(name) > 1})
        if twice:
            raise SourceError(f"{self.name} has several columns {twice[0]!r}; rename one")

    def records(self, after: int = 0) -> Iterator[Record | Rejection]:
        """See `Source.records`."""
        with open_file(self.path, self.name) as file:
            try:
                for number, (line, cells) in enumerate(self._read(file).rows, 1):
                    if number > after:
                        yield self._record(number, line, cells)
            except SourceError as error:
                raise SourceError(f"cannot read {self.name}: {error}") from error

    def _read(self, file: io.BufferedIOBase) -> Delimited:
        lines = bounded_lines(cast("BinaryIO", file), returns=True)
        return read_delimited(lines, tabs=self._tabs)

    def _record(self, number: int, line: int, cells: list[str]) -> Record | Rejection:
        if len(cells) != len(self._header):
            told = ("\t" if self._tabs else ",").join(cells)
            reason = f"line {line} has {RAGGED}"
            return Rejection(number, "read", reason, told, place=Place(line))
        fields = {name: cell for name, cell in zip(self._header, cells, strict=True) if cell}
        return Record(fields, number, size=sum(map(len, cells)), place=Place(line))
