"""CSV and TSV: one definition of both, for every reader of this project.

CSV is quoted as RFC 4180 has it. TSV has no quotation: a quotation mark is a character like any
other, unless cells of the header are quoted. Lines end in LF, CR LF or CR. Texts are UTF-8, with or
without a byte order mark.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

from xlrec_es.errors import SourceError
from xlrec_es.interactions.bounded_lines import MAX_ROW, TOO_LONG

RAGGED = "another number of cells than the header"
"""Reason for which a row is rejected."""

_MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16; those of UTF-32 begin alike
_ENDS = re.compile(r"(?<=\r)(?!\n)")


class _Reader(Protocol):
    """What `csv.reader` makes."""

    line_num: int

    def __next__(self) -> list[str]: ...

    def __iter__(self) -> Iterator[list[str]]: ...


class Delimited(NamedTuple):
    """A file, as far as its header tells.

    Attributes:
        header: Names of the columns.
        rows: The others: the number of the line where each begins, and its cells.
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


def read_delimited(lines: Iterable[bytes], *, tabs: bool) -> Delimited:
    """Read a header, and then, as they are asked for, rows. Empty lines are passed over.

    Empty cells beyond the header's width, as a comma at the end of each line makes them, are cut
    off; what is of another length still is for the caller to set aside.

    Args:
        lines: Of a file, each up to and with its LF.
        tabs: TSV; else CSV.

    Returns:
        No header and no rows for an empty file.

    Raises:
        SourceError: No UTF-8, a quotation that does not end, or a row that is too long; with the
            number of the line.
    """
    decoded = _decoded(lines)
    first = next(decoded, "")
    mark, quotes = ("\t", first.lstrip().startswith('"')) if tabs else (",", True)
    texts = _OfOneRow(_again(first, decoded))
    reader = csv.reader(
        texts,
        delimiter=mark,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        strict=True,
    )
    header = [name.strip() for name in _next(reader, texts) or []]
    return Delimited(header, _rows(reader, texts, len(header)))


class PlainText(NamedTuple):
    """Whole lines that splitting is enough for: no quotation, no CR.

    Attributes:
        text: The lines; of the header, its own alone.
        mark: Between cells.
        many: How many lines are not empty.
    """

    text: str
    mark: str
    many: int

    def header(self) -> list[str]:
        """Names of columns."""
        return [name.strip() for name in self.text.rstrip("\n").split(self.mark)]

    def rows(self, width: int) -> list[list[str]]:
        """Rows, as `read_delimited` gives them."""
        return [_cut(line.split(self.mark), width) for line in self.text.split("\n") if line]

    def columns(self, width: int) -> list[list[str]] | None:
        """The same by columns, if all rows are as wide as the header: several times as fast."""
        ended = self.text if self.text.endswith("\n") else f"{self.text}\n"
        cells = ended.replace("\n", f"{self.mark}\n{self.mark}").split(self.mark)
        cells.pop()
        ends = cells[width :: width + 1]
        # As many ends as lines, all of them where a row of this width ends.
        even = len(ends) * (width + 1) == len(cells) and ends.count("\n") == cells.count("\n")
        if not (even and ends.count("\n") == len(ends)):
            return None
        return [cells[place :: width + 1] for place in range(width)]


def plain_texts(file: BinaryIO, *, tabs: bool) -> Iterator[PlainText | None]:
    """A file in parts of many lines, as long as splitting is all it takes to read it.

    Args:
        file: At its beginning.
        tabs: TSV; else CSV.

    Yields:
        First the header, then some thousand lines at a time. None, and nothing after it, before a
        quotation, CR, or what `read_delimited` refuses.
    """
    mark = "\t" if tabs else ","
    text, header = _text(file.readline(MAX_ROW)), True
    while text:
        odd = '"' in text and (header or not tabs)
        odd |= header and text[0] in _BEGINNINGS
        lines = text.split("\n")
        if odd or max(map(len, lines)) > csv.field_size_limit():
            break
        yield PlainText(text, mark, len(lines) - lines.count(""))
        header = False
        block = file.read(_BLOCK)
        text = _text(block if block.endswith(b"\n") else block + file.readline(MAX_ROW))
    if text != "":
        yield None


_BLOCK = 2**17  # of texts and cells that a processor's cache holds
_BEGINNINGS = "\ufeff\n"  # what a file may begin with that is no header: those are read slowly


def _text(lines: bytes) -> str | None:
    """What stands in whole lines; None if a line ends in CR, or it is no UTF-8."""
    try:
        return None if b"\r" in lines else lines.decode()
    except UnicodeDecodeError:
        return None


class _OfOneRow:
    """Texts for a reader, which asks for more of them until a row is whole.

    Attributes:
        left: How many characters the row may still have.
    """

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self.left = MAX_ROW

    def __iter__(self) -> _OfOneRow:
        return self

    def __next__(self) -> str:
        text = next(self._texts)
        self.left -= len(text)
        if self.left < 0:
            raise csv.Error(f"the row that begins there is {TOO_LONG}")
        return text


def _rows(reader: _Reader, texts: _OfOneRow, width: int) -> Iterator[tuple[int, list[str]]]:
    while True:
        line = reader.line_num + 1
        cells = _next(reader, texts)
        if cells is None:
            return
        if cells:
            yield line, _cut(cells, width)


def _cut(cells: list[str], width: int) -> list[str]:
    """Without empty cells beyond the width."""
    return cells[:width] if len(cells) > width and not any(cells[width:]) else cells


def _next(reader: _Reader, texts: _OfOneRow) -> list[str] | None:
    line = reader.line_num + 1
    texts.left = MAX_ROW
    try:
        return next(reader, None)
    except csv.Error as error:
        reason = str(error)
        if reason == "unexpected end of data":
            reason = "a quotation begins there that does not end"
        elif "expected after" in reason:
            reason = "a quotation mark stands within a cell there, or a quotation does not end"
        raise SourceError(f"line {line}: {reason}") from error


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if number == 1:
            if line.startswith(_MARKS):
                raise SourceError("the file is in UTF-16; write it in UTF-8")
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise SourceError(f"line {number} is not in UTF-8: {error.reason}") from error
        yield from _ENDS.split(text) if "\r" in text else (text,)


def _again(first: str, others: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from others
