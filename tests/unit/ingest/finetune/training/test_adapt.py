"""Training further on a team's own texts: what is hidden, how languages are drawn, what is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from sentence_transformers.util import batch_to_device
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from devices import DEVICES
from ingest.cli.main import main
from ingest.encode.model_record import read_record
from ingest.finetune.data import training_set
from ingest.finetune.release.general_language import GeneralSet, read_general
from ingest.finetune.training import adapt as adapting
from ingest.finetune.training.adapt import Averages, Tried
from ingest.finetune.training.frozen_layers import freeze, layers_of
from ingest.finetune.training.language_sampling import chances
from ingest.finetune.training.masked_language_model import (
    HEAD,
    MaskedLanguageLoss,
    Masking,
    add_head,
    vocabulary_of,
    word_starts,
)
from ingest.finetune.training.trainer import Lesson
from ingest.finetune.training.weight_averaging import set_average, snapshot
from tiny_model import TEXTS
from training_data import make_training_set
from xlrec_es.errors import EncoderError, SourceError

SHORT = ("--learning-rate", "1e-2", "--batch-size", "16", "--dtype", "float32", "--device", "cpu")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapt") / "pairs"
    make_training_set().write(folder)
    return folder


@pytest.fixture(scope="module")
def model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a mask token, as those have that were trained to tell hidden words."""
    folder = tmp_path_factory.mktemp("masks") / "tiny"
    transformer = SentenceTransformer(str(tiny_model), device="cpu")
    transformer.tokenizer.add_special_tokens({"mask_token": "<mask>"})
    transformer[0].auto_model.resize_token_embeddings(
        len(transformer.tokenizer), mean_resizing=False
    )
    transformer.save(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> PreTrainedTokenizerBase:
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model)
    return loaded


