from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.source import open_source
from xlrec_es.errors import SourceError
from xlrec_es.records import jsonl
from xlrec_es.records.jsonl import JsonlSource
from xlrec_es.records.record import Record, Rejection

GOOD = [{"id": n, "title": f"Número {n}"} for n in range(1, 6)]
LINES = b"".join(orjson.dumps(record) + b"\n" for record in GOOD)


def write(path: Path, content: bytes) -> JsonlSource:
    path.write_bytes(content)
    return open_source(str(path))


@pytest.mark.parametrize(
    "content",
    [LINES, gzip.compress(LINES), LINES.replace(b"\n", b"\r\n")],
    ids=["plain", "gzipped", "CRLF"],
)
def test_reads_records_plain_and_gzipped(tmp_path: Path, content: bytes) -> None:
    source = write(tmp_path / "items", content)  # the name tells nothing
    assert list(source.records()) == [Record(fields, n) for n, fields in enumerate(GOOD, 1)]
    assert list(source.records()) == list(source.records())
    assert source.rereadable


def test_goes_on_after_a_position(tmp_path: Path) -> None:
    source = write(tmp_path / "items", LINES)
    assert [record.position for record in source.records(after=3)] == [4, 5]
    assert list(source.records(after=5)) == []


def test_empty_lines_count_as_lines_alone(tmp_path: Path) -> None:
    source = write(tmp_path / "items", b'\n{"id": 1}\n  \n{"id": 2}')
    assert list(source.records()) == [Record({"id": 1}, 2), Record({"id": 2}, 4)]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    source = write(tmp_path / "items", b'\xef\xbb\xbf{"id": 1}\n')
    assert list(source.records()) == [Record({"id": 1}, 1)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "not JSON: invalid literal"),
        (b'{"id": 1', "not JSON: "),
        (b'{"id": 1}{"id": 2}', "not JSON: unexpected"),
        (b'{"id": NaN}', "not JSON: "),
        (b'{"id": 1e999}', "not JSON: "),
        (b"{'id': 1}", "not JSON: "),
        (b'{"id": "\\ud800"}', "not JSON: no low surrogate"),
        (b'{"id": "\xff"}', "not JSON: str is not valid UTF-8"),
        (b"\x00\x00\x00", "not JSON: "),
        (b"[1, 2]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"12", "not a JSON object"),
    ],
)
def test_a_bad_line_is_set_aside_and_reading_goes_on(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    source = write(tmp_path / "items", b'{"id": 1}\n' + line + b'\n{"id": 3}\n')
    before, rejection, after = source.records()
    assert (before, after) == (Record({"id": 1}, 1), Record({"id": 3}, 3))
    assert isinstance(rejection, Rejection)
    assert (rejection.position, rejection.stage, rejection.document) == (2, "read", None)
    assert rejection.reason.startswith(reason)
    assert rejection.record == line.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize("ending", [b"\n", b""])
@pytest.mark.parametrize("extra", [-1, 0, 1, 50, 100, 250])
def test_a_line_that_is_too_long_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: int, ending: bytes
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 100)
    monkeypatch.setattr(jsonl, "_EXCERPT_BYTES", 10)
    line = b'{"id": "%s"}' % (b"x" * (89 + extra))  # 100 bytes and extra
    source = write(tmp_path / "items", b'{"id": 1}\n' + line + ending)
    after = b'{"id": 3}\n' if ending else b""
    source = write(tmp_path / "items", b'{"id": 1}\n' + line + ending + after)
    records = list(source.records())
    assert [record.position for record in records] == ([1, 2, 3] if after else [1, 2])
    if extra <= 0:
        assert records[1] == Record(orjson.loads(line), 2)
    elif extra > 1:
        assert isinstance(records[1], Rejection)
        assert records[1].reason == "the line is longer than 0 MB"
        assert records[1].record == '{"id": "xx'


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)))
def test_every_line_of_any_bytes_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("any") / "items"
    content = b"\n".join([b"{}", *lines])  # the first keeps gzip's magic number out
    source = write(path, content)
    given_lines = [n for n, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    assert [record.position for record in source.records()] == given_lines


def test_the_fraction_grows_to_one(tmp_path: Path) -> None:
    source = write(tmp_path / "items", b'{"id": 1}\n' * 50_000)
    assert source.fraction is None
    fractions = [source.fraction or 0 for _ in source.records()]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 0.5
    assert fractions[-1] == 1


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(gzip.compress(LINES))))
    monkeypatch.setattr(sys, "stdin", stdin)
    source = open_source("-")
    assert source.name == "standard input"
    assert not source.rereadable
    assert source.path is None
    assert len(list(source.records())) == len(GOOD)
    assert source.fraction is None


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = open_source(str(tmp_path / "pipe"))
    assert not source.rereadable
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(LINES,))
    writer.start()
    assert len(list(source.records())) == len(GOOD)
    writer.join()


def test_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .*/none: No such file or directory"):
        open_source(str(tmp_path / "none"))
    with pytest.raises(SourceError, match="Is a directory"):
        open_source(str(tmp_path))


@pytest.mark.parametrize("damage", [slice(0, -20), slice(0, 12)])
def test_a_damaged_gzip_stream_is_an_error(tmp_path: Path, damage: slice) -> None:
    source = write(tmp_path / "items", gzip.compress(LINES * 100)[damage])
    with pytest.raises(SourceError, match="its gzip stream is damaged"):
        list(source.records())


def test_a_wrong_checksum_is_an_error(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LINES))
    packed[-8] ^= 0xFF
    source = write(tmp_path / "items", bytes(packed))
    with pytest.raises(SourceError, match="CRC check failed"):
        list(source.records())
