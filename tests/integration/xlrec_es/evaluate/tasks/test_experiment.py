"""`rank` and `search` are evaluated through a real node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import TOPICS, document, write_catalogue, write_likes
from xlrec_es.cli.main import main as xlrec_es


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    return write_likes(tmp_path / "likes.tsv", 60)


def evaluate(likes: Path, url: str, index: str, *more: object) -> dict[str, Any]:
    arguments = ["evaluate", likes, "--url", url, "-i", index, "--k", 5, "--json", *more]
    done = CliRunner().invoke(xlrec_es, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_rank_tells_what_a_user_likes_from_what_was_drawn(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    report = evaluate(likes, es_url, index_name, "--task", "rank")
    assert report["task"] == "rank"
    assert report["cases"] >= report["users"] > 20
    auc = {name: found["auc"] for name, found in report["systems"].items()}
    assert set(auc) == {"rank", "popularity", "bm25", "random"}
    assert auc["rank"]["low"] > 0.9
    assert auc["random"]["low"] < 0.5 < auc["random"]["high"]
    for other in ("popularity", "random"):
        gap = report["systems"][other]["rank is better by"]
        assert gap["auc"]["low"] > 0
        assert gap["ndcg@10"]["p_value"] < 0.001
    pairs = {(pair["source"], pair["target"]) for pair in report["pairs"]}
    assert pairs == {(s, t) for s in ("de", "en", "ja") for t in ("de", "en", "ja") if s != t}
    assert sum(pair["cases"] for pair in report["pairs"]) == report["cases"]
    again = evaluate(likes, es_url, index_name, "--task", "rank")
    assert {**again, "seconds": 0} == {**report, "seconds": 0}


def titled(topic: str, number: int, language: str) -> dict[str, object]:
    """A document whose title has a word of its topic, and one that all topics have."""
    body = document(topic, number, language)
    shared = f"name{number}"
    body["title"] = shared
    body["xlrec"] |= {"text": {language: f"{shared} {topic}"}}  # type: ignore[operator]
    return body


def test_search_finds_a_title_in_another_language(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    """Four items have each name, one of each topic: words alone cannot tell them apart."""
    extra = {
        f"{topic}-{number}@{language}": titled(topic, number, language)
        for topic in TOPICS
        for number in range(10)
        for language in ("de", "en", "ja")
    }
    write_catalogue(es, index_name, instead=extra)
    report = evaluate(likes, es_url, index_name, "--task", "search")
    assert report["cases"] > report["users"] > 20
    mine, alone = (report["systems"][name] for name in ("with taste", "without taste"))
    assert mine["recall"]["mean"] == alone["recall"]["mean"] == 1.0
    assert mine["mrr"]["low"] > alone["mrr"]["high"]
    assert alone["with taste is better by"]["mrr"]["low"] > 0
    for pair in report["pairs"]:
        assert pair["source"] != pair["target"]
        assert pair["systems"]["with taste"]["recall"]["mean"] == 1.0


def test_people_get_tables_and_one_sentence_of_what_is_wrong(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    shared = [str(likes), "--url", es_url, "-i", index_name, "--k", "5"]
    table = CliRunner().invoke(xlrec_es, ["evaluate", *shared, "--task", "rank"])
    assert table.exit_code == 0, table.output
    assert "ja to de" in table.stdout
    assert "popularity" in table.stdout
    for more, said in (
        (["--task", "rank", "--against", index_name], "are for lists; leave them out"),
        (["--task", "search", "--min-history", "50"], "no held-out item is to be had in"),
    ):
        done = CliRunner().invoke(xlrec_es, ["evaluate", *shared, *more])
        assert done.exit_code == 2, done.output
        assert said in " ".join(done.stderr.split())