def adapt(pairs: Path, folder: Path, model: Path, *more: object) -> Result:
    arguments = ("adapt", pairs, "-o", folder, "--model", model, *SHORT, *more)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_whole_words_are_hidden_and_never_the_prefix(tokenizer: PreTrainedTokenizerBase) -> None:
    vocabulary = np.arange(10, 50)
    masking = Masking(tokenizer, "query: ", vocabulary)
    texts = [f"query: {text}" for text in TEXTS[:4]] * 200
    ids = tokenizer(texts, padding=True, return_tensors="pt")["input_ids"]
    hidden, chosen = masking(ids, generator=torch.Generator().manual_seed(0))
    prefix = len(tokenizer("query: ")["input_ids"]) - 1
    assert not chosen[:, :prefix].any()
    special = torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
    assert not (chosen & special).any()
    assert torch.equal(hidden[~chosen], ids[~chosen])
    starts = torch.from_numpy(word_starts(tokenizer))[ids]
    for row in range(8):  # a word is hidden as a whole, or not at all
        words = (starts[row].cumsum(0) * ~special[row])[prefix:].tolist()
        for word in set(words) - {0}:
            places = [place + prefix for place, own in enumerate(words) if own == word]
            assert len({bool(chosen[row, place]) for place in places}) == 1
    can = ~special
    can[:, :prefix] = False
    assert float(chosen[can].float().mean()) == pytest.approx(0.15, abs=0.01)
    masked = hidden[chosen] == tokenizer.mask_token_id
    kept = hidden[chosen] == ids[chosen]
    assert float(masked.float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float(kept.float().mean()) == pytest.approx(0.1, abs=0.02)
    replaced = hidden[chosen][~masked & ~kept]
    assert set(replaced.tolist()) <= set(vocabulary.tolist())


def test_words_of_languages_without_spaces_are_pieces(tokenizer: PreTrainedTokenizerBase) -> None:
    starts = word_starts(tokenizer)
    japanese = tokenizer(TEXTS[5], add_special_tokens=False)["input_ids"]
    german = tokenizer("Kachelzahlen", add_special_tokens=False)["input_ids"]
    assert len(japanese) > 5
    letters = [tokenizer.convert_ids_to_tokens(token) for token in japanese]
    assert all(starts[t] for t, own in zip(japanese, letters, strict=True) if own.strip("▁。、"))
    assert starts[german].tolist() == [True] + [False] * (len(german) - 1)


def test_without_a_mask_token(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    with pytest.raises(EncoderError, match="has no mask token"):
        Masking(tokenizer, "", np.arange(9))


def test_rare_languages_are_drawn_more_than_their_share() -> None:
    languages = ["en"] * 900 + ["ja"] * 100
    for temperature, share in ((1, 0.1), (2, 0.25), (1e9, 0.5)):
        drawn = chances(languages, temperature)
        assert drawn.sum() == pytest.approx(1)
        assert drawn[900:].sum() == pytest.approx(share)


def test_weights_between_two_models() -> None:
    model = torch.nn.Linear(3, 2)
    old = snapshot(model)
    torch.nn.init.ones_(model.weight)
    new = snapshot(model)
    set_average(model, old, new, 0.25)
    torch.testing.assert_close(model.weight.data, 0.75 * old["weight"] + 0.25)
    set_average(model, old, new, 0)
    torch.testing.assert_close(model.weight.data, old["weight"], rtol=0, atol=0)


def test_the_best_average_that_has_not_forgotten_is_taken() -> None:
    base = Tried(0, 0.2, 0.95)
    some = (Tried(0.25, 0.21, 0.95), Tried(0.5, 0.23, 0.94), Tried(1, 0.3, 0.6))
    assert Averages(base, some).chosen.alpha == 0.5
    assert Averages(base, some).forgotten == ()
    lost = tuple(replace(one, general=0.6) for one in some)
    assert Averages(base, lost).chosen.alpha == 0.25
    assert "forgotten general language" in Averages(base, lost).forgotten[0]


def test_general_sentences(tmp_path: Path) -> None:
    general = read_general()
    assert len(general.sentences) == 12
    assert len(set(general.texts)) == len(general.texts)
    n = len(general.sentences["en"])
    perfect = np.tile(np.eye(n, dtype=np.float32), (12, 1))
    assert general.found(perfect).tolist() == [1] * n
    wrong = np.concatenate([np.roll(np.eye(n), k, axis=0) for k in range(12)]).astype(np.float32)
    assert general.found(wrong).mean() == 0
    own = tmp_path / "own.tsv"
    own.write_text("en\tde\nyes\tja\nno\tnein\n", encoding="utf-8")
    assert read_general(own) == GeneralSet({"en": ("yes", "no"), "de": ("ja", "nein")})
    for content, message in (("en\nyes\nno\n", "two languages"), ("en\tde\na\tb\nc\n", "line 3")):
        own.write_text(content, encoding="utf-8")
        with pytest.raises(SourceError, match=message):
            read_general(own)
    with pytest.raises(SourceError, match="cannot read"):
        read_general(tmp_path / "none.tsv")


@pytest.mark.parametrize("device", DEVICES)
def test_a_step_is_the_cpus(model: Path, device: str) -> None:
    """The same words are hidden; loss and gradients agree to a thousandth, without dropout."""
    steps = []
    for where in ("cpu", device):
        transformer = SentenceTransformer(str(model), device=where).eval()
        tokens = transformer.tokenizer(list(TEXTS))["input_ids"]
        vocabulary = vocabulary_of(tokens)
        add_head(transformer, vocabulary, seed=0)
        loss = MaskedLanguageLoss(transformer, Masking(transformer.tokenizer, "", vocabulary))
        features = batch_to_device(transformer.preprocess(list(TEXTS)), torch.device(where))
        found = loss([features], generator=torch.Generator().manual_seed(0))
        found.backward()
        gradients = {n: p.grad for n, p in transformer.named_parameters() if p.grad is not None}
        assert any(HEAD in name for name in gradients)
        steps.append({"loss": found.detach(), **gradients})
    torch.testing.assert_close(*steps, rtol=1e-3, atol=1e-5, check_device=False)


def test_at_first_the_head_alone_is_trained(
    pairs: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = []

    def recorded(lesson: Lesson, *_: object, **__: object) -> list[dict[str, float]]:
        stages.append({name for name, p in lesson.model.named_parameters() if p.requires_grad})
        return []

    monkeypatch.setattr(adapting, "train", recorded)
    assert adapt(pairs, tmp_path / "adapted", model, "--force").exit_code == 0
    head, whole = stages
    assert head == {name for name in whole if HEAD in name}
    assert any("encoder.layer.0." in name for name in whole - head)
    assert not any("word_embeddings" in name for name in whole)


def test_a_batch_of_which_nothing_is_hidden(model: Path) -> None:
    transformer = SentenceTransformer(str(model), device="cpu")
    freeze(transformer, layers_of(transformer, "tiny"), 0)
    features = transformer.preprocess([""])  # special tokens alone
    vocabulary = vocabulary_of(features["input_ids"].tolist())
    add_head(transformer, vocabulary, seed=0)
    loss = MaskedLanguageLoss(transformer, Masking(transformer.tokenizer, "", vocabulary))
    found = loss([features])
    found.backward()
    assert found.item() == 0


@pytest.mark.parametrize("device", DEVICES)
def test_it_learns_to_tell_words(pairs: Path, model: Path, tmp_path: Path, device: str) -> None:
    folder = tmp_path / "adapted"
    more = ("--steps", 80, "--evaluate-every", 40, "--head-steps", 40, "--force", "--json")
    done = adapt(pairs, folder, model, *more, "--device", device)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    losses = summary["loss of other texts"]
    assert len(losses) == 3
    assert losses[-1] < losses[0] - 0.1
    assert [one["alpha"] for one in summary["tried"]] == [0, 0.25, 0.5, 0.75, 1]
    record = read_record(folder)
    assert record
    assert record["settings"]["alpha"] == summary["alpha"]
    before, after = (load_file(path / "model.safetensors") for path in (model, folder))
    assert before.keys() == after.keys()  # the head is gone
    rests = "embeddings.word_embeddings.weight"
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert rests not in changed
    assert SentenceTransformer(str(folder), device="cpu").encode("a fox").shape == (32,)
    assert not folder.with_name("adapted.checkpoints").exists()


def test_killed_and_resumed_it_comes_to_the_same(pairs: Path, model: Path, tmp_path: Path) -> None:
    """Killed in the second stage; the first one's head is in its checkpoints."""
    more = ("--steps", 20, "--evaluate-every", 5, "--head-steps", 5, "--force")
    whole = adapt(pairs, tmp_path / "whole", model, *more)
    assert whole.exit_code == 0, whole.output
    arguments = ["adapt", pairs, "-o", tmp_path / "killed", "--model", model, *SHORT, *more]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed").exists()
    refused = adapt(pairs, tmp_path / "killed", model, *more)
    assert refused.exit_code == 2
    assert "go on with --resume" in refused.stderr
    resumed = adapt(pairs, tmp_path / "killed", model, *more, "--resume")
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


def test_too_few_texts(pairs: Path, model: Path, tmp_path: Path) -> None:
    data = training_set.read(pairs)
    few = data.documents.work < 30
    documents = training_set.Documents(
        data.documents.work[few],
        tuple(own for own, kept in zip(data.documents.languages, few, strict=True) if kept),
        tuple(own for own, kept in zip(data.documents.texts, few, strict=True) if kept),
    )
    replace(data, documents=documents).write(tmp_path / "few")
    done = adapt(tmp_path / "few", tmp_path / "adapted", model)
    assert done.exit_code == 1
    assert "texts, and adapting needs 200" in done.stderr


def test_a_model_without_pooling(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    modules = [StaticEmbedding(tokenizer, embedding_dim=16), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "static"))
    done = adapt(pairs, tmp_path / "adapted", tmp_path / "static")
    assert done.exit_code == 1
    assert "it takes a transformer and a pooling of its tokens" in done.stderr
