"""Tuning through a real node: what is better is written, what is noise is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from catalogue import SPARSE_FINGERPRINT, sparse_documents, write_catalogue, write_likes
from ingest.cli.main import main as xlrec_ingest
from xlrec_es import History, Recommender
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.index.live_index import find_live, update_meta
from xlrec_es.recommend.options import Options

MISLED = {"dense": 0.1, "popularity": 0.9}


@pytest.fixture
def likes(tmp_path: Path) -> Path:
    return write_likes(tmp_path / "likes.tsv", 100)


def tune(likes: Path, url: str, index: str, *more: str) -> dict[str, Any]:
    arguments = ["tune", str(likes), "--url", url, "-i", index, "--k", "3", "--json", *more]
    done = CliRunner().invoke(xlrec_es, arguments)
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_weights_that_mislead_are_replaced_and_served_and_those_that_do_not_stay(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    live = write_catalogue(es, index_name)
    update_meta(es, live, replace(live.meta, weights=MISLED))
    tried = tune(likes, es_url, index_name, "--dry-run", "--interests", "4")
    assert tried["accepted"]
    assert not tried["written"]
    assert find_live(es, index_name).meta.weights == MISLED
    assert {"max_interests": 4} in tried["options"]["tried"]
    report = tune(likes, es_url, index_name, "--interests", "4")
    assert report["written"]
    same = {"seconds": 0, "written": False}
    assert {**report, **same} == {**tried, **same}, "the same seed and index, the same numbers"
    assert report["gain on other users"]["low"] > 0
    for pool in report["on other users"].values():
        assert pool["proposed is better than it by"]["high"] >= 0, "no retriever alone is better"
    meta = find_live(es, index_name).meta
    proposed = report["proposed"]["weights"]
    assert meta.weights == {retriever: w for retriever, w in proposed.items() if w > 0}
    assert meta.tuning["before"]["weights"]["popularity"] == 0.9
    assert meta.tuning["gain"] == report["gain on other users"]
    found = report["options"]
    assert meta.options == ({} if found["proposed"] == found["before"] else found["proposed"])
    recommended = Recommender(es, index_name).recommend(History.of(["chess-3"]))
    assert set(recommended.items[0].retrievers) <= set(meta.weights)
    again = tune(likes, es_url, index_name)
    assert not again["accepted"], "what is left to gain is noise"
    assert find_live(es, index_name).meta.weights == meta.weights


def test_an_index_has_profile_options_of_its_own(es: Elasticsearch, index_name: str) -> None:
    live = write_catalogue(es, index_name)
    history = History.of([f"chess-{number}" for number in range(5)])
    usual = Recommender(es, index_name).plan(history)
    assert len(usual.profile.interests) == 5
    learned = replace(live.meta, indicators={"complete": True})
    update_meta(es, live, learned)
    carried = Recommender(es, index_name).plan(history)
    assert len(carried.profile.interests) == 4, "beside indicators a few are enough"
    update_meta(es, live, replace(learned, options={"max_interests": 2}))
    own = Recommender(es, index_name).plan(history)
    assert len(own.profile.interests) == 2
    asked = Options(max_interests=3)
    plan = Recommender(es, index_name, options=asked).plan(history)
    assert len(plan.profile.interests) == 3


@pytest.mark.parametrize(
    ("lines", "message"),
    [(100, "to learn weights takes 20 or more"), (None, "learned from the very likes")],
)
def test_what_it_cannot_learn_from_is_refused(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path, lines: int | None, message: str
) -> None:
    write_catalogue(es, index_name)
    where = ["--url", es_url, "-i", index_name]
    if lines is None:
        done = CliRunner().invoke(xlrec_ingest, ["learn", str(likes), *where])
        assert done.exit_code == 0, done.output
    else:
        likes.write_text("\n".join(likes.read_text().splitlines()[:lines]))
    done = CliRunner().invoke(xlrec_es, ["tune", str(likes), *where, "--k", "3"])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_learned_sparse_weights_get_a_weight_where_they_find_more(
    es_each: Elasticsearch, index_name: str, likes: Path
) -> None:
    """Vectors are those of other works here, and tokens name the topic that users like."""
    [node] = es_each.transport.node_pool.all()
    instead = sparse_documents(shuffled=True)
    write_catalogue(es_each, index_name, instead=instead, fingerprint=SPARSE_FINGERPRINT)
    report = tune(likes, node.base_url, index_name)
    assert report["written"]
    assert report["before"]["weights"]["sparse"] == 0
    assert report["proposed"]["weights"]["sparse"] > 0.1
    # Most of the whole is kept for indicators that may be learned yet.
    assert find_live(es_each, index_name).meta.weights["sparse"] > 0
    items = Recommender(es_each, index_name).recommend(History.of(["chess-3"])).items
    assert "sparse" in items[0].retrievers
    arguments = ["evaluate", str(likes), "--url", node.base_url, "-i", index_name, "--json"]
    done = CliRunner().invoke(xlrec_es, [*arguments, "--k", "3"])
    assert done.exit_code == 0, done.output
    for pool in json.loads(done.stdout)["pools"].values():
        recall = {n: one["measures"]["recall"]["mean"] for n, one in pool["systems"].items()}
        assert recall["sparse alone"] > recall["dense alone"]


def test_an_index_without_sparse_weights_is_not_asked_for_them(
    es: Elasticsearch, es_url: str, index_name: str, likes: Path
) -> None:
    write_catalogue(es, index_name)
    report = tune(likes, es_url, index_name, "--dry-run")
    assert "sparse" not in report["proposed"]["weights"]
    assert all("sparse" not in fold for fold in report["folds"])
