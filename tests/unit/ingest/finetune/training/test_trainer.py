"""Trainings that are stopped, killed, or in trouble, and those of two processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from ingest.encode.model_record import read_record
from ingest.finetune.release import gate
from ingest.finetune.training import ranking_loss, trainer
from ingest.finetune.training.checkpoint_folder import checkpoints_of
from taste import SHORT, finetune

FEW = ("--steps", 4, "--evaluate-every", 2, "--batch-size", 8, "--dtype", "float32", "--force")


@pytest.fixture(scope="session")
def whole(
    pairs: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, torch.Tensor]:
    """Weights after `FEW` steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "tuned"
    assert finetune(pairs, folder, tiny_model, *FEW).exit_code == 0
    return load_file(folder / "model.safetensors")


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


@pytest.mark.slow
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
