"""Rows of files that somebody made to do harm, or by accident."""

from __future__ import annotations

import contextlib
import gzip
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile_json import BYTES, nested
from xlrec_es.errors import SourceError
from xlrec_es.interactions import row_reader
from xlrec_es.interactions.bounded_lines import MAX_ROW
from xlrec_es.interactions.row_reader import Row, column_names, read_columns, read_rows

MEGABYTE = 1024 * 1024


def read(path: Path) -> list[Row]:
    return list(read_rows(path, ("user", "item"), {}, needed=("user", "item")))


def test_ids_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "likes.jsonl"
    path.write_text('{"user": "a", "item": 123456789012345678901234567890}\n')
    assert [str(row["item"]) for row in read(path)] == ["123456789012345678901234567890"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2 is not JSON: "),
        ('{"user": "\\ud800"}', "line 2 is not JSON: no low surrogate"),
        ("\x00", "line 2 is not JSON: "),
        ("[1]", "line 2 is not a JSON object"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "likes.jsonl"
    path.write_text(f'{{"user": "a", "item": "b"}}\n{line}\n')
    with pytest.raises(SourceError, match=f"cannot read .*likes.jsonl: {reason}"):
        read(path)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (nested(300), "nested more than 200 levels deep"),
        (nested(1200), "nested more than 200 levels deep"),
        ("1" * 5000, "JSON with a number of more than 1000 digits"),
    ],
)
def test_a_row_that_cannot_be_held_is_counted(tmp_path: Path, value: str, reason: str) -> None:
    path = tmp_path / "likes.jsonl"
    good, bad = '{"user": "a", "item": "b"}', f'{{"user": "a", "item": "b", "more": {value}}}'
    for lines in ([good, bad, good], [bad, good, good]):
        path.write_text("\n".join(lines))
        report: Counter[str] = Counter()
        rows = read_rows(path, ("user", "item"), {}, needed=("user", "item"), report=report)
        assert list(rows) == [{"user": "a", "item": "b"}] * 2
        assert report == {"rows": 1, reason: 1}
        assert column_names(path) == ("user", "item")


BOMBS = {
    ".jsonl": (b'{"user": "', b"a"),
    ".csv": (b"user,item\na,", b"b"),
    ".tsv": (b"", b"\t"),
}
FIELDS_WITHOUT_END = b'user,item\na,"' + b'","\n' * (MAX_ROW // 2)


@pytest.mark.parametrize("kind", BOMBS)
def test_a_row_without_end_is_refused_before_memory_is_full(tmp_path: Path, kind: str) -> None:
    begin, more = BOMBS[kind]
    path = tmp_path / f"likes{kind}.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(begin)
        for _ in range(20):
            file.write(more * MEGABYTE)
    assert path.stat().st_size < MEGABYTE
    with pytest.raises(SourceError, match=r"line \d.* is longer than 1024 kB"):
        read(path)


def test_a_row_of_many_lines_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "likes.csv"
    path.write_bytes(FIELDS_WITHOUT_END)
    with pytest.raises(SourceError, match="line 2: the row that begins there is longer than"):
        read(path)
    path.write_text('user,item\n"a\nb",c\n\n' + "d,e\n" * (MAX_ROW // 2))
    rows = read(path)
    assert rows[0] == {"user": "a\nb", "item": "c"}
    assert len(rows) == 1 + MAX_ROW // 2


def test_line_ends_of_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "likes.csv"
    rows = [f"user {number},{'x' * (number % 50)}" for number in range(60_000)]
    for end in ("\n", "\r\n", "\r"):
        path.write_text(end.join(["\ufeffuser,item", *rows]), newline="")
        assert path.stat().st_size > MAX_ROW
        assert [f"{row['user']},{row['item']}" for row in read(path)] == rows


@settings(deadline=None)
@given(BYTES, st.sampled_from([".csv", ".tsv", ".jsonl"]))
def test_whatever_a_file_holds_is_rows_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"likes{kind}"
    path.write_bytes(b"user,item,more\n" + content if kind != ".jsonl" else content)
    with contextlib.suppress(SourceError):
        read(path)


ROWS = st.lists(st.lists(st.text('ab"\r\n\t, é', max_size=3), min_size=1, max_size=4), max_size=8)


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, ending=st.sampled_from([".tsv", ".csv"]), plain=st.integers(0, 3))
def test_columns_are_those_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], ending: str, plain: int
) -> None:
    """Rows that splitting is enough for come first, and then others."""
    mark = "\t" if ending == ".tsv" else ","
    lines = ["user", "item"], *[["u", "i"]] * plain, *rows
    path = tmp_path_factory.getbasetemp() / f"rows{ending}"
    path.write_bytes("\n".join(mark.join(line) for line in lines).encode())
    asked = {"columns": ("user", "item", "event"), "fields": {}, "needed": ("user", "item")}

    def by_rows(report: Counter[str]) -> Iterator[tuple[object, ...]]:
        for row in read_rows(path, report=report, **asked):
            yield tuple(row.values())

    def by_columns(report: Counter[str]) -> Iterator[tuple[object, ...]]:
        for part in read_columns(path, report=report, **asked):
            assert not part["event"]
            yield from zip(part["user"], part["item"], itertools.repeat(None))

    def read_by(reader: Callable[[Counter[str]], Iterator[tuple[object, ...]]]) -> object:
        report: Counter[str] = Counter()
        found: list[tuple[object, ...]] = []
        try:
            found += reader(report)
        except SourceError as error:
            found.append((str(error),))
        return found, +report

    quickly = read_by(by_rows), read_by(by_columns)
    with patch.object(row_reader, "plain_texts", lambda *_args, **_kwargs: iter([None])):
        assert quickly == (read_by(by_rows), read_by(by_columns))
    assert quickly[0] == quickly[1]


def test_a_quotation_after_a_megabyte_is_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("user,item\n" + "u,i\n" * 400_000 + '"a,b",i\n')
    found = list(read_columns(path, ("user", "item"), {}, needed=("user",), report=Counter()))
    assert sum(len(part["user"]) for part in found) == 400_001
    assert found[-1]["user"][-1] == "a,b"
