"""Interactions out of files of every format."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile_json import BYTES
from ingest.indicators.baskets import BASKET, COLUMNS_OF_BASKETS, by_basket
from ingest.indicators.interaction_matrix import LikeRules, collect
from ingest.indicators.interaction_reader import read
from xlrec_es.errors import ConfigError, SourceError

NOW_S = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
ITEMS = {item: item for item in "abc"}
ROWS = [{"who": "007", "film": "a"}, {"who": "7", "film": "b"}]


def written(folder: Path, name: str) -> Path:
    """The same rows in any format."""
    path = folder / name
    separator = "\t" if "tsv" in name else ","
    lines = {
        "csv": [separator.join(("who", "film")), *(separator.join(r.values()) for r in ROWS)],
        "json": [json.dumps(row) for row in ROWS],
    }["json" if "json" in name else "csv"]
    text = ("\n".join(lines) + "\n").encode()
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.parquet"])
def test_lines_of_orders_need_no_user(tmp_path: Path, name: str) -> None:
    fields = {BASKET: "who", "item": "film"}
    found = read(str(written(tmp_path, name)), fields, columns=COLUMNS_OF_BASKETS)
    batches, named = by_basket(found, Counter())
    likes = collect(batches, ITEMS, LikeRules(), now_s=NOW_S)
    assert named
    assert likes.matrix.toarray().tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ConfigError, match="basket is no column of interactions"):
        list(read(str(written(tmp_path, name)), fields))

    def without_basket() -> object:
        lines = read(str(written(tmp_path, name)), {"item": "film"}, columns=COLUMNS_OF_BASKETS)
        return collect(by_basket(lines, Counter())[0], ITEMS, LikeRules(), now_s=NOW_S)

    with pytest.raises(SourceError, match="--field user=NAME"):
        without_basket()


@pytest.mark.parametrize(
    "name",
    ["x.csv", "x.tsv", "x.csv.gz", "x.tsv.gz", "x.jsonl", "x.jsonl.gz", "x.parquet"],
)
def test_every_format_reads_alike(tmp_path: Path, name: str) -> None:
    batches = list(read(str(written(tmp_path, name)), {"user": "who", "item": "film"}))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert rows == [{"user": "007", "item": "a"}, {"user": "7", "item": "b"}]


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "likes.parquet"
    for number, rows in enumerate((ROWS, [{"who": 8, "film": "c"}])):  # a part's own types
        part = folder / f"day={number}"
        part.mkdir(parents=True)
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), part / "0.parquet")
    read_again = list(read(str(folder), {"user": "who", "item": "film"}))
    items = {item: item for item in "abc"}
    found = collect(read_again, items, LikeRules(), now_s=NOW_S)
    assert found.matrix.toarray().tolist() == np.eye(3).tolist()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SourceError, match=r"has no \.parquet file"):
        list(read(str(empty), {}))


def test_lines_of_json_may_differ(tmp_path: Path) -> None:
    """A log of events has numbers beside texts, and fields that come later."""
    path = tmp_path / "x.jsonl"
    lines = [{"user": n, "item": "a", "event": None, "noise": {"n": n}} for n in range(30_000)]
    lines += [{"user": "x", "item": "b", "event": "buy"}, {"item": "b", "weight": 2.5}]
    path.write_text("\n".join(map(json.dumps, lines)))
    found = collect(read(str(path), {}), ITEMS, LikeRules(events={"buy": 4}), now_s=NOW_S)
    assert found.report == {
        "rows": 30_002,
        "without user or item": 1,
        "positive interactions": 30_001,
    }
    assert found.matrix[30_000, 1] / found.matrix[0, 0] == pytest.approx(4)
    for text, message in (("[1]\n", "line 30003 is not a JSON object"), ("{\n", "not JSON")):
        path.write_text("\n".join([*map(json.dumps, lines), text]))
        with pytest.raises(SourceError, match=message):
            list(read(str(path), {}))


def test_an_id_may_be_any_text(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("user,item\nNULL,NA\nnan,n/a\n")
    [batch] = read(str(path), {})
    assert batch.to_pylist() == [{"user": "NULL", "item": "NA"}, {"user": "nan", "item": "n/a"}]


def test_a_field_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(written(tmp_path, "x.csv"))
    with pytest.raises(SourceError, match="no field 'person' for user, but who, film"):
        list(read(path, {"user": "person"}))
    with pytest.raises(ConfigError, match="persona is no column"):
        list(read(path, {"persona": "who"}))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .*none\.csv"):
        list(read(str(tmp_path / "none.csv"), {}))
    with pytest.raises(SourceError, match=r"\.csv, \.tsv, \.jsonl"):
        list(read(str(tmp_path / "x.xlsx"), {}))
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(SourceError, match=r"cannot read .*bad\.parquet"):
        list(read(str(tmp_path / "bad.parquet"), {}))
    (tmp_path / "bad.csv").write_text('user,item\n1,"2\n')
    with pytest.raises(SourceError, match=r"cannot read .*bad\.csv: line 2: a quotation begins"):
        list(read(str(tmp_path / "bad.csv"), {}))


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for name in ("x.csv", "x.tsv"):
        (tmp_path / name).write_bytes(b"")
        assert list(read(str(tmp_path / name), {})) == []
    (tmp_path / "head.tsv").write_text("user\titem\n")
    assert sum(len(batch) for batch in read(str(tmp_path / "head.tsv"), {})) == 0


def test_ids_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "likes.jsonl"
    path.write_text('{"user": "a", "item": 123456789012345678901234567890}\n')
    [batch] = read(str(path), {})
    assert batch.to_pylist() == [{"user": "a", "item": "123456789012345678901234567890"}]


@pytest.mark.parametrize(
    ("name", "begin", "more"),
    [
        ("likes.jsonl.gz", b'{"user": "', b"a"),
        ("likes.csv.gz", b"user,item\na,", b"b"),
        ("likes.tsv.gz", b"user\titem\n", b"\t"),
    ],
)
def test_a_row_without_end_is_refused_before_memory_is_full(
    tmp_path: Path, name: str, begin: bytes, more: bytes
) -> None:
    path = tmp_path / name
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(begin)
        for _ in range(20):
            file.write(more * 1024**2)
    assert path.stat().st_size < 1024**2
    with pytest.raises(SourceError, match="longer than 1024 kB"):
        list(read(str(path), {}))


@settings(deadline=None)
@given(BYTES, st.sampled_from([".csv", ".tsv", ".jsonl"]))
def test_whatever_a_file_holds_is_rows_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"likes{kind}"
    path.write_bytes(b"user,item,more\n" + content if kind != ".jsonl" else content)
    with contextlib.suppress(SourceError):
        list(read(str(path), {}))
