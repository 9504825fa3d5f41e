"""A catalogue in CSV or TSV."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ingest.sources.source import open_source
from xlrec_es.errors import SourceError
from xlrec_es.records.delimited import DelimitedSource
from xlrec_es.records.record import Record, Rejection

TEXT = 'id,title,price\r\n1,"Tea, green",3\r\n2,Tee,\r\n3\r\n4,"Le ""thé""\nvert",5\r\n'
EXPECTED = [
    Record({"id": "1", "title": "Tea, green", "price": "3"}, 1),
    Record({"id": "2", "title": "Tee"}, 2),
    Rejection(3, "read", "line 4 has another number of cells than the header", "3"),
    Record({"id": "4", "title": 'Le "thé"\nvert', "price": "5"}, 4),
]


@pytest.mark.parametrize("name", ["items.csv", "items.CSV", "items.csv.gz"])
def test_rows_become_records(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = TEXT.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    source = open_source(str(path))
    assert isinstance(source, DelimitedSource)
    assert list(source.records()) == list(source.records()) == EXPECTED
    # The numbers of lines, as reasons have them; the header is the first.
    assert [record.placed.line for record in source.records()] == [2, 3, 4, 5]
    for after in range(5):
        assert list(source.records(after)) == EXPECTED[after:]


def test_tabs_have_no_quotation_marks(tmp_path: Path) -> None:
    path = tmp_path / "items.tsv"
    path.write_text('id\ttitle\n1\t12" disc\n')
    assert list(open_source(str(path)).records()) == [Record({"id": "1", "title": '12" disc'}, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; its first line should name the columns"),
        ("id,title,id\n1,x,2\n", "several columns 'id'"),
        ('id,title\n1,"x\n', "cannot read .*items.csv: line 2: a quotation begins there"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "items.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=message):
        list(open_source(str(path)).records())


@pytest.mark.parametrize("begin", [b"id,title\n1,Tea\n2,", b""])
def test_a_row_without_end_is_refused_before_memory_is_full(tmp_path: Path, begin: bytes) -> None:
    path = tmp_path / "items.csv.gz"
    path.write_bytes(gzip.compress(begin + b"a" * 20_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(SourceError, match=r"line \d is longer than 1024 kB"):
        list(open_source(str(path)).records())
