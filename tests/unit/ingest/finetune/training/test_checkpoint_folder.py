"""A run of training that can be stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.finetune.training import checkpoint_folder
from xlrec_es.errors import UsageError

RUN = {"settings": {"steps": 10}, "pairs": "abc"}


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The folder of a model whose training has written a checkpoint, and no model yet."""
    model = tmp_path / "model"
    checkpoint = checkpoint_folder.prepare(model, RUN, resume=False) / "checkpoint-5"
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text("{}")
    return model


def test_the_same_run_goes_on(stopped: Path) -> None:
    assert checkpoint_folder.has_checkpoint(checkpoint_folder.prepare(stopped, RUN, resume=True))


def test_what_is_there_is_not_thrown_away_unasked(stopped: Path) -> None:
    with pytest.raises(UsageError, match="--resume"):
        checkpoint_folder.prepare(stopped, RUN, resume=False)


def test_another_run_is_refused_by_what_differs(stopped: Path) -> None:
    with pytest.raises(UsageError, match="with other pairs; repeat"):
        checkpoint_folder.prepare(stopped, {**RUN, "pairs": "other"}, resume=True)


@pytest.mark.parametrize("note", [None, "half a no"])
def test_checkpoints_of_nobody_knows_what_are_refused(stopped: Path, note: str | None) -> None:
    path = checkpoint_folder.checkpoints_of(stopped) / "run.json"
    path.unlink()
    if note is not None:
        path.write_text(note)
    with pytest.raises(UsageError, match=r"run\.json cannot be read.*remove the folder"):
        checkpoint_folder.prepare(stopped, RUN, resume=True)


def test_a_folder_of_something_else_is_not_thrown_away(tmp_path: Path) -> None:
    checkpoints = checkpoint_folder.checkpoints_of(tmp_path / "model")
    checkpoints.mkdir()
    checkpoint_folder.prepare(tmp_path / "model", RUN, resume=False)  # it was empty
    checkpoint_folder.prepare(tmp_path / "model", RUN, resume=False)  # stopped at its beginning
    (checkpoints / "run.json").unlink()
    (checkpoints / "best.pt").write_text("of great value")
    with pytest.raises(UsageError, match=r"model\.checkpoints is where .* has something else"):
        checkpoint_folder.prepare(tmp_path / "model", RUN, resume=False)
    assert (checkpoints / "best.pt").read_text() == "of great value"
