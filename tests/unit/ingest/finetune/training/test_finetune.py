"""Fine-tuning with a tiny model, without a cluster: training, its parts, and the gate."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors import SafetensorError
from safetensors.torch import load_file
from scipy.sparse import csr_array
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from sentence_transformers.util import batch_to_device
from torch.nn.functional import cross_entropy

import taste
from devices import DEVICES
from ingest.cli.main import main
from ingest.encode.model_record import read_record
from ingest.encode.sentence_transformer import load_encoder
from ingest.finetune.data import training_set
from ingest.finetune.release import gate
from ingest.finetune.release.in_memory_evaluation import Examination
from ingest.finetune.training import ranking_loss, trainer
from ingest.finetune.training.batch_sampler import Drawn
from ingest.finetune.training.checkpoint_folder import checkpoints_of
from ingest.finetune.training.finetune import known_of
from ingest.finetune.training.frozen_layers import FrozenLayers, freeze, layers_of
from ingest.finetune.training.ranking_loss import CachedRankingLoss, Known, RankingLoss
from tiny_model import TEXTS
from xlrec_es.errors import SourceError
from xlrec_es.evaluate.protocol import Case

FEW = ("--steps", 4, "--evaluate-every", 2, "--batch-size", 8, "--dtype", "float32", "--force")
SHORT = ("--layers", "all", "--learning-rate", "3e-3", "--batch-size", "32", "--dtype", "float32")


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    taste.training_set(folder).write(folder)
    return folder


@pytest.fixture(scope="session")
def whole(
    pairs: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, torch.Tensor]:
    """Weights after `FEW` steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "tuned"
    assert finetune(pairs, folder, tiny_model, *FEW).exit_code == 0
    return load_file(folder / "model.safetensors")


def finetune(pairs: Path, folder: Path, model: Path, *more: object) -> Result:
    arguments = ("finetune", pairs, "-o", folder, "--model", model, "--device", "cpu", *more)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


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
    assert record["calibration"] == summary["calibration"]
    assert record["data"]["pairs"] == summary["pairs of texts"]
    assert "| tuned |" in (tmp_path / "tuned/README.md").read_text()
    assert not (tmp_path / "tuned.checkpoints").exists()
    vectors = load_encoder(str(tmp_path / "tuned")).encode(["Schach", "素早い狐", "パズルゲーム"])
    assert float(vectors[0] @ vectors[1]) > float(vectors[0] @ vectors[2]) + 0.2


