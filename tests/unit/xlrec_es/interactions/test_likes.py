"""Likes as the query side reads them: the same as the worker's, to the digest."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_json import nested
from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from ingest.indicators.interaction_reader import read
from xlrec_es.errors import SourceError
from xlrec_es.interactions.delimited import RAGGED
from xlrec_es.interactions.likes import Likes, read_likes, warning_of
from xlrec_es.interactions.row_reader import SEVERAL

ITEMS = {"a": "a", "b": "b", "c": "c", "a@ja": "a"}
NOW_S = 2e9
ROWS = [
    {"user": "1", "item": "a", "event": "purchase", "time": "2026-01-01T00:00:00+02:00"},
    {"user": "1", "item": "a@ja", "event": "view", "time": "2025-01-01T00:00:00Z"},
    {"user": "1", "item": "b", "event": "dislike"},
    {"user": "2", "item": "b", "rating": "6.5"},
    {"user": "2", "item": "c", "rating": "7"},
    {"user": "ü", "item": "c", "weight": "0.5", "time": "1700000000"},
    {"user": "ü", "item": "a", "weight": "1e9"},
    {"user": "ü", "item": "b", "rating": "good"},
    {"user": "", "item": "a"},
    {"user": "3", "item": "unheard of"},
    {"user": "3", "item": "a", "event": "yawn"},
]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if ".jsonl" in path.suffixes:
        text = "\n".join(json.dumps(row) for row in rows)
    else:
        comma = "\t" if ".tsv" in path.suffixes else ","
        lines = [names, *([row.get(name, "") for name in names] for row in rows)]
        text = "".join(comma.join(line) + "\r\n" for line in lines)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def pairs(likes: Likes) -> list[tuple[str, str]]:
    return [(likes.users[p], likes.works[w]) for p, w in zip(likes.user, likes.work, strict=True)]


@pytest.mark.parametrize("name", ["f.csv", "f.tsv", "f.csv.gz", "f.jsonl", "f.jsonl.gz"])
@pytest.mark.parametrize("min_rating", [None, 7.0])
def test_reads_what_the_worker_reads(tmp_path: Path, name: str, min_rating: float | None) -> None:
    path = write(tmp_path / name, ROWS)
    mine = read_likes(path, ITEMS, min_rating=min_rating)
    theirs = collect(read(str(path), {}), ITEMS, LikeRules(min_rating=min_rating), now_s=NOW_S)
    assert mine.digest() == theirs.read["digest"]
    assert len(mine) == theirs.read["likes"] == theirs.matrix.nnz > 0
    assert mine.report == theirs.report


def outcome(read_it: Callable[[], Likes | LikeMatrix]) -> tuple[object, ...]:
    """What a reader makes of a file: the likes and the report, or why there are none."""
    try:
        found = read_it()
    except SourceError as error:
        return ("refused", str(error).partition("of ")[0])
    digest = found.digest() if isinstance(found, Likes) else found.read["digest"]
    return digest, {reason: count for reason, count in found.report.items() if count}


def both(path: Path) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """What the query side and the worker make of a file."""
    report: Counter[str] = Counter()
    batches = read(str(path), {}, report=report)
    return (
        outcome(lambda: read_likes(path, ITEMS)),
        outcome(lambda: collect(batches, ITEMS, LikeRules(), now_s=NOW_S, report=report)),
    )


LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
VALUES = {
    "user": st.sampled_from(["1", "ü", '"q', "", " 1", "007", "NA", "\\N", "x\x00"]),
    "item": st.sampled_from(["a", "b", "a@ja", "", "z", '"a"']),
    "event": st.sampled_from(["", "view", "buy", "Add to Cart", "addtocart", "yawn", "hide"]),
    "weight": st.sampled_from(["", "1", "1e-50", "1_0", "٣", "-1", "1e9", "nan", " 2 ", "x"]),
    "rating": st.sampled_from(["", "5", "inf", "good", "1e400", "0x10"]),
    "time": st.sampled_from(["", "1700000000", "1700000000123", "20240131", "NaT", "0", "soon"]),
}


@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=5), LINE_ENDS, st.booleans())
def test_both_readers_make_the_same_of_any_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], end: str, tabs: bool
) -> None:
    good = {**dict.fromkeys(VALUES, ""), "user": "1", "item": "a"}
    lines = [[*VALUES], *([row[name] for name in VALUES] for row in [good, *rows])]
    path = tmp_path_factory.mktemp("rows") / ("f.tsv" if tabs else "f.csv")
    path.write_bytes(end.join(("\t" if tabs else ",").join(line) for line in lines).encode())
    mine, theirs = both(path)
    assert mine == theirs


@given(st.binary(max_size=60), st.sampled_from(["f.csv", "f.tsv", "f.jsonl"]))
def test_both_readers_refuse_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("bytes") / name
    head = b'{"user": 1, "item": "a"}\n' if "json" in name else b"user,item\n1,a\n"
    path.write_bytes((head.replace(b",", b"\t") if "tsv" in name else head) + data)
    mine, theirs = both(path)
    assert mine == theirs


@pytest.mark.parametrize("name", ["f.jsonl", "f.parquet"])
def test_several_items_of_a_row_count_each(tmp_path: Path, name: str) -> None:
    """An order with its list of items is a like of each of them."""
    rows = [
        {"user": "u1", "item": ["a", "b"], "weight": [1, 2]},
        {"user": "u2", "item": ["a", "c"], "weight": [3]},
        {"user": "u3", "item": ["a", "b", "c"], "weight": [1, 2]},
    ]
    path = tmp_path / name
    if name.endswith("parquet"):
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        likes = read_likes(path, ITEMS)
        assert pairs(likes) == [("u1", "a"), ("u1", "b"), ("u2", "a"), ("u2", "c")]
        assert likes.weight.tolist() == [1, 2, 3, 3]
        assert likes.report == {"rows": 5, SEVERAL: 1, "positive interactions": 4}
    report: Counter[str] = Counter()
    found = collect(
        read(str(path), {}, report=report), ITEMS, LikeRules(), now_s=NOW_S, report=report
    )
    assert found.report == {"rows": 5, SEVERAL: 1, "positive interactions": 4}


def test_rows_of_another_length_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("user,item\n1\n1,a\n1,b,c\n")
    mine, theirs = both(path)
    assert mine == theirs
    assert mine[1] == {"rows": 3, RAGGED: 2, "positive interactions": 1}


def test_a_row_nested_too_deep_is_counted_by_both(tmp_path: Path) -> None:
    path = tmp_path / "likes.jsonl"
    deep = f'{{"user": "p", "item": "a", "more": {nested(300)}}}\n'
    path.write_text('{"user": "p", "item": "a"}\n' + deep)
    mine, theirs = both(path)
    assert mine == theirs
    assert mine[1] == {"rows": 2, "nested more than 200 levels deep": 1, "positive interactions": 1}
    path.write_text(deep)
    with pytest.raises(SourceError, match="none of the 1 interactions"):
        read_likes(path, {"a": "a"})


def test_items_within_objects(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    order = {"customer": {"id": 7}, "lines": [{"product": "a"}, {"product": "b"}]}
    path.write_text(json.dumps(order))
    fields = {"user": "customer.id", "item": "lines.product"}
    assert pairs(read_likes(path, ITEMS, fields=fields)) == [("7", "a"), ("7", "b")]


def test_ids_that_are_numbers_have_no_decimal_point(tmp_path: Path) -> None:
    """Programs write whole numbers beside empty cells as 101.0."""
    items = {"101": "101", "102": "102"}
    rows = [{"user": 1.0, "item": 101.0}, {"user": 2.0, "item": 102.0}]
    lines, table = tmp_path / "f.jsonl", tmp_path / "f.parquet"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), table)
    mine = read_likes(lines, items)
    assert pairs(mine) == [("1", "101"), ("2", "102")]
    for path in (lines, table):
        theirs = collect(read(str(path), {}), items, LikeRules(), now_s=NOW_S)
        assert theirs.read["digest"] == mine.digest()


def test_unknown_events_are_counted_by_name_and_many_are_worth_a_warning(tmp_path: Path) -> None:
    rows = [{"user": str(n), "item": "a", "event": "transaction"} for n in range(8)]
    rows += [{"user": "9", "item": "a", "event": "swipe"}]
    path = write(tmp_path / "f.tsv", rows)
    likes = read_likes(path, ITEMS)
    assert likes.report == {"rows": 9, "positive interactions": 8, "unknown event: swipe": 1}
    assert likes.weight.tolist() == [5] * 8
    assert str(warning_of(likes.report)).startswith("1 of 9 rows do not count")
    assert "--event swipe=1" in str(warning_of(likes.report))
    assert warning_of({**likes.report, "rows": 10}) is None
    given = read_likes(path, ITEMS, events={"swipe": 2, "purchase": 7})
    assert given.weight.tolist() == [7] * 8 + [2]
    rows = [{"user": str(n), "item": "a", "event": f"id-{n}"} for n in range(100)]
    many = read_likes(write(tmp_path / "g.tsv", [*rows, {"user": "1", "item": "a"}]), ITEMS)
    assert many.report["unknown events, others"] == 80


def test_of_rows_that_say_it_again_the_heaviest_and_the_first_count(tmp_path: Path) -> None:
    likes = read_likes(write(tmp_path / "f.csv", ROWS), ITEMS)
    assert pairs(likes) == [("1", "a"), ("2", "b"), ("2", "c"), ("ü", "c")]
    assert likes.weight.tolist() == [5, 1, 1, 0.5]
    assert likes.time[0] == 1735689600
    assert likes.time[3] == 1700000000
    assert np.isnan(likes.time[1:3]).all()


def test_order_does_not_matter_and_every_pair_does(tmp_path: Path) -> None:
    likes = read_likes(write(tmp_path / "f.csv", ROWS), ITEMS)
    turned = read_likes(write(tmp_path / "g.csv", ROWS[::-1]), ITEMS)
    assert turned.digest() == likes.digest()
    assert turned.priorities(3).tolist() == likes.priorities(3).tolist()
    assert likes.priorities(3).tolist() != likes.priorities(4).tolist()
    for left_out in range(len(likes)):
        assert likes.digest(np.arange(len(likes)) != left_out) != likes.digest()


def test_a_column_that_there_is_not_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", [{"user": "1", "item": "a"}])
    with pytest.raises(SourceError, match="'film' is no column; there are user, item"):
        read_likes(path, ITEMS, fields={"film": "item"})


def test_columns_of_other_names(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", [{"who": "1", "film": "a"}])
    assert pairs(read_likes(path, ITEMS, fields={"user": "who", "item": "film"})) == [("1", "a")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("f.csv", "", "has no interactions"),
        ("f.csv", "user,item\n", "has no interactions"),
        ("f.csv", "user,film\n1,a\n", "no field 'item' for item, but user, film"),
        ("f.csv", "user,item\n1,x\n2,y\n", "none of the 2 interactions"),
        ("f.csv", "user,item,time\n1,a,yesterday\n", "neither ISO 8601 nor a number"),
        ("f.csv", b"user,item\n\xff\xff,a\n", "cannot read"),
        ("f.csv.gz", "user,item\n", "cannot read"),
        ("f.jsonl", "{", "cannot read"),
        ("f.xlsx", "", "rows are read from .csv"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, name: str, text: str | bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceError, match=message):
        read_likes(path, ITEMS)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .*No such file"):
        read_likes(tmp_path / "f.csv", ITEMS)
