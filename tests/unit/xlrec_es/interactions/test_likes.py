"""Likes as the query side reads them: the same as the worker's, to the digest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from ingest.indicators.interaction_matrix import LikeRules, collect
from ingest.indicators.interaction_reader import read
from xlrec_es.errors import SourceError
from xlrec_es.interactions.likes import Likes, read_likes

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
    return [
        (likes.persons[p], likes.works[w]) for p, w in zip(likes.person, likes.work, strict=True)
    ]


@pytest.mark.parametrize("name", ["f.csv", "f.tsv", "f.csv.gz", "f.jsonl", "f.jsonl.gz"])
@pytest.mark.parametrize("min_rating", [None, 7.0])
def test_reads_what_the_worker_reads(tmp_path: Path, name: str, min_rating: float | None) -> None:
    # Times apart: the worker takes one kind in a file.
    rows = [row for row in ROWS if not row.get("time", "").isdigit()]
    path = write(tmp_path / name, rows)
    mine = read_likes(path, ITEMS, min_rating=min_rating)
    theirs = collect(read(str(path), {}), ITEMS, LikeRules(min_rating=min_rating), now_s=NOW_S)
    assert mine.digest() == theirs.read["digest"]
    assert len(mine) == theirs.read["likes"] == theirs.matrix.nnz > 0
    assert mine.report == theirs.report


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