def test_killed_and_resumed_it_comes_to_the_same(
    pairs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    more = (*SHORT, "--steps", 20, "--evaluate-every", 10, "--force")
    whole = finetune(pairs, tmp_path / "whole", tiny_model, *more)
    assert whole.exit_code == 0, whole.output
    arguments = ["finetune", pairs, "-o", tmp_path / "killed", "--model", tiny_model, *more]
    arguments += ["--device", "cpu", "--quiet"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_15, *map(str, arguments)], capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed").exists()
    assert "add" not in killed.stdout
    refused = finetune(pairs, tmp_path / "killed", tiny_model, *more)
    assert refused.exit_code == 2
    assert "go on with --resume" in refused.stderr
    other = finetune(pairs, tmp_path / "killed", tiny_model, *more, "--seed", 1, "--resume")
    assert other.exit_code == 2
    assert "of a run with other settings" in other.stderr
    # A checkpoint that was being written when it was killed.
    (tmp_path / "killed.checkpoints/checkpoint-15").mkdir()
    resumed = finetune(pairs, tmp_path / "killed", tiny_model, *more, "--resume")
    assert resumed.exit_code == 0, resumed.output
    one, other_ = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    for name, weights in one.items():
        torch.testing.assert_close(weights, other_[name], rtol=0, atol=0)
    assert not torch.equal(
        one["encoder.layer.1.output.dense.weight"],
        load_file(tiny_model / "model.safetensors")["encoder.layer.1.output.dense.weight"],
    )


KILLED_AT_15 = """
import os, signal, sys
from ingest.cli.main import main
from ingest.finetune.training import trainer
class Killed(trainer._Watch):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == 15:
            os.kill(os.getpid(), signal.SIGKILL)
trainer._Watch = Killed
main(sys.argv[1:])
"""


def test_a_run_that_stopped_early_stops_when_it_is_resumed(
    pairs: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--learning-rate", "1e-12", "--steps", 40, "--evaluate-every", 2, "--patience", 2)
    more += ("--batch-size", 8, "--layers", 1, "--force", "--json")
    with monkeypatch.context() as killed:
        killed.delattr(gate, "judge")
        ended = finetune(pairs, tmp_path / "tuned", tiny_model, *more)
    assert isinstance(ended.exception, AttributeError)
    done = finetune(pairs, tmp_path / "tuned", tiny_model, *more, "--resume")
    assert done.exit_code == 0, done.output
    # Three measurements, and a step after which it does not measure again: the best stays the best.
    assert json.loads(done.stdout)["steps"] == 7
    record = read_record(tmp_path / "tuned")
    assert record
    assert [step for step, _ in record["curves"]["recall on the way"]] == [0, 2, 4, 6]


def test_what_does_not_help_is_kept_and_marked(
    pairs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    in_vain = ("--learning-rate", "1e-12", "--steps", 1, "--batch-size", 8, "--layers", 1)
    done = finetune(pairs, tmp_path / "tuned", tiny_model, *in_vain)
    assert done.exit_code == 1
    assert "rejected" in done.stdout
    record = read_record(tmp_path / "tuned")
    assert record
    assert record["status"] == "rejected"
    assert "not better than its base" in record["reasons"][0]
    assert "**Rejected.**" in (tmp_path / "tuned/README.md").read_text()
    forced = finetune(pairs, tmp_path / "tuned", tiny_model, *in_vain, "--force", "--json")
    assert forced.exit_code == 0
    assert json.loads(forced.stdout)["status"] == "forced"
    assert "**Forced.**" in (tmp_path / "tuned/README.md").read_text()


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


def test_two_processes_train_together(pairs: Path, tiny_model: Path, tmp_path: Path) -> None:
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    more = ("--device", "cpu", "--quiet", *SHORT, "--steps", "30", "--json")
    arguments = ("finetune", pairs, "-o", tmp_path / "tuned", "--model", tiny_model, *more)
    done = subprocess.run(
        [sys.executable, *launch, "-m", "ingest", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)  # one of the two speaks
    assert summary["status"] == "accepted"
    assert summary["steps"] == 30


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


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("kind", "options"), [(RankingLoss, {}), (CachedRankingLoss, {"mini_batch_size": 3})]
)
def test_a_step_is_the_cpus(
    pairs: Path, tiny_model: Path, device: str, kind: type[RankingLoss], options: dict[str, int]
) -> None:
    """Loss and gradients of one step in float32, to a thousandth; without dropout."""
    known = known_of(training_set.read(pairs), 0.3)
    steps = []
    for where in ("cpu", device):
        model = SentenceTransformer(str(tiny_model), device=where).eval()
        layers = layers_of(model, "tiny")
        with FrozenLayers(model, layers, freeze(model, layers, 1)):
            features = [
                batch_to_device(model.preprocess(list(TEXTS[s])), torch.device(where))
                for s in (slice(0, 8), slice(7, None, -1))
            ]
            ranking_loss = kind(model, known, **options)(features, torch.arange(8, device=where))
            ranking_loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        assert gradients
        steps.append({"loss": ranking_loss.detach(), **gradients})
    torch.testing.assert_close(*steps, rtol=1e-3, atol=1e-5, check_device=False)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--learning-rate", "1e30", "--layers", "all"), r"(loss|gradient) is \w+ at step \d+; a"),
        (("--batch-size", "100000"), r"has \d+ pairs, and a model needs"),
    ],
)
def test_trouble_is_told(
    pairs: Path, tiny_model: Path, tmp_path: Path, more: tuple[str, ...], message: str
) -> None:
    done = finetune(pairs, tmp_path / "tuned", tiny_model, "--steps", 4, *more)
    assert done.exit_code == 1
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
            (replace(data, cases=data.cases[:1]), "it takes cases of two persons"),
        )
    ):
        spoilt.write(tmp_path / f"pairs {number}")
        done = finetune(tmp_path / f"pairs {number}", tmp_path / "tuned", tiny_model)
        assert done.exit_code == 1
        assert message in done.stderr
        assert not (tmp_path / "tuned").exists()


