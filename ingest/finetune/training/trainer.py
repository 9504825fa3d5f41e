"""The training loop: sentence-transformers' trainer, with this project's batches, loss and measure.

Checkpoints hold what is trained alone, so that one of the last layers of a small model takes
megabytes; what is frozen comes from the base model again.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator
from torch import nn

from ingest.encode.devices import choose_devices, choose_dtype
from xlrec_es.errors import MissingExtra, TrainingFailed

try:
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback
except ImportError as error:
    raise MissingExtra.named("finetune", "Fine-tuning") from error

METRIC = "recall"
_WEIGHTS = "trained.safetensors"
_STATE = "trainer_state.json"
LOGGING_STEPS = 10

Told = Callable[[int, dict[str, float]], None]


def curves(
    log: Sequence[Mapping[str, float]], names: Mapping[str, str]
) -> dict[str, list[tuple[float, float]]]:
    """What was measured on the way, for the model's card: points (step, value) by name for people.

    Args:
        log: As `train` returns it.
        names: For people, of what stands in the log.
    """
    return {
        name: [(entry["step"], entry[key]) for entry in log if key in entry]
        for key, name in names.items()
    }


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long, and how fast.

    Attributes:
        steps: At most so many; a few more where they cannot be parted evenly.
        batch_size: Pairs in a batch, of all devices together.
        learning_rate: The highest; it rises over the first tenth and falls to nothing.
        evaluate_every: Steps between two measurements at most; all are as far apart, the last one
            after the last step, and a checkpoint is written after each.
        patience: Training stops after so many measurements without a new best; 0: it does not.
        seed: Of batches and dropout; the same on a CPU gives the same model.
        bf16: Whether it computes in bfloat16; the weights stay in float32.
        gradient_checkpointing: Less memory for more time.
    """

    steps: int = 500
    batch_size: int = 64
    learning_rate: float = 3e-4
    evaluate_every: int = 50
    patience: int = 3
    seed: int = 0
    bf16: bool = False
    gradient_checkpointing: bool = False


class _Trainer(SentenceTransformerTrainer):
    """Saves and loads what is trained; writes no card of its own."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:  # noqa: ANN401
        folder = Path(output_dir or self.args.output_dir or ".")
        folder.mkdir(parents=True, exist_ok=True)
        trained = {
            name: parameter.detach().cpu().contiguous()
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad
        }
        save_file(trained, folder / _WEIGHTS)

    def _load_from_checkpoint(self, checkpoint_path: str, model: Any = None) -> None:  # noqa: ANN401
        self.model.load_state_dict(load_file(Path(checkpoint_path) / _WEIGHTS), strict=False)

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Nothing: `model_folder` writes the card."""


