"""CSV and TSV, as this project defines them."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlrec_es.errors import SourceError
from xlrec_es.interactions.delimited import read_delimited

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def rows_of(data: bytes, *, tabs: bool = False) -> list[list[str]]:
    """Header and rows."""
    header, rows = read_delimited(io.BytesIO(data), tabs=tabs)
    return [header, *(cells for _, cells in rows)]


@pytest.mark.parametrize(
    ("data", "tabs", "expected"),
    [
        (b'a\tb\n1\t"x\n2\ty\n', True, [["a", "b"], ["1", '"x'], ["2", "y"]]),
        (b'a\tb\n"1" x\ty\n', True, [["a", "b"], ['"1" x', "y"]]),
        (b'"a"\t"b"\n"1\t2"\ty\n', True, [["a", "b"], ["1\t2", "y"]]),
        (b'a,b\n"x\ny","q""q"\n', False, [["a", "b"], ["x\ny", 'q"q']]),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3,4", False, [["a", "b"], ["1", "2"], ["3", "4"]]),
        (b"a,b\r1,2\r3,4\r", False, [["a", "b"], ["1", "2"], ["3", "4"]]),
        (b"a , b\n 1,2 \n", False, [["a", "b"], [" 1", "2 "]]),
        (b"a,b\n1,2,\n3,4,\n", False, [["a", "b"], ["1", "2"], ["3", "4"]]),
        (b"", False, [[]]),
        (b"a,b", False, [["a", "b"]]),
    ],
)
def test_rows(data: bytes, tabs: bool, expected: list[list[str]]) -> None:
    assert rows_of(data, tabs=tabs) == expected


def test_rows_know_their_lines_whatever_their_length() -> None:
    _, rows = read_delimited(io.BytesIO(b'a,b\n1\n\n1,"2\n"\n1,2,3\n'), tabs=False)
    assert list(rows) == [(2, ["1"]), (4, ["1", "2\n"]), (6, ["1", "2", "3"])]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: a quotation begins there that does not end"),
        (b'a,b\n1,"2\n3,4\n5,"6"\n', "line 2: a quotation mark stands within a cell there, or"),
        (b'"a"\t"b"\n1\t"2\n', "line 2: a quotation begins"),
        (b"a,b\n1,\xff\n", "line 2 is not in UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "is in UTF-16; write it in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        rows_of(data, tabs=b"\t" in data)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6))
def test_what_csv_writes_is_read_again(rows: list[tuple[str, str, str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("x", "y", "z"), *rows])
    assert rows_of(file.getvalue().encode())[1:] == [list(row) for row in rows]