# What safetensors raises on a file system that is full.
DISK_IS_FULL = SafetensorError(
    "Error while serializing: I/O error: No space left on device (os error 28)"
)


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the checkpoint of the fourth step is written."""
    real = trainer.save_file

    def save(tensors: dict[str, torch.Tensor], path: Path) -> None:
        if path.parent.name == "checkpoint-4":
            raise DISK_IS_FULL
        real(tensors, path)

    monkeypatch.setattr(trainer, "save_file", save)


def fill_the_disk_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is trained, and the model cannot be written."""

    def save(*_: object, **__: object) -> None:
        raise DISK_IS_FULL

    monkeypatch.setattr(SentenceTransformer, "save", save)


def spoil_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the third step is no number, and so the weights are none from then on."""
    real, steps = ranking_loss.ranking_loss, iter(range(100))

    def spoilt(*args: Any, **options: Any) -> torch.Tensor:  # noqa: ANN401
        found = real(*args, **options)
        return found * torch.nan if next(steps) == 2 else found

    monkeypatch.setattr(ranking_loss, "ranking_loss", spoilt)


@pytest.mark.parametrize(
    ("trouble", "message", "kept"),
    [
        (fill_the_disk, "No space left on device", "checkpoint-2"),
        (spoil_the_loss, "the loss is nan at step 4", "checkpoint-2"),
        (fill_the_disk_for_the_model, "No space left on device", "checkpoint-4"),
    ],
)
def test_trouble_costs_no_more_than_the_steps_since_the_last_checkpoint(
    pairs: Path,
    tiny_model: Path,
    tmp_path: Path,
    whole: dict[str, torch.Tensor],
    trouble: Callable[[pytest.MonkeyPatch], None],
    message: str,
    kept: str,
) -> None:
    folder = tmp_path / "tuned"
    with pytest.MonkeyPatch.context() as monkeypatch:
        trouble(monkeypatch)
        done = finetune(pairs, folder, tiny_model, *FEW)
    assert done.exit_code == 1
    assert message in done.stderr
    assert not folder.exists()
    last = trainer.last_good(checkpoints_of(folder))
    assert last
    assert last.name == kept
    assert trouble is fill_the_disk_for_the_model or f"{last} is kept; go on from" in done.stderr
    resumed = finetune(pairs, folder, tiny_model, *FEW, "--resume")
    assert resumed.exit_code == 0, resumed.output
    found = load_file(folder / "model.safetensors")
    torch.testing.assert_close(found, whole, rtol=0, atol=0)


def test_a_target_planted_in_the_pairs_is_refused(
    pairs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    data = training_set.read(pairs)
    case = data.cases[0]
    like = pa.table([[case.person], [min(case.targets)]], schema=data.likes.schema)
    planted = replace(data, likes=pa.concat_tables([data.likes, like]))
    planted.write(tmp_path / "planted")
    done = finetune(tmp_path / "planted", tmp_path / "tuned", tiny_model)
    assert done.exit_code == 1
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


def test_batches_have_wrong_answers_in_the_language_of_each_right_one() -> None:
    rng = np.random.default_rng(0)
    languages = rng.choice(["de", "en", "fr", "ja", "zh", "ru", "pl", "ko"], 4000)
    lengths = rng.integers(5, 60, 4000)
    weights = rng.random(4000)
    sampler = Drawn(weights, languages.tolist(), lengths).batches(None, batch_size=64, seed=3)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 4000 // 64
    assert {len(batch) for batch in batches} == {64}
    alone = sum(
        Counter(languages[batch].tolist())[language] < 4
        for batch in batches
        for language in languages[batch]
    )
    assert alone < 0.02 * 4000
    # Padding to the longest wastes less than among pairs that are drawn at random.
    used = [lengths[batch].mean() / lengths[batch].max() for batch in batches]
    assert np.mean(used) > 0.6 > 33 / 59
    assert list(sampler) == batches
    sampler.set_epoch(1)
    assert list(sampler) != batches
    drawn = np.bincount(np.concatenate(batches), minlength=4000)
    assert drawn[weights > 0.5].mean() > 2 * drawn[weights < 0.5].mean()


def test_all_that_goes_with_a_text_is_right_and_the_popular_are_forgiven(tiny_model: Path) -> None:
    # Pairs of works (0, 1), (0, 2) and (3, 1'), the last in another language than in the first.
    works, texts = np.array([[0, 1], [0, 2], [3, 1]]), np.array([[0, 1], [0, 2], [3, 4]])
    together = np.eye(4, dtype=np.float32)
    together[0, 1] = together[1, 0] = 3
    together[0, 2] = together[2, 0] = 1
    correction = np.array([0, -0.5, -1, -2], np.float32)
    known = Known(texts, works, csr_array(together), correction)
    ranking_loss = RankingLoss(SentenceTransformer(str(tiny_model), device="cpu"), known, scale=10)
    embeddings = torch.randn(2, 3, 8, generator=torch.manual_seed(0))
    found = ranking_loss.compute_loss_from_embeddings(list(embeddings), torch.arange(3))
    every = torch.nn.functional.normalize(embeddings.reshape(6, 8))  # 0, 0, 3, 1, 2, 1'
    scores = every @ every.T * 10 - torch.tensor([0, 0, -2, -0.5, -1, -0.5])
    scores.fill_diagonal_(-1e9)
    scores[0, 1] = scores[1, 0] = -1e9  # one text, twice
    zero = [0, 0, 0, 3 / 7, 1 / 7, 3 / 7]
    one, two = [3 / 7, 3 / 7, 0, 0, 0, 1 / 7], [1 / 2, 1 / 2, 0, 0, 0, 0]
    right = torch.tensor([zero, zero, one, two, [3 / 7, 3 / 7, 0, 1 / 7, 0, 0]])
    asking = [0, 1, 3, 4, 5]  # nothing goes with 3
    torch.testing.assert_close(found, cross_entropy(scores[asking], right))


def test_a_batch_in_which_nothing_goes_together_teaches_nothing(tiny_model: Path) -> None:
    works = np.array([[0, 0], [1, 1]])  # texts that are the same in two languages
    known = Known(works, works, csr_array(np.eye(2, dtype=np.float32)), np.zeros(2, np.float32))
    ranking_loss = RankingLoss(SentenceTransformer(str(tiny_model), device="cpu"), known)
    found = ranking_loss.compute_loss_from_embeddings(list(torch.ones(2, 2, 8)), torch.arange(2))
    assert found == 0


def test_in_mini_batches_the_gradient_is_the_same(pairs: Path, tiny_model: Path) -> None:
    known = known_of(training_set.read(pairs), 0.3)
    gradients = []
    for kind, options in ((RankingLoss, {}), (CachedRankingLoss, {"mini_batch_size": 3})):
        model = SentenceTransformer(str(tiny_model), device="cpu").eval()
        features = [model.preprocess(list(TEXTS[s])) for s in (slice(0, 8), slice(7, None, -1))]
        ranking_loss = kind(model, known, **options)(features, torch.arange(8))
        ranking_loss.backward()
        weights = model[0].auto_model.encoder.layer[0].output.dense.weight
        gradients.append(weights.grad.clone())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("last", "trained"), [(0, []), (1, [1]), (2, [0, 1]), (9, [0, 1])])
def test_so_many_layers_are_trained(tiny_model: Path, last: int, trained: list[int]) -> None:
    model = SentenceTransformer(str(tiny_model), device="cpu")
    layers = layers_of(model, "tiny")
    assert freeze(model, layers, last) == 2 - len(trained)
    assert [n for n in range(2) if all(p.requires_grad for p in layers[n].parameters())] == trained
    n_trained = sum(p.requires_grad for p in model.parameters())
    assert n_trained == sum(len(list(layers[n].parameters())) for n in trained)


def test_frozen_layers_run_once_and_change_nothing(tiny_model: Path) -> None:
    encoder = load_encoder(str(tiny_model))
    model = encoder.transformer
    layers = layers_of(model, "tiny")
    assert freeze(model, layers, 1) == 1
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained
    assert all("encoder.layer.1." in name for name in trained)
    expected = encoder.encode(TEXTS)
    runs = Counter[str]()
    layers[0].attention.register_forward_hook(lambda *_: runs.update(["frozen"]))
    with FrozenLayers(model, layers, 1):
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
        seen = runs["frozen"]
        assert seen
        np.testing.assert_allclose(encoder.encode(TEXTS[::-1]), expected[::-1], atol=1e-6)
        assert runs["frozen"] == seen
        model(model.preprocess(list(TEXTS)))["sentence_embedding"].sum().backward()
        assert layers[1].output.dense.weight.grad is not None
        assert layers[0].output.dense.weight.grad is None
    with FrozenLayers(model, layers, 1, memory_bytes=0):
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)


def examination(persons: int) -> Examination:
    """Works a to f in de, g to l in en; all persons like a, b, k and l, every other one g, h, f."""
    works = tuple("abcdefghijkl")
    cases = [
        Case(f"p{person}", "de", ("a", "b"), frozenset("kl"), ("g",)) for person in range(persons)
    ]
    cases += [
        Case(f"p{person}", "en", ("g", "h"), frozenset("f")) for person in range(0, persons, 2)
    ]
    language = np.array(["de"] * 6 + ["en"] * 6)
    return Examination(works, tuple(cases), np.arange(12), language, works, k=3)


def test_lists_are_of_other_languages_and_of_what_is_not_known() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((12, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pool = examination(1)
    lists = pool.lists(vectors)
    scores = {
        work: np.max(vectors[:2] @ vectors[row])
        for row, work in enumerate(pool.works)
        if work in "hijkl"
    }
    assert [work for work, _ in lists[0]] == sorted(scores, key=lambda w: -scores[w])[:3]
    assert {work for work, _ in lists[1]} <= set("abcdef")
    assert pool.recall([(("k", "en"),), (("b", "de"),)]).tolist() == [0.5, 0]
    one, other = examination(10).halves(0)
    persons = [{case.person for case in half.cases} for half in (one, other)]
    assert [len(half) for half in persons] == [5, 5]
    assert not persons[0] & persons[1]
    with pytest.raises(SourceError, match="it takes cases of two persons"):
        examination(1).halves(0)


def test_a_gain_that_costs_one_pair_of_languages_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Among so few works, centring brings anything near anything.
    monkeypatch.setattr(Examination, "calibrated", lambda _, raw: {"none": raw})
    pool = examination(300)
    one, other = pool.halves(0)
    vectors = np.eye(12, dtype=np.float32)
    ignorant = vectors.copy()
    ignorant[[10, 11, 5]] = -vectors[[0, 1, 6]]  # k, l and f are far from what they go with
    wise, partial, other_part = ignorant.copy(), ignorant.copy(), ignorant.copy()
    wise[[10, 11, 5]] = vectors[[0, 1, 6]]
    partial[[10, 11]] = vectors[[0, 1]]
    other_part[5] = vectors[6]
    verdict = gate.judge(one, other, ignorant, wise, seed=0)
    assert verdict.reasons == ()
    assert verdict.gain.interval.mean == 1
    back = gate.judge(one, other, wise, ignorant, seed=0)
    assert "not better than its base" in back.reasons[0]
    assert len(back.reasons) == 3
    mixed = gate.judge(one, other, other_part, partial, seed=0)
    assert mixed.gain.interval.low > 0
    assert [reason.partition(":")[0] for reason in mixed.reasons] == [
        "from en to de it is worse than its base"
    ]
