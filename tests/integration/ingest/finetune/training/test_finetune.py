"""From interactions to recommendations by a fine-tuned encoder: a real node, a tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

import taste
from ingest.cli.main import main
from ingest.encode.model_record import measured_centering
from xlrec_es.cli.main import main as xlrec_es
from xlrec_es.evaluate.dataset import EvaluationJob, gather
from xlrec_es.evaluate.leakage import CLEAN, LEAKY
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.weighting import History, Interaction
from xlrec_es.recommend.recommender import Recommender

TRAINING = ("--steps", 60, "--layers", "all", "--learning-rate", "3e-3", "--batch-size", 32)

Command = Callable[..., Result]


@pytest.fixture
def command(es_url: str) -> Command:
    def run(*arguments: object) -> Result:
        texts = [str(argument) for argument in arguments]
        where = [] if texts[0] == "finetune" else ["--url", es_url]
        return CliRunner().invoke(main, [*texts, *where], catch_exceptions=False)

    return run


def found(es: Elasticsearch, index: str) -> list[str]:
    """Topics of the best Japanese works for whoever likes the first German ones of topic 0."""
    liked = [work for work, language, _ in taste.works() if language == "de" and work[0] == "0"]
    history = History(tuple(Interaction(work) for work in liked))
    items = Recommender(es, index).recommend(history, languages=["ja"], size=4).items
    return [item.work[0] for item in items]


def test_pairs_to_recommendations(
    es: Elasticsearch,
    es_url: str,
    index_name: str,
    command: Command,
    tiny_model: Path,
    tmp_path: Path,
) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text(
        "".join(
            json.dumps({"id": work, "language": language, "title": text}) + "\n"
            for work, language, text in taste.works()
        )
    )
    likes = taste.write_likes(tmp_path / "likes.tsv")
    model = tmp_path / "tuned"
    steps = (
        ("run", items, "--index", index_name, "--model", tiny_model, "--centering", "center"),
        ("pairs", likes, "--index", index_name, "-o", tmp_path / "pairs"),
        ("finetune", tmp_path / "pairs", "-o", model, "--model", tiny_model, *TRAINING),
        ("reencode", index_name, "--model", model, "--min-recall", 0.5, "--min-overlap", 0),
    )
    for step in steps:
        done = command(*step)
        assert done.exit_code == 0, done.output
    live = find_live(es, index_name)
    assert live.meta.fingerprint.model == "tuned"
    # What measured best for the model, though the index that was live is centered.
    assert live.meta.centering.method == measured_centering(str(model))
    assert found(es, index_name) == ["0"] * 4
    # The likes that it was fine-tuned on are known, and so which evaluation it has spoilt.
    states = [gather(es, EvaluationJob(likes, index_name, seed=seed)).encoder for seed in (0, 1)]
    assert states == [CLEAN, LEAKY]
    evaluation = ["evaluate", str(likes), "--url", es_url, "-i", index_name, "--seed", "1"]
    evaluation += ["--k", "5", "--max-users", "5"]
    assert "LEAK: the index's encoder" in " ".join(
        CliRunner().invoke(xlrec_es, evaluation).output.split()
    )
    refused = CliRunner().invoke(xlrec_es, ["tune", *evaluation[1:]])
    assert "fine-tuned on the very likes" in " ".join(refused.output.split())
