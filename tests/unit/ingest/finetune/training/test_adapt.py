"""Training further on a team's own texts, and which average with the base is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from transformers import AutoTokenizer

from devices import DEVICES
from ingest.cli.main import main
from ingest.encode.model_record import read_record
from ingest.finetune.data import training_set
from ingest.finetune.training import adapt as adapting
from ingest.finetune.training.adapt import Averages, Tried
from ingest.finetune.training.masked_language_model import HEAD
from ingest.finetune.training.trainer import Lesson
from training_data import make_training_set

SHORT = ("--learning-rate", "1e-2", "--batch-size", "16", "--dtype", "float32", "--device", "cpu")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapt") / "pairs"
    make_training_set().write(folder)
    return folder


def adapt(pairs: Path, folder: Path, model: Path, *more: object) -> Result:
    arguments = ("adapt", pairs, "-o", folder, "--model", model, *SHORT, *more)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_best_average_that_has_not_forgotten_is_taken() -> None:
    base = Tried(0, 0.2, 0.95)
    some = (Tried(0.25, 0.21, 0.95), Tried(0.5, 0.23, 0.94), Tried(1, 0.3, 0.6))
    assert Averages(base, some).chosen.alpha == 0.5
    assert Averages(base, some).forgotten == ()
    lost = tuple(replace(one, general=0.6) for one in some)
    assert Averages(base, lost).chosen.alpha == 0.25
    assert "forgotten general language" in Averages(base, lost).forgotten[0]


def test_at_first_the_head_alone_is_trained(
    pairs: Path, masked_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = []

    def recorded(lesson: Lesson, *_: object, **__: object) -> list[dict[str, float]]:
        stages.append({name for name, p in lesson.model.named_parameters() if p.requires_grad})
        return []

    monkeypatch.setattr(adapting, "train", recorded)
    assert adapt(pairs, tmp_path / "adapted", masked_model, "--force").exit_code == 0
    head, whole = stages
    assert head == {name for name in whole if HEAD in name}
    assert any("encoder.layer.0." in name for name in whole - head)
    assert not any("word_embeddings" in name for name in whole)


@pytest.mark.parametrize("device", DEVICES)
def test_it_learns_to_tell_words(
    pairs: Path, masked_model: Path, tmp_path: Path, device: str
) -> None:
    folder = tmp_path / "adapted"
    more = ("--steps", 80, "--evaluate-every", 40, "--head-steps", 40, "--force", "--json")
    done = adapt(pairs, folder, masked_model, *more, "--device", device)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    losses = summary["loss of other texts"]
    assert len(losses) == 3
    assert losses[-1] < losses[0] - 0.1
    assert [one["alpha"] for one in summary["tried"]] == [0, 0.25, 0.5, 0.75, 1]
    record = read_record(folder)
    assert record
    assert record["settings"]["alpha"] == summary["alpha"]
    before, after = (load_file(path / "model.safetensors") for path in (masked_model, folder))
    assert before.keys() == after.keys()  # the head is gone
    rests = "embeddings.word_embeddings.weight"
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert rests not in changed
    assert SentenceTransformer(str(folder), device="cpu").encode("a fox").shape == (32,)
    assert not folder.with_name("adapted.checkpoints").exists()


def test_killed_and_resumed_it_comes_to_the_same(
    pairs: Path, masked_model: Path, tmp_path: Path
) -> None:
    """Killed in the second stage; the first one's head is in its checkpoints."""
    more = ("--steps", 20, "--evaluate-every", 5, "--head-steps", 5, "--force")
    whole = adapt(pairs, tmp_path / "whole", masked_model, *more)
    assert whole.exit_code == 0, whole.output
    arguments = ["adapt", pairs, "-o", tmp_path / "killed", "--model", masked_model, *SHORT, *more]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed").exists()
    refused = adapt(pairs, tmp_path / "killed", masked_model, *more)
    assert refused.exit_code == 2
    assert "go on with --resume" in refused.stderr
    changed = (*more, "--resume", "--prefix", "item: ")
    otherwise = adapt(pairs, tmp_path / "killed", masked_model, *changed)
    assert "of a run with other settings" in " ".join(otherwise.stderr.split())
    resumed = adapt(pairs, tmp_path / "killed", masked_model, *more, "--resume")
    assert resumed.exit_code == 0, resumed.output
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    for name, weights in one.items():
        torch.testing.assert_close(weights, other[name], rtol=0, atol=0)


KILLED = """
import os, signal, sys
from ingest.cli.main import main
from ingest.finetune.training import trainer
steps = [13]
class Killed(trainer._Watch):
    def on_step_end(self, args, state, control, **_):
        steps[0] -= 1
        if not steps[0]:
            os.kill(os.getpid(), signal.SIGKILL)
trainer._Watch = Killed
main(sys.argv[1:])
"""


def test_too_few_texts(pairs: Path, masked_model: Path, tmp_path: Path) -> None:
    data = training_set.read(pairs)
    few = data.documents.work < 30
    documents = training_set.Documents(
        data.documents.work[few],
        tuple(own for own, kept in zip(data.documents.languages, few, strict=True) if kept),
        tuple(own for own, kept in zip(data.documents.texts, few, strict=True) if kept),
    )
    replace(data, documents=documents).write(tmp_path / "few")
    done = adapt(tmp_path / "few", tmp_path / "adapted", masked_model)
    assert done.exit_code == 2
    assert "texts, and adapting needs 200" in done.stderr


def test_a_model_without_pooling(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    modules = [StaticEmbedding(tokenizer, embedding_dim=16), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "static"))
    done = adapt(pairs, tmp_path / "adapted", tmp_path / "static")
    assert done.exit_code == 1
    assert "it takes a transformer and a pooling of its tokens" in done.stderr
