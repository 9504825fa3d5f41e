"""Fine-tuning by the command, with a tiny model and without a cluster."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

import model_kinds
from devices import DEVICES
from ingest.encode.model_record import read_record
from ingest.encode.sentence_transformer import load_encoder
from ingest.finetune.data import training_set
from taste import SHORT, finetune
from tiny_model import TEXTS


def test_it_learns_what_goes_together(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    done = finetune(pairs, tmp_path / "tuned", tiny_model, *SHORT, "--steps", 60, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["steps"] == 60  # measured after 30 of them, not after 50 and 100
    assert summary["status"] == "accepted"
    assert summary["gain"]["low"] > 0
    record = read_record(tmp_path / "tuned")
    assert record
    losses = [value for _, value in record["curves"]["loss"]]
    assert losses[-1] < losses[0] - 0.3
    assert record["centering"] == summary["centering"]
    assert record["data"]["pairs"] == summary["pairs of texts"]
    assert "| tuned |" in (tmp_path / "tuned/README.md").read_text()
    assert not (tmp_path / "tuned.checkpoints").exists()
    vectors = load_encoder(str(tmp_path / "tuned")).encode(["Schach", "素早い狐", "パズルゲーム"])
    assert float(vectors[0] @ vectors[1]) > float(vectors[0] @ vectors[2]) + 0.2


def test_what_does_not_help_is_kept_and_marked(
    pairs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    in_vain = ("--learning-rate", "1e-12", "--steps", 1, "--batch-size", 8, "--layers", 1)
    done = finetune(pairs, tmp_path / "tuned", tiny_model, *in_vain)
    assert done.exit_code == 4
    assert "rejected" in done.stdout
    record = read_record(tmp_path / "tuned")
    assert record
    assert record["status"] == "rejected"
    assert "not significantly better than its base" in record["reasons"][0]
    assert "**Rejected.**" in (tmp_path / "tuned/README.md").read_text()
    forced = finetune(pairs, tmp_path / "tuned", tiny_model, *in_vain, "--force", "--json")
    assert forced.exit_code == 0
    assert json.loads(forced.stdout)["status"] == "forced"
    assert "**Forced.**" in (tmp_path / "tuned/README.md").read_text()


def test_a_prompt_is_named_as_for_a_run(pairs: Path, tmp_path: Path) -> None:
    prompts = {"query": "find: ", "document": "item: "}
    base = model_kinds.build_encoder(tmp_path / "base", prompts=prompts)
    more = ("--steps", 1, "--batch-size", 8, "--layers", 1, "--force")
    done = finetune(pairs, tmp_path / "tuned", base, *more, "--prompt-name", "document")
    assert done.exit_code == 0, done.output
    assert load_encoder(str(tmp_path / "tuned")).prefix == "item: "
    both = ("--prompt-name", "document", "--prefix", "item: ")
    refused = finetune(pairs, tmp_path / "other", base, *more, *both)
    assert "--prefix is a prompt and --prompt-name names one" in refused.stderr


@pytest.mark.parametrize("device", DEVICES)
def test_adapters_mini_batches_and_short_vectors(
    pairs: Path, tiny_model: Path, tmp_path: Path, device: str
) -> None:
    more = ("--lora", 4, "--matryoshka", 8, "--mini-batch", 8, "--batch-size", 16, "--layers", 1)
    more += ("--steps", 4, "--learning-rate", "1e-2", "--force", "--gradient-checkpointing")
    done = finetune(pairs, tmp_path / "tuned", tiny_model, *more, "--device", device)
    assert done.exit_code == 0, done.output
    before, after = (
        load_file(folder / "model.safetensors") for folder in (tiny_model, tmp_path / "tuned")
    )
    assert before.keys() == after.keys()  # the adapters are in the weights
    changed = {name for name, weights in before.items() if not torch.equal(weights, after[name])}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)


@pytest.mark.parametrize("device", DEVICES)
def test_devices_come_to_the_same(
    pairs: Path, tiny_model: Path, tmp_path: Path, device: str
) -> None:
    """To a cosine of .999 after 20 steps, though dropout draws other numbers elsewhere."""
    vectors = []
    for number, where in enumerate(("cpu", device)):
        more = ("--steps", 20, "--learning-rate", "1e-4", "--dtype", "float32", "--force")
        done = finetune(pairs, tmp_path / str(number), tiny_model, *more, "--device", where)
        assert done.exit_code == 0, done.output
        vectors.append(load_encoder(str(tmp_path / str(number))).encode(TEXTS))
    assert (vectors[0] * vectors[1]).sum(axis=1).min() > 0.999


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (
            ("--learning-rate", "1e30", "--layers", "all"),
            1,
            r"(loss|gradient) is \w+ at step \d+; a",
        ),
        (("--batch-size", "100000"), 2, r"has \d+ pairs, and a model needs"),
    ],
)
def test_trouble_is_told(
    pairs: Path, tiny_model: Path, tmp_path: Path, more: tuple[str, ...], code: int, message: str
) -> None:
    done = finetune(pairs, tmp_path / "tuned", tiny_model, "--steps", 4, *more)
    assert done.exit_code == code
    assert re.search(message, done.stderr), done.stderr
    assert not (tmp_path / "tuned").exists()


def test_a_set_that_nothing_can_be_learned_from(
    pairs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    data = training_set.read(pairs)
    german = replace(data.documents, languages=("de",) * len(data.documents.languages))
    for number, (spoilt, message) in enumerate(
        (
            (replace(data, pairs=data.pairs.slice(0, 99)), "has 99 pairs, and a model needs 100"),
            (replace(data, documents=german), "has texts in one language only; it takes two"),
            (replace(data, cases=data.cases[:1]), "it takes cases of two users"),
        )
    ):
        spoilt.write(tmp_path / f"pairs {number}")
        done = finetune(tmp_path / f"pairs {number}", tmp_path / "tuned", tiny_model)
        assert done.exit_code == 2
        assert message in done.stderr
        assert not (tmp_path / "tuned").exists()


def test_a_target_planted_in_the_pairs_is_refused(
    pairs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    data = training_set.read(pairs)
    case = data.cases[0]
    like = pa.table([[case.user], [min(case.targets)]], schema=data.likes.schema)
    planted = replace(data, likes=pa.concat_tables([data.likes, like]))
    planted.write(tmp_path / "planted")
    done = finetune(tmp_path / "planted", tmp_path / "tuned", tiny_model)
    assert done.exit_code == 2
    assert "LEAK: " in done.stderr


def test_a_model_without_pooling_is_refused(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = SentenceTransformer(str(tiny_model), device="cpu").tokenizer
    words = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer._tokenizer, embedding_dim=16)], device="cpu"
    )
    words.save(str(tmp_path / "static"), create_model_card=False)
    done = finetune(pairs, tmp_path / "tuned", tmp_path / "static")
    assert done.exit_code == 1
    assert "it takes a transformer and a pooling of its tokens" in done.stderr
