"""Masked-language-model training on a team's own texts, and how much of it to keep.

First a new head is trained alone, so that its random weights do not spoil the model; then the
model's layers with it. Token vectors rest: those of words that the texts lack would only be pushed
away. In the end the weights are averaged with the base's, by as much as measures best among what
does not forget general language.

Source: Gururangan et al. 2020, "Don't Stop Pretraining"
(https://aclanthology.org/2020.acl-main.740).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator

from ingest.finetune.data import training_set
from ingest.finetune.data.training_set import TrainingSet
from ingest.finetune.release import gate
from ingest.finetune.release.general_language import TOLERANCE, GeneralSet, read_general
from ingest.finetune.release.in_memory_evaluation import Examination
from ingest.finetune.release.model_card import Card
from ingest.finetune.training import checkpoint_folder, masked_language_model
from ingest.finetune.training.batch_sampler import Drawn
from ingest.finetune.training.frozen_layers import freeze
from ingest.finetune.training.language_sampling import TEMPERATURE, chances
from ingest.finetune.training.masked_language_model import MaskedLanguageLoss, Masking
from ingest.finetune.training.session import Encode, Session, TrainingJob, open_session
from ingest.finetune.training.trainer import Lesson, Told, curves, train
from ingest.finetune.training.weight_averaging import ALPHAS, set_average, snapshot
from xlrec_es.errors import MissingExtra, SourceError
from xlrec_es.vectors.vector import Vector

try:
    from datasets import Dataset
except ImportError as error:
    raise MissingExtra.named("finetune", "Adapting a model") from error

MIN_TEXTS = 200
"""With fewer, a model learns them by heart and nothing else."""

METRIC = "less loss"

_HELD_OUT, _MAX_HELD_OUT = 0.05, 500  # part of the works, and most texts
_HEAD_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class AdaptJob:
    """What is asked for.

    Attributes:
        training: As for every training.
        head_steps: Steps of the head alone, before.
        temperature: See `ingest.finetune.training.language_sampling.chances`.
        general: File of `general_language.read_general`; None: its own sentences.
    """

    training: TrainingJob
    head_steps: int = 100
    temperature: float = TEMPERATURE
    general: Path | None = None

    def settings(self) -> dict[str, Any]:
        """What makes the model what it is, ready for JSON."""
        return {
            **self.training.settings(),
            "head_steps": self.head_steps,
            "temperature": self.temperature,
        }


@dataclass(frozen=True, slots=True)
class Tried:
    """One average of the base and what was trained.

    Attributes:
        alpha: Part of what was trained.
        recall: recall@k of the users that the average is chosen by.
        general: Part of general sentences whose translation is found.
    """

    alpha: float
    recall: float
    general: float


@dataclass(frozen=True, slots=True)
class Averages:
    """What was tried, and which is taken.

    Attributes:
        before: The base alone.
        tried: In order of alpha.
    """

    before: Tried
    tried: tuple[Tried, ...]

    @property
    def chosen(self) -> Tried:
        """The best that has not forgotten; where all have, the one that is nearest to the base."""
        remembers = [one for one in self.tried if not self._has_forgotten(one)]
        return max(remembers, key=lambda one: one.recall) if remembers else self.tried[0]

    @property
    def forgotten(self) -> tuple[str, ...]:
        """Why the chosen one is refused, if it is, in a sentence."""
        if not self._has_forgotten(self.chosen):
            return ()
        return (
            f"it has forgotten general language: the translations of {self.chosen.general:.1%} of "
            f"general sentences are found, with its base {self.before.general:.1%}",
        )

    def _has_forgotten(self, one: Tried) -> bool:
        return one.general < self.before.general - TOLERANCE

    def rows(self) -> list[dict[str, float]]:
        """As a table."""
        return [asdict(one) for one in (self.before, *self.tried)]


def adapt(job: AdaptJob, told: Told = lambda _step, _logs: None) -> dict[str, Any]:
    """Train, average, judge, and write.

    Args:
        job: What.
        told: Is told the step and what was measured there.

    Returns:
        A summary, ready for JSON.

    Raises:
        SourceError: The texts or the general sentences cannot be read, or are too few.
        EncoderError: The model cannot be had or trained, or its folder cannot be written.
        TrainingFailed: See `ingest.finetune.training.trainer.train`.
        UsageError: There are checkpoints of another run.
    """
    start = time.perf_counter()
    data = training_set.read(job.training.pairs)
    _check(data, job)
    general = read_general(job.general)
    session = open_session(job.training, data)
    checkpoints = session.prepare_checkpoints(job.settings())
    model, encode = session.model, session.encode
    texts, choosing = session.comparison.pool.texts, session.comparison.choosing
    base, old = encode(texts), snapshot(model)
    before = _try(0.0, base, choosing, general, encode)
    log = _train(job, session, checkpoints, told)
    new = snapshot(model)
    tried, found = [], {}
    for alpha in ALPHAS:
        set_average(model, old, new, alpha)
        found[alpha] = encode(texts)
        tried.append(_try(alpha, found[alpha], choosing, general, encode))
    averages = Averages(before, tuple(tried))
    alpha = averages.chosen.alpha
    set_average(model, old, new, alpha)
    card = Card(
        "xlrec-ingest adapt",
        "A multilingual encoder of texts, trained further on a catalog's own texts to tell words "
        f"that were hidden. Its weights are {1 - alpha:g} times the base's and {alpha:g} times "
        "those trained.",
        session.comparison.origin,
        prefix=session.prefix,
        settings={**job.settings(), "alpha": alpha},
        details={"Averages": averages.rows()},
        curves=_curves(log),
    )
    return {
        **session.publish(card, base, found[alpha], reasons=averages.forgotten),
        "alpha": alpha,
        "tried": averages.rows(),
        "texts": len(data.documents.texts),
        "loss of other texts": [loss for _, loss in card.curves["loss of other texts"]],
        "seconds": round(time.perf_counter() - start, 1),
    }


def _check(data: TrainingSet, job: AdaptJob) -> None:
    n_texts = len(data.documents.texts)
    if n_texts < MIN_TEXTS:
        raise SourceError(
            f"{job.training.pairs} has {n_texts} texts, and adapting needs {MIN_TEXTS}"
        )


class _Evaluator(BaseEvaluator):
    """How well words are told that were hidden in texts which are not trained on."""

    def __init__(self, loss: MaskedLanguageLoss, batches: Sequence[dict[str, Any]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = METRIC
        self._loss = loss
        self._batches = batches

    def __call__(self, *_: object, **__: object) -> dict[str, float]:
        return {METRIC: -masked_language_model.held_out_loss(self._loss, self._batches, seed=0)}


def _train(
    job: AdaptJob, session: Session, checkpoints: Path, told: Told
) -> list[dict[str, float]]:
    """Train the head, then the layers with it; the model has no head before and after."""
    data, model, layers = session.data, session.model, session.layers
    schedule, resume = job.training.schedule, job.training.resume
    texts = np.array(data.documents.texts, dtype=object)
    prefixed = [session.prefix + text for text in texts]
    tokens = model.tokenizer(
        prefixed, truncation=True, max_length=model.max_seq_length, verbose=False
    )["input_ids"]
    vocabulary = masked_language_model.vocabulary_of(tokens)
    loss = MaskedLanguageLoss(model, Masking(model.tokenizer, session.prefix, vocabulary))
    held_out = _held_out(data, schedule.seed)
    rows = np.flatnonzero(~held_out)
    languages = [data.documents.languages[row] for row in rows]
    lengths = np.array([len(tokens[row]) for row in rows], np.int64)
    lesson = Lesson(
        model=model,
        dataset=Dataset.from_dict({"text": [str(texts[row]) for row in rows]}),
        loss=loss,
        batches=Drawn(chances(languages, job.temperature), languages, lengths).batches,
        evaluator=_Evaluator(loss, _features(model, texts[held_out].tolist(), session.prefix)),
        prompt=session.prefix,
        metric=METRIC,
    )
    masked_language_model.add_head(model, vocabulary, seed=schedule.seed)
    head = replace(schedule, steps=job.head_steps, learning_rate=_HEAD_RATE)
    freeze(model, layers, 0)
    log = []
    if job.head_steps and not checkpoint_folder.has_checkpoint(checkpoints / "whole"):
        log = train(lesson, head, checkpoints / "head", resume=resume, told=told)
    freeze(model, layers, len(layers))
    more = train(lesson, schedule, checkpoints / "whole", resume=resume, told=told)
    masked_language_model.remove_head(model)
    steps = max((entry["step"] for entry in log), default=0)
    return [*log, *({**entry, "step": entry["step"] + steps} for entry in more)]


def _held_out(data: TrainingSet, seed: int) -> NDArray[np.bool_]:
    """Which texts are not trained on, shape (n_texts,): all language versions of some works."""
    order = np.random.default_rng(seed).permutation(len(data.works))
    sizes = np.bincount(data.documents.work, minlength=len(data.works))[order]
    wanted = min(_MAX_HELD_OUT, max(1, round(_HELD_OUT * len(data.documents.texts))))
    works = order[: int(np.searchsorted(np.cumsum(sizes), wanted)) + 1]
    return np.isin(data.documents.work, works)


def _features(
    model: SentenceTransformer, texts: Sequence[str], prefix: str, size: int = 32
) -> list[dict[str, Any]]:
    """Texts of similar length together, as the model takes them."""
    ordered = sorted(texts, key=len)
    batches = []
    for start in range(0, len(ordered), size):
        features = model.preprocess(ordered[start : start + size], prompt=prefix)
        batches.append({name: features[name] for name in ("input_ids", "attention_mask")})
    return [{name: own.to(model.device) for name, own in batch.items()} for batch in batches]


def _try(
    alpha: float, raw: Vector, choosing: Examination, general: GeneralSet, encode: Encode
) -> Tried:
    """What the model is worth with the weights that it has now.

    Args:
        alpha: Part of what was trained.
        raw: Of the pool's documents.
        choosing: Users to choose by.
        general: Sentences that it is not to forget.
        encode: The model.
    """
    _, recall = gate.choose(choosing, raw)
    return Tried(alpha, recall, float(general.found(encode(general.texts)).mean()))


def _curves(log: Sequence[Mapping[str, float]]) -> dict[str, list[tuple[float, float]]]:
    found = curves(log, {"loss": "loss", f"eval_{METRIC}": "loss of other texts"})
    found["loss of other texts"] = [(step, -less) for step, less in found["loss of other texts"]]
    return found
