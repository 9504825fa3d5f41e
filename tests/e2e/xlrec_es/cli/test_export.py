"""`xlrec-es export` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import write_catalogue, write_likes
from xlrec_es.cli.main import main

USERS = 24


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    return write_likes(tmp_path / "likes.tsv", USERS)


def export(likes: Path, url: str, index: str, *more: str) -> Result:
    arguments = ["export", str(likes), "--url", url, "-i", index, "-w", "collaborative=1", *more]
    return CliRunner().invoke(main, arguments)


def test_a_file_and_an_index_have_the_same_lists(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    output = tmp_path / "lists.jsonl"
    options = ("-l", "de", "-l", "ja", "-n", "4", "--include-field", "price", "--cap", "brand=2")
    done = export(likes, es_url, index_name, "-o", str(output), *options)
    assert done.exit_code == 0, done.output
    assert f"lists of {USERS - 1} of {USERS} users" in done.output
    assert "1 users have no list: nothing was found" in done.output, (
        "who likes all works of a topic"
    )
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert len({row["user"] for row in rows}) == USERS - 1
    assert {row["language"] for row in rows} == {"de", "ja"}
    assert all(row["source"]["price"] >= 0 for row in rows)
    into = f"{index_name}-lists"
    done = export(likes, es_url, index_name, "-o", f"index:{into}", "--json", *options)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["lists"], told["rows"], told["searched"]) == (USERS - 1, len(rows), {})
    found = es.search(index=into, size=1000, sort=["user", "rank"])["hits"]["hits"]
    by_user = sorted(rows, key=lambda row: (row["user"], row["rank"]))
    assert [hit["_source"] for hit in found] == by_user
    done = export(likes, es_url, index_name, "-o", f"index:{into}")
    assert done.exit_code == 1
    assert "there is an index" in done.output


def test_without_indicators_alone_lists_are_searched_for(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    output = str(tmp_path / "lists.parquet")
    done = export(likes, es_url, index_name, "-o", output, "-w", "dense=1")
    assert done.exit_code == 0, done.output
    assert f"{USERS} lists were searched for: retrievers" in done.output


def test_what_it_reads_is_not_replaced(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    done = export(likes, es_url, index_name, "-o", str(likes))
    assert done.exit_code == 2
    assert "is what the command reads" in done.output
    done = export(likes, es_url, index_name, "-o", "index:UPPER CASE")
    assert done.exit_code == 1
    assert not es.indices.exists(index="upper*", allow_no_indices=False)
    done = export(likes, es_url, index_name, "-o", f"index:{index_name}-l", "-l", "tlh")
    assert done.exit_code == 2
    assert not es.indices.exists(index=f"{index_name}-l")