class _Watch(TrainerCallback):
    """Stops at a loss that is no number, before a checkpoint is written; tells how far it is."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ANN401
        for name in ("loss", "grad_norm"):
            value = (logs or {}).get(name)
            if value is not None and not math.isfinite(float(value)):
                raise TrainingFailed(
                    f"the {name.replace('_norm', 'ient')} is {value} at step {state.global_step}; "
                    "a lower --learning-rate or --dtype float32 may help"
                )
        self._told(state.global_step, dict(logs or {}))


class _Patience(EarlyStoppingCallback):
    """Stops again, before another measurement, in a run that is resumed after it had stopped."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ANN401
        super().on_train_begin(args, state, control, **more)  # type: ignore[no-untyped-call]
        if self.early_stopping_patience_counter >= self.early_stopping_patience:
            control.should_training_stop = True


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is taught, to which model.

    Attributes:
        model: Its trainable parameters are trained; the best are in it afterwards.
        dataset: With the columns anchor, positive, any further ones for negatives, and label.
        loss: Takes the columns' features, and the labels.
        batches: See `ingest.finetune.training.batch_sampler.Drawn.batches`.
        evaluator: Returns `metric`; more is better.
        prompt: Is put before each text.
        metric: Its name.
    """

    model: SentenceTransformer
    dataset: Dataset
    loss: nn.Module
    batches: Callable[..., Any]
    evaluator: BaseEvaluator
    prompt: str
    metric: str = METRIC


def train(
    lesson: Lesson,
    schedule: Schedule,
    checkpoints: Path,
    *,
    resume: bool = False,
    told: Told = lambda _step, _logs: None,
) -> list[dict[str, float]]:
    """Train, and keep the best.

    Args:
        lesson: What.
        schedule: How long.
        checkpoints: Folder for them.
        resume: Go on from the last good one, if there is one.
        told: Is told the step and what was measured there.

    Returns:
        What was measured on the way; each entry has `step`.

    Raises:
        TrainingFailed: The loss is no number, memory or the disk is full, or whatever torch raises;
            the last good checkpoint is kept.
    """
    last = last_good(checkpoints) if resume else None
    try:
        trainer = make_trainer(lesson, schedule, checkpoints, told)
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except TrainingFailed as error:
        raise TrainingFailed(f"{error}. {_kept(checkpoints)}") from error
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error).partition("\n")[0]
        raise TrainingFailed(f"the training stopped: {reason}. {_kept(checkpoints)}") from error
    return [dict(entry) for entry in trainer.state.log_history]


def _kept(checkpoints: Path) -> str:
    last = last_good(checkpoints)
    if last is None:
        return "There was no checkpoint yet"
    return f"{last} is kept; go on from it with --resume once the cause is fixed"


def last_good(checkpoints: Path) -> Path | None:
    """The checkpoint of the most steps that was written to its end."""
    found = []
    for folder in checkpoints.glob("checkpoint-*"):
        try:  # this file is written last
            json.loads((folder / _STATE).read_bytes())
            found.append((int(folder.name.rpartition("-")[2]), folder))
        except (OSError, ValueError):
            continue
    return max(found)[1] if found else None


def make_trainer(
    lesson: Lesson, schedule: Schedule, checkpoints: Path, told: Told
) -> SentenceTransformerTrainer:
    """sentence-transformers' trainer, as `train` runs it; see there."""
    on_cpu = lesson.model.device.type == "cpu"
    rounds = math.ceil(schedule.steps / schedule.evaluate_every)
    every = math.ceil(schedule.steps / rounds)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        max_steps=rounds * every,
        per_device_train_batch_size=schedule.batch_size // world_size(),
        learning_rate=schedule.learning_rate,
        warmup_steps=0.1,  # a part of all steps
        seed=schedule.seed,
        bf16=schedule.bf16,
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        dataloader_drop_last=True,
        ddp_find_unused_parameters=False,
        prompts=lesson.prompt or None,
        batch_sampler=lesson.batches,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,  # the best is kept besides
        load_best_model_at_end=True,
        metric_for_best_model=lesson.metric,
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,
        logging_steps=math.gcd(LOGGING_STEPS, every),  # so that no loss goes unseen into a file
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
    )
    if schedule.gradient_checkpointing:
        backbone: Any = lesson.model[0].auto_model
        enable = getattr(backbone, "activation_checkpointing_enable", None)  # its new name
        (enable or backbone.gradient_checkpointing_enable)({"use_reentrant": False})
    callbacks: list[TrainerCallback] = [_Watch(told)]
    if schedule.patience:
        callbacks.append(_Patience(schedule.patience))
    trainer = _Trainer(
        model=lesson.model,
        args=arguments,
        train_dataset=lesson.dataset,
        loss=lesson.loss,
        evaluator=lesson.evaluator,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def world_size() -> int:
    """Processes that train together, under torchrun or accelerate."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes and speaks for all."""
    return int(os.environ.get("RANK", "0")) == 0


def own_device(wanted: str) -> str:
    """This process's device; see `ingest.encode.devices.choose_devices`."""
    devices = choose_devices(wanted)
    return devices[int(os.environ.get("LOCAL_RANK", "0")) % len(devices)]


def computes_in_bf16(dtype: str, device: str) -> bool:
    """Whether training computes in bfloat16; see `devices.choose_dtype`."""
    return choose_dtype(dtype, device) is torch.bfloat16
