"""Pairs to fine-tune on, from an index of a real node; and the guard against leaks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from catalogue import TOPICS, WORKS_PER_TOPIC, write_catalogue
from ingest.cli.main import main
from ingest.finetune.data.training_set import (
    CLICK,
    CO_ENGAGED,
    RENDITION,
    TrainingSet,
    check_leaks,
    read,
)
from xlrec_es.errors import SourceError


def write_likes(path: Path, works: list[str], users: int) -> Path:
    """Each user likes most of a topic's works."""
    rng = np.random.default_rng(0)
    lines = ["user\titem"]
    for user in range(users):
        topic = TOPICS[user % len(TOPICS)]
        lines += [f"p{user}\t{topic}-{w}" for w in works if rng.random() < 0.7]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    return write_likes(tmp_path / "likes.tsv", [str(n) for n in range(WORKS_PER_TOPIC)], 80)


def pairs(likes: Path, index: str, url: str, folder: Path, *more: object) -> Result:
    arguments = ("pairs", likes, "--index", index, "--url", url, "-o", folder, *more)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def made(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> tuple[TrainingSet, dict[str, Any]]:
    write_catalogue(es, index_name)
    done = pairs(likes, index_name, es_url, tmp_path / "pairs", "--json")
    assert done.exit_code == 0, done.output
    return read(tmp_path / "pairs"), json.loads(done.stdout)


def test_pairs_cross_a_border_and_stay_within_a_taste(
    made: tuple[TrainingSet, dict[str, Any]],
) -> None:
    data, summary = made
    rows = data.pairs.to_pylist()
    assert len(rows) == summary["pairs"]
    for row in rows:
        assert row["anchor_language"] != row["positive_language"]
        topics = {row[side].partition("-")[0] for side in ("anchor_work", "positive_work")}
        assert len(topics) == 1
        assert row["anchor"].startswith(next(iter(topics)))
        assert (row["kind"] == RENDITION) == (row["anchor_work"] == row["positive_work"])
        assert row["weight"] > 0
    # Three works of each topic have a rendition in each of three languages.
    assert summary["kinds"][RENDITION] == 3 * 3 * len(TOPICS)
    totals: dict[str, float] = {}
    for row in rows:
        if row["kind"] == CO_ENGAGED:
            totals[row["anchor_work"]] = totals.get(row["anchor_work"], 0) + row["weight"]
    # Works are anchors as often as the root of how many like them.
    users = [data.users[data.numbers[work]] for work in totals]
    ratios = np.array(list(totals.values())) / np.sqrt(users)
    assert ratios == pytest.approx(ratios[0])
    assert np.mean(list(totals.values())) == pytest.approx(1)


def test_nothing_held_out_is_learned(made: tuple[TrainingSet, dict[str, Any]]) -> None:
    data, summary = made
    check_leaks(data)
    assert data.likes.num_rows == summary["training likes"]
    targets = {(case.user, target) for case in data.cases for target in case.targets}
    learned = {(row["user"], row["work"]) for row in data.likes.to_pylist()}
    assert targets
    assert not targets & learned
    assert data.users.sum() == len(learned)


def test_planted_targets_are_refused(made: tuple[TrainingSet, dict[str, Any]]) -> None:
    data, _ = made
    case = data.cases[0]
    target = min(case.targets)
    like = pa.table([[case.user], [target]], schema=data.likes.schema)
    with pytest.raises(SourceError, match=f"LEAK: '{target}' is held out for '{case.user}'"):
        check_leaks(replace(data, likes=pa.concat_tables([data.likes, like])))
    # A pair of works that no training like bears out can only come from elsewhere.
    row = data.pairs.slice(0, 1).to_pylist()[0]
    row |= {"anchor_work": "chess-4", "positive_work": "cooking-5"}
    planted = pa.Table.from_pylist([row], schema=data.pairs.schema)
    with pytest.raises(SourceError, match="of 1 pairs, such as 'chess-4' and 'cooking-5'"):
        check_leaks(replace(data, pairs=pa.concat_tables([data.pairs, planted])))


def test_they_are_shown_in_words(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    done = pairs(likes, index_name, es_url, tmp_path / "pairs", "--max-pairs-per-item", "3")
    assert done.exit_code == 0, done.output
    assert "co-engaged" in done.stdout
    assert any(f"{topic} {topic}club" in done.stdout for topic in TOPICS)
    counts = read(tmp_path / "pairs").pairs.filter(pa.compute.field("kind") == CO_ENGAGED)
    assert max(np.unique(counts.column("anchor_work"), return_counts=True)[1]) == 3


@pytest.mark.parametrize(
    ("works", "users", "message"),
    [
        # Works 3, 6 and 9 of each topic are in German alone.
        (
            ["0", "3", "4"],
            40,
            r"\d+ pairs across languages, and fine-tuning needs 100",
        ),
        (["3", "6", "9"], 40, "nothing to evaluate: of 39 users"),
    ],
)
def test_too_little_is_told(
    es: Elasticsearch,
    es_url: str,
    index_name: str,
    tmp_path: Path,
    works: list[str],
    users: int,
    message: str,
) -> None:
    write_catalogue(es, index_name)
    likes = write_likes(tmp_path / "few.tsv", works, users)
    done = pairs(likes, index_name, es_url, tmp_path / "pairs")
    assert done.exit_code == 2
    assert re.search(message, done.stderr), done.stderr
    assert not (tmp_path / "pairs").exists()


def test_one_language_is_told(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> None:
    live = write_catalogue(es, index_name)
    others = {"bool": {"must_not": {"term": {"xlrec.language": "de"}}}}
    for hit in es.search(index=live.name, query=others, size=1000)["hits"]["hits"]:
        es.delete(index=live.name, id=hit["_id"])
    done = pairs(likes, index_name, es_url, tmp_path / "pairs")
    assert done.exit_code == 2
    assert "has texts in de alone; pairs go over a language border" in done.stderr


def test_queries_and_hard_negatives(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    clicks = tmp_path / "clicks.tsv"
    rows = ["query\titem\tlanguage\tuser", "opening  book\tchess-4\ten\tstranger"]
    rows += ["opening book\tchess-4\ten\tother", "opening book\tchess-1@ja\ten\t", "soup\tnone\t\t"]
    # A part of each user's likes is held out; nothing of those is learned from clicks either.
    for user in range(80):
        topic = TOPICS[user % len(TOPICS)]
        rows += [f"by p{user}\t{topic}-{n}\ten\tp{user}" for n in range(WORKS_PER_TOPIC)]
    clicks.write_text("\n".join(rows) + "\n")
    more = ("--query-clicks", clicks, "--negatives", "2", "--json")
    done = pairs(likes, index_name, es_url, tmp_path / "pairs", *more)
    assert done.exit_code == 0, done.output
    data = read(tmp_path / "pairs")
    check_leaks(data)
    made = data.pairs.to_pylist()
    clicked = {
        (row["anchor"], row["positive_work"]): row["weight"] for row in made if row["kind"] == CLICK
    }
    assert clicked["opening book", "chess-4"] == pytest.approx(2 / 3)
    assert clicked["opening book", "chess-1"] == pytest.approx(1 / 3)
    held_out = {(f"by {case.user}", work) for case in data.cases for work in case.targets}
    assert held_out
    assert len(clicked) > len(held_out)
    assert not held_out & clicked.keys()
    numbers = data.numbers
    languages = dict(zip(data.documents.texts, data.documents.languages, strict=True))
    for row in made:
        assert len(row["negatives"]) == 2
        for text, work in zip(row["negatives"], row["negative_works"], strict=True):
            assert languages[text] == row["positive_language"]
            assert work != row["positive_work"]
            if row["kind"] == CO_ENGAGED:
                assert not data.together[numbers[row["anchor_work"]], numbers[work]]
                assert work != row["anchor_work"]
