"""A run of training that can be stopped: what it was about, and whether it may be gone on with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xlrec_es.errors import TrainingFailed, UsageError

_RUN = "run.json"
_STATE = "checkpoint-*/trainer_state.json"


def has_checkpoint(folder: Path) -> bool:
    """Whether there is one in it, or in a folder of a stage within it."""
    return any(folder.glob(_STATE)) or any(folder.glob(f"*/{_STATE}"))


def checkpoints_of(folder: Path) -> Path:
    """The folder of a model's checkpoints, beside the model's own."""
    return folder.with_name(f"{folder.name}.checkpoints")


def _is_own(checkpoints: Path) -> bool:
    """Whether a training made the folder: it notes first which run it is."""
    if not checkpoints.is_dir():
        return False
    return (checkpoints / _RUN).is_file() or not any(checkpoints.iterdir())


def prepare(folder: Path, run: Mapping[str, Any], *, resume: bool) -> Path:
    """See that what is there may be gone on from, or that nothing is.

    Args:
        folder: Of the model.
        run: What makes the model what it is, ready for JSON.
        resume: Whether a run is to be gone on with, if there is one.

    Returns:
        The folder of its checkpoints, beside the model's.

    Raises:
        UsageError: There are checkpoints of another run, or of one that was not asked for; or
            something else has the folder's name.
        TrainingFailed: The folder cannot be written.
    """
    checkpoints = checkpoints_of(folder)
    path = checkpoints / _RUN
    if has_checkpoint(checkpoints):
        if not resume:
            raise UsageError(
                f"{checkpoints} has checkpoints of a run that did not come to its end; go on "
                "with --resume, or remove the folder"
            )
        try:
            before, now = json.loads(path.read_bytes()), json.loads(json.dumps(run))
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{path} cannot be read, so there is no telling of which run the checkpoints in "
                f"{checkpoints} are; remove the folder"
            ) from error
        if differs := [name for name in now if now[name] != before.get(name)]:
            raise UsageError(
                f"the checkpoints in {checkpoints} are of a run with other "
                f"{' and '.join(differs)}; repeat its command with --resume, or remove the folder"
            )
        return checkpoints
    if checkpoints.exists() and not _is_own(checkpoints):
        raise UsageError(
            f"{checkpoints} is where checkpoints go, and has something else; move it, or give the "
            "model another name"
        )
    shutil.rmtree(checkpoints, ignore_errors=True)
    try:
        checkpoints.mkdir(parents=True)
        path.write_text(json.dumps(run), encoding="utf-8")
    except OSError as error:
        raise TrainingFailed(f"cannot write to {checkpoints}: {error.strerror}") from error
    return checkpoints
