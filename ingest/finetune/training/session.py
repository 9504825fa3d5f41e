"""What every training does before and after: load the base, keep checkpoints, judge and write."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from ingest.encode.options import EMBEDDED, EncoderOptions
from ingest.encode.sentence_transformer import SentenceTransformerEncoder
from ingest.finetune.data.training_set import TrainingSet
from ingest.finetune.release import gate, model_folder
from ingest.finetune.release.comparison import Comparison, open_comparison
from ingest.finetune.release.model_card import Card
from ingest.finetune.training import checkpoint_folder
from ingest.finetune.training.frozen_layers import layers_of
from ingest.finetune.training.trainer import Schedule, is_first
from xlrec_es.vectors.vector import Vector

MAX_TOKENS = 64


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What every training is asked for.

    Attributes:
        pairs: Folder of `xlrec-ingest pairs`: its texts are learned, its cases measured on.
        folder: For the model.
        schedule: How long, and how fast.
        model: Base; see `ingest.encode.model_files.find`.
        options: How the encoder is run: prefix, tokens, device.
        resume: Go on from the last checkpoint.
        force: Accept the model whatever the gate says; its card says so.
    """

    pairs: Path
    folder: Path
    schedule: Schedule
    model: str = EMBEDDED
    options: EncoderOptions = field(default_factory=lambda: EncoderOptions(max_tokens=MAX_TOKENS))
    resume: bool = False
    force: bool = False

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints, beside the model's."""
        return checkpoint_folder.checkpoints_of(self.folder)

    def settings(self) -> dict[str, Any]:
        """What of this makes the model what it is, ready for JSON."""
        return {**asdict(self.schedule), "max_tokens": self.options.max_tokens}


class Encode:
    """An encoder that computes as the training does."""

    def __init__(self, encoder: SentenceTransformerEncoder, *, bf16: bool) -> None:
        self._encoder = encoder
        self._bf16 = bf16

    def __call__(self, texts: Sequence[str]) -> Vector:
        """See `Encoder.encode`."""
        model = self._encoder.transformer
        training = model.training
        model.eval()
        try:
            with torch.autocast(model.device.type, torch.bfloat16, enabled=self._bf16):
                return self._encoder.encode(texts)
        finally:
            model.train(training)


@dataclass(frozen=True, slots=True)
class Session:
    """One training, from the base that is loaded to the model that is written.

    Attributes:
        job: What is asked for.
        data: What is learned from.
        comparison: With the base; its encoder is the one that is trained.
        layers: Of the transformer.
        encode: What the encoder makes of texts, with the weights that it has at the time.
    """

    job: TrainingJob
    data: TrainingSet
    comparison: Comparison
    layers: nn.ModuleList
    encode: Encode

    @property
    def model(self) -> SentenceTransformer:
        """What is trained."""
        return self.comparison.encoder.transformer

    @property
    def prefix(self) -> str:
        """What is put before each text."""
        return self.comparison.encoder.prefix

    def prepare_checkpoints(self, settings: Mapping[str, Any]) -> Path:
        """See `checkpoint_folder.prepare`; of processes that train together, the first one does it.

        Args:
            settings: What makes the model what it is, ready for JSON.

        Returns:
            The folder of the checkpoints.

        Raises:
            UsageError: There are checkpoints of another run.
            TrainingFailed: The folder cannot be written.
        """
        if is_first():
            revision = self.comparison.files.revision
            settings = {**settings, "prefix": self.prefix}
            run = {"settings": settings, "pairs": self.data.digest, "base": revision}
            checkpoint_folder.prepare(self.job.folder, run, resume=self.job.resume)
        return self.job.checkpoints

    def publish(
        self, card: Card, base: Vector, tuned: Vector, *, reasons: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Judge the model, write it with its card, and remove the checkpoints.

        Args:
            card: With what is the training's own.
            base: Of the pool, as the base encoded it; see `Comparison.judge`.
            tuned: Likewise, by the model as it is now.
            reasons: Why the model is refused, beside the gate's.

        Returns:
            What every training tells of its model; see `gate.summary`.

        Raises:
            EncoderError: The folder cannot be written.
        """
        verdict = self.comparison.judge(base, tuned)
        verdict = replace(verdict, reasons=(*reasons, *verdict.reasons))
        card = gate.judged(card, self.data, verdict, force=self.job.force)
        written = model_folder.write_model(self.job.folder, self.model, card)
        shutil.rmtree(self.job.checkpoints, ignore_errors=True)
        files, judging = self.comparison.files, self.comparison.judging
        return gate.summary(written, files, card.status, verdict, judging)


def open_session(job: TrainingJob, data: TrainingSet) -> Session:
    """Load the base, in float32; nothing is written yet.

    Args:
        job: What is asked for.
        data: What is learned from; the training has seen that there is enough.

    Raises:
        SourceError: There are no two users to measure on.
        EncoderError: Something else is in the folder, or the base cannot be had or trained.
    """
    options = replace(job.options, dtype="float32")
    comparison = open_comparison(
        data, job.folder, model=job.model, options=options, seed=job.schedule.seed
    )
    encoder = comparison.encoder
    layers = layers_of(encoder.transformer, comparison.files.name)
    return Session(job, data, comparison, layers, Encode(encoder, bf16=job.schedule.bf16))
