"""Evaluation through a real node: what is measured is what would be served."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import (
    LANGUAGES,
    TOPICS,
    WORKS_PER_TOPIC,
    document,
    write_catalogue,
    write_likes,
)
from ingest.cli.main import main as xlrec_ingest
from xlrec_es import History, Recommender
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.evaluate.catalogue import read_pool
from xlrec_es.evaluate.dataset import EvaluationJob
from xlrec_es.evaluate.protocol import POOLS
from xlrec_es.evaluate.systems import AGAINST, RECOMMENDER
from xlrec_es.report.evaluation_page import render


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    return write_likes(tmp_path / "likes.tsv", 80)


def invoke(program: Any, *arguments: object) -> str:  # noqa: ANN401 - a click command
    done = CliRunner().invoke(program, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return done.stdout


def evaluate(likes: Path, url: str, index: str, *more: object) -> dict[str, Any]:
    text = invoke(
        xlrec_es, "evaluate", likes, "--url", url, "-i", index, "--k", 10, "--json", *more
    )
    report: dict[str, Any] = json.loads(text)
    return report


def test_same_seed_and_index_same_numbers_to_the_last_digit(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    first, again = (evaluate(likes, es_url, index_name, "--max-users", 30) for _ in range(2))
    del first["seconds"], again["seconds"]
    assert first == again
    other = evaluate(likes, es_url, index_name, "--max-users", 30, "--seed", 1)
    assert other["pools"] != first["pools"]


def test_systems_are_compared_and_taste_is_found(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    live = write_catalogue(es, index_name)
    report = evaluate(likes, es_url, index_name, "--against", live.name)
    assert report["cases"] >= report["users"] > 40
    for pool in POOLS:
        systems = report["pools"][pool]["systems"]
        recall = {name: system["measures"]["recall"] for name, system in systems.items()}
        assert recall[RECOMMENDER]["low"] > recall["random"]["high"]
        assert recall[RECOMMENDER]["low"] > recall["popularity"]["high"]
        assert recall[AGAINST] == recall[RECOMMENDER], "the same index, evaluated beside itself"
        assert systems["random"]["recommender is better by"]["recall"]["p_value"] < 0.001
        pairs = {(pair["source"], pair["target"]) for pair in systems["random"]["pairs"]}
        assert pairs == {(a, b) for a in LANGUAGES for b in LANGUAGES if a != b}
    cross, mixed = (report["pools"][pool]["systems"][RECOMMENDER]["measures"] for pool in POOLS)
    assert cross["source share"]["mean"] == 0 < mixed["source share"]["mean"]
    assert report["pools"]["mixed"]["source share of the pool"] > 0.4


def test_where_every_work_is_in_every_language_each_counts_in_one_of_them(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    everywhere = {
        f"{topic}-{number}@{language}": document(topic, number, language)
        for topic in TOPICS
        for number in range(WORKS_PER_TOPIC)
        for language in LANGUAGES
    }
    live = write_catalogue(es, index_name, instead=everywhere)
    command = ["evaluate", str(likes), "--url", es_url, "-i", index_name]
    assert "use --language-versions one" in " ".join(
        CliRunner().invoke(xlrec_es, command).output.split()
    )
    drawn = read_pool(es, live).in_one_language(0).languages
    assert {language for [language] in drawn.values()} == set(LANGUAGES)
    alone = {f"{work}@{language}" for work, [language] in drawn.items()}
    world = {id_: body for id_, body in everywhere.items() if id_ in alone}
    write_catalogue(es, f"{index_name}-world", instead=world)
    report = evaluate(likes, es_url, index_name, "--language-versions", "one", "--max-users", 20)
    expected = evaluate(likes, es_url, f"{index_name}-world", "--max-users", 20)
    assert report["cases"] == expected["cases"] > 20
    for pool in POOLS:
        systems = report["pools"][pool]["systems"]
        # BM25 counts words over all documents of the index, so its scores are others; and which of
        # equal vectors are among those that kNN looks at is decided by each index's own graph.
        for name in systems.keys() - {RECOMMENDER, "lexical alone"}:
            found, wanted = systems[name], expected["pools"][pool]["systems"][name]
            if name == "dense alone":
                recalls = [one["measures"]["recall"]["mean"] for one in (found, wanted)]
                assert recalls[0] == pytest.approx(recalls[1], abs=0.02)
                continue
            assert found["measures"] == wanted["measures"], name
            assert found["pairs"] == wanted["pairs"], name
    plan = Recommender(es, index_name).plan(History.of(["chess-0", "chess-5"]))
    assert set(plan.profile.texts) == set(LANGUAGES)
    german = replace(History.of(["chess-0", "chess-5"]), languages=("de",))
    assert set(Recommender(es, index_name).plan(german).profile.texts) == {"de"}


def test_cold_works_are_a_pool_of_their_own(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    options = ("--k", 4, "--cold-items", 0.4, "--max-users", 40)
    where = ("--url", es_url, "-i", index_name)
    training = tmp_path / "training.tsv"
    invoke(xlrec_es, "evaluate", likes, *where, *options, "--write-training", training)
    invoke(xlrec_ingest, "learn", training, *where)
    report = evaluate(likes, es_url, index_name, *options)
    assert report["indicators"]["state"] == "clean"
    known = {line.split("\t")[1] for line in training.read_text().splitlines()[1:]}
    cold = {f"{topic}-{n}" for topic in TOPICS for n in range(WORKS_PER_TOPIC)} - known
    pool = report["pools"]["cold"]
    assert pool["items"] == len(cold) == 16
    assert report["pools"]["cross"]["cases"] >= pool["cases"] > 20
    recall = {name: system["measures"]["recall"] for name, system in pool["systems"].items()}
    assert recall[RECOMMENDER]["low"] > recall["random"]["high"], "what is inherited tells topics"
    assert recall["item cosine"]["mean"] == 0, "nobody likes them"
    assert pool["systems"]["random"]["coverage"] == 1, "of the cold works"
    alone = evaluate(likes, es_url, index_name, *options, "--pool", "cold")
    assert alone["pools"] == {"cold": pool}
    titles = {f"{topic.title()} {number}" for topic, number in (w.split("-") for w in cold)}
    shown = [
        entry for sample in alone["samples"] for own in sample["lists"].values() for entry in own
    ]
    assert {entry["title"] for entry in shown} <= titles
    text = render(alone)
    assert "cold pool" in text
    assert "--cold-items 0.4" in text
    few = evaluate(likes, es_url, index_name, "--k", 16, *options[2:])
    assert any("lists have 16 places" in note for note in few["notes"])
    assert set(few["pools"]) == set(POOLS)
    # Where all works are known there is none, and who asks for it is told.
    for command, message in (
        ("evaluate", "0 users have a target that no user likes"),
        ("tune", "weights are for lists of all works"),
    ):
        done = CliRunner().invoke(xlrec_es, [command, str(likes), *where, "--pool", "cold"])
        assert done.exit_code == 2
        assert message in " ".join(done.output.split())


def test_an_index_with_other_works_is_no_obstacle(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    write_catalogue(es, f"{index_name}-other", {"new": document("chess", 77, "ja")})
    cooking = {"bool": {"filter": [{"prefix": {"xlrec.work": "cooking"}}]}}
    hits = es.search(index=f"{index_name}-other", query=cooking, size=1000)["hits"]["hits"]
    es.bulk(
        operations=[{"delete": {"_index": hit["_index"], "_id": hit["_id"]}} for hit in hits],
        refresh=True,
    )
    report = evaluate(likes, es_url, index_name, "--against", f"{index_name}-other")
    systems = report["pools"]["cross"]["systems"]
    gap = systems[AGAINST]["recommender is better by"]["recall"]
    assert gap["low"] > 0, "a quarter of the users get nothing from it"


def test_indicators_learned_on_targets_are_found_and_those_of_the_training_part_pass(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    where = ("--url", es_url, "-i", index_name)
    invoke(xlrec_ingest, "learn", likes, *where)
    leaky = evaluate(likes, es_url, index_name)
    assert leaky["indicators"]["state"] == "leaky"
    assert any(note.startswith("LEAK") for note in leaky["notes"])
    training = tmp_path / "training.tsv"
    invoke(xlrec_es, "evaluate", likes, *where, "--k", 10, "--write-training", training)
    invoke(xlrec_ingest, "learn", training, *where)
    honest = evaluate(likes, es_url, index_name)
    assert honest["indicators"]["state"] == "clean"
    assert honest["notes"] == []
    # Another seed holds other likes out, and the training part has seen some of them.
    assert evaluate(likes, es_url, index_name, "--seed", 1)["indicators"]["state"] == "unknown"


def test_people_get_tables(es: Elasticsearch, es_url: str, index_name: str, likes: Path) -> None:
    write_catalogue(es, index_name)
    text = invoke(xlrec_es, "evaluate", likes, "--url", es_url, "-i", index_name, "--k", 5)
    assert "cross pool" in text
    assert "mixed pool" in text
    assert "dense" in text


def test_the_training_part_is_read_by_the_same_fields(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    header, *rows = likes.read_text().splitlines()
    assert header.split("\t")[:2] == ["user", "item"]
    own, training = tmp_path / "own.tsv", tmp_path / "training.tsv"
    own.write_text(
        "\n".join(
            [
                f"customer\tsku\tdone\t{header}",
                *("\t".join([*row.split("\t")[:2], "purchase", row]) for row in rows),
            ]
        )
    )
    fields = ("--field", "user=customer", "--field", "item=sku", "--field", "event=done")
    where = ("--url", es_url, "-i", index_name, *fields)
    invoke(xlrec_es, "evaluate", own, *where, "--k", 4, "--write-training", training)
    invoke(xlrec_ingest, "learn", training, *where)
    report = json.loads(invoke(xlrec_es, "evaluate", own, *where, "--k", 4, "--json"))
    assert report["indicators"]["state"] == "clean"
    weights = {line.split("\t")[2] for line in training.read_text().splitlines()[1:]}
    assert weights == {"5"}, "of a purchase"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("user\titem\n", (), "has no interactions"),
        ("user\titem\np\tx\n", (), "none of the 1 interactions"),
        ("user\titem\np\tchess-3\np\tchess-6\n", (), "nothing to evaluate"),
        (None, ("--k", "31", "--pool", "cross"), "28 items compete in the cross pool for de"),
        (None, ("--k", "28", "--pool", "cross"), "use --k 5 or less"),
        (None, ("--field", "item"), "write NAME=FIELD"),
        (None, ("--split", "time"), "have no time"),
    ],
)
def test_what_is_wrong_is_named(
    es: Elasticsearch,
    es_url: str,
    index_name: str,
    likes: Path,
    text: str | None,
    options: tuple[str, ...],
    message: str,
) -> None:
    write_catalogue(es, index_name)
    if text is not None:
        likes.write_text(text)
    arguments = ["evaluate", str(likes), "--url", es_url, "-i", index_name, *options]
    done = CliRunner().invoke(xlrec_es, arguments)
    assert done.exit_code in (1, 2)
    assert message in " ".join(done.output.split())


def test_an_index_of_one_language_is_named(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    live = write_catalogue(es, index_name)
    foreign = {"bool": {"must_not": [{"term": {"xlrec.language": "de"}}]}}
    hits = es.search(index=live.name, query=foreign, size=1000)["hits"]["hits"]
    es.bulk(
        operations=[{"delete": {"_index": live.name, "_id": hit["_id"]}} for hit in hits],
        refresh=True,
    )
    done = CliRunner().invoke(xlrec_es, ["evaluate", str(likes), "--url", es_url, "-i", index_name])
    assert "documents in one language only (de)" in done.output


def test_the_job_is_written_down(likes: Path) -> None:
    assert EvaluationJob(likes, "shop", k=500).options().search.candidates == 500


def test_what_was_shown_and_clicked_is_read_from_indices(
    es: Elasticsearch, es_url: str, index_name: str
) -> None:
    """A service logs what it shows, by a recommender for each variant, and clicks beside it."""
    write_catalogue(es, index_name)
    shown, clicks = f"{index_name}-shown", f"{index_name}-clicks"
    recommender = Recommender(es, index_name)
    now = datetime.now(UTC)
    log: list[dict[str, Any]] = []
    for user in range(20):
        found = recommender.recommend(History.of(["chess-3"]), size=4)
        log += found.impressions(user=f"p{user}", variant="ab"[user % 2], time=now)
    assert (log[0]["place"], log[0]["index"]) == (1, f"{index_name}-xlrec-v1")
    assert log[0]["retrievers"].keys() <= {"dense", "lexical", "collaborative"}
    clicked = [row for row in log if row["variant"] == "b" and row["place"] <= 2]
    for index, rows in ((shown, log), (clicks, clicked)):
        keywords = {name: {"type": "keyword"} for name in ("user", "variant", "item")}
        es.indices.create(index=index, mappings={"properties": keywords})
        es.bulk(
            operations=[line for row in rows for line in ({"index": {"_index": index}}, row)],
            refresh=True,
        )
    arguments = ["compare-logs", f"index:{shown}", "--clicks", f"index:{clicks}", "--url", es_url]
    report = json.loads(invoke(xlrec_es, *arguments, "--json"))
    rates = {name: v["click-through rate"]["mean"] for name, v in report["variants"].items()}
    assert rates == {"a": 0, "b": 0.5}
    assert report["log"] == {"rows": 80}
    done = CliRunner().invoke(xlrec_es, [*arguments, "--field", "user=customer"])
    assert "has no field 'customer' for user" in done.output
