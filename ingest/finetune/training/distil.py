"""Teach a model the languages that it is weak in: a translation gets the vector of its original.

The teacher reads the original, in a language that it is good in; the student is to make the same
vector of the original and of each translation. Nothing but texts in several languages is needed.

Source: Reimers and Gurevych 2020, "Making Monolingual Sentence Embeddings Multilingual using
Knowledge Distillation" (https://aclanthology.org/2020.emnlp-main.365).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.sentence_transformer.losses import MSELoss
from torch import Tensor, nn

from ingest.encode import model_record, raw_vectors
from ingest.encode.sentence_transformer import load_encoder
from ingest.finetune.data import training_set
from ingest.finetune.data.training_set import Documents
from ingest.finetune.release.model_card import Card
from ingest.finetune.training.batch_sampler import Drawn
from ingest.finetune.training.frozen_layers import freeze
from ingest.finetune.training.language_sampling import TEMPERATURE, chances
from ingest.finetune.training.session import Encode, TrainingJob, open_session
from ingest.finetune.training.trainer import Lesson, Told, curves, train
from xlrec_es.errors import MissingExtra, SourceError, UsageError
from xlrec_es.languages import base_language
from xlrec_es.vectors.vector import Vector

try:
    from datasets import Dataset
except ImportError as error:
    raise MissingExtra.named("finetune", "Distilling a model") from error

MIN_TRANSLATIONS = 50
"""With fewer, a model learns them by heart and nothing else."""
METRIC = "cosine"

_HELD_OUT, _MAX_HELD_OUT = 0.05, 500  # part of the works, and most translations


@dataclass(frozen=True, slots=True)
class DistilJob:
    """What is asked for.

    Attributes:
        training: As for every training. Language versions of a work are translations of each other;
            the base is the student; both models are run by its options.
        teacher: Another model; None: the student as it is now.
        source: Language of the originals; None: the one of most texts.
        targets: Languages that are taught; empty: all others.
    """

    training: TrainingJob
    teacher: str | None = None
    source: str | None = None
    targets: tuple[str, ...] = ()

    def settings(self) -> dict[str, Any]:
        """What makes the model what it is, ready for JSON."""
        return {
            **self.training.settings(),
            "teacher": Path(self.teacher).name if self.teacher else "the base itself",
            "source": self.source,
            "targets": list(self.targets),
        }


@dataclass(frozen=True, slots=True)
class Translations:
    """Texts, each with its original.

    Attributes:
        originals: Texts in the source language.
        texts: What is taught: translations, and the originals themselves.
        languages: Of each text.
        original: Shape (n_texts,): number of each text's original.
        held_out: Shape (n_texts,): texts that are not taught; all of some originals.
    """

    originals: tuple[str, ...]
    texts: tuple[str, ...]
    languages: tuple[str, ...]
    original: NDArray[np.int64]
    held_out: NDArray[np.bool_]


def translations(
    documents: Documents, n_works: int, source: str, targets: Sequence[str], *, seed: int
) -> Translations:
    """Language versions of works that have one in the source language.

    Args:
        documents: Of works.
        n_works: How many works there are.
        source: Language of the originals, with its variants, as all of them.
        targets: Languages that are taught; empty: all others.
        seed: Of what is held out.

    Raises:
        SourceError: Too few.
    """
    originals: list[str] = []
    rows: list[tuple[str, str, int]] = []
    source, taught = base_language(source), {base_language(lang) for lang in targets}
    for texts in documents.by_work(n_works):
        own = [(base_language(lang), text) for lang, text in texts]
        there = dict(own)
        others = [(lang, text) for lang, text in own if lang != source]
        wanted = [(lang, text) for lang, text in others if not taught or lang in taught]
        if source in there and wanted:
            number = len(originals)
            originals.append(there[source])
            rows += [(source, there[source], number)]
            rows += [(language, text, number) for language, text in wanted]
    if len(rows) - len(originals) < MIN_TRANSLATIONS:
        raise SourceError(
            f"{len(rows) - len(originals)} translations of texts in {source}, and distilling needs "
            f"{MIN_TRANSLATIONS}: items in several languages, or another --source-language"
        )
    original = np.array([number for *_, number in rows], np.int64)
    order = np.random.default_rng(seed).permutation(len(originals))
    wanted_number = min(_MAX_HELD_OUT, max(1, round(_HELD_OUT * len(originals))))
    held_out = np.isin(original, order[:wanted_number])
    return Translations(
        tuple(originals),
        tuple(text for _, text, _ in rows),
        tuple(language for language, *_ in rows),
        original,
        held_out,
    )


class _TeacherLoss(nn.Module):
    """The mean squared difference from the teacher's vectors; labels number the originals."""

    def __init__(self, model: SentenceTransformer, teacher: Vector) -> None:
        super().__init__()
        self.model = model
        self._loss = MSELoss(model)
        self._teacher = torch.from_numpy(teacher)

    def forward(self, features: Sequence[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """See `MSELoss`."""
        wanted = self._teacher[labels.cpu()].to(labels.device)
        loss: Tensor = self._loss(features, wanted)
        return loss


class _Evaluator(BaseEvaluator):
    """The mean cosine of held-out translations to the teacher's vectors of their originals."""

    def __init__(self, encode: Encode, texts: Sequence[str], wanted: Vector) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = METRIC
        self._encode, self._texts, self._wanted = encode, texts, wanted

    def __call__(self, *_: object, **__: object) -> dict[str, float]:
        return {METRIC: float((self._encode(self._texts) * self._wanted).sum(axis=1).mean())}


def distil(job: DistilJob, told: Told = lambda _step, _logs: None) -> dict[str, Any]:
    """Teach, judge, and write.

    Args:
        job: What.
        told: Is told the step and what was measured there.

    Returns:
        A summary, ready for JSON.

    Raises:
        SourceError: The pairs cannot be read, or have too few translations.
        UsageError: The teacher's vectors have another length; there are checkpoints of another run.
        EncoderError: A model cannot be had or trained, or the folder cannot be written.
        TrainingFailed: See `ingest.finetune.training.trainer.train`.
    """
    start = time.perf_counter()
    schedule = job.training.schedule
    data = training_set.read(job.training.pairs)
    most = Counter(map(base_language, data.documents.languages)).most_common(1)
    source = base_language(job.source or most[0][0])
    lessons = translations(data.documents, len(data.works), source, job.targets, seed=schedule.seed)
    session = open_session(job.training, data)
    teacher = _teach(job, session.comparison.encoder.dims, lessons.originals)
    checkpoints = session.prepare_checkpoints(job.settings())
    model, layers, encode = session.model, session.layers, session.encode
    texts = session.comparison.pool.texts
    base = encode(texts)
    freeze(model, layers, len(layers))  # token vectors rest: most belong to words that are not here
    measure = _evaluator(encode, lessons, teacher, source)
    before = measure()[METRIC]
    lesson = _lesson(lessons, model, teacher, session.prefix, measure)
    log = train(lesson, schedule, checkpoints, resume=job.training.resume, told=told)
    after = measure()[METRIC]
    card = Card(
        "xlrec-ingest distill",
        "A multilingual encoder of texts, taught that a translation gets the vector that a teacher "
        "makes of its original.",
        session.comparison.origin,
        prefix=session.prefix,
        learned_from=model_record.learned_from(job.teacher) if job.teacher else (),
        settings=job.settings(),
        details={
            "Cosine of translations that were not taught": [{"before": before, "after": after}]
        },
        curves=curves(log, {"loss": "loss", f"eval_{METRIC}": "cosine on the way"}),
    )
    return {
        **session.publish(card, base, encode(texts)),
        "source": source,
        "translations": len(lessons.texts) - len(lessons.originals),
        "cosine before": before,
        "cosine after": after,
        "seconds": round(time.perf_counter() - start, 1),
    }


def _teach(job: DistilJob, dims: int, originals: Sequence[str]) -> Vector:
    """The teacher's vectors, shape (n_originals, dims)."""
    training = job.training
    options = replace(training.options, prefix=None, prompt_name=None)
    teacher = load_encoder(job.teacher or training.model, options=options)
    if teacher.dims != dims:
        raise UsageError(
            f"the teacher's vectors have {teacher.dims} dimensions and the student's {dims}; they "
            "must be alike (xlrec-ingest compress --method pca makes fewer)"
        )
    return raw_vectors.encode(teacher, originals)


def _evaluator(encode: Encode, lessons: Translations, teacher: Vector, source: str) -> _Evaluator:
    own = np.array([language != source for language in lessons.languages]) & lessons.held_out
    rows = np.flatnonzero(own)
    return _Evaluator(encode, [lessons.texts[n] for n in rows], teacher[lessons.original[rows]])


def _lesson(
    lessons: Translations,
    model: SentenceTransformer,
    teacher: Vector,
    prompt: str,
    evaluator: _Evaluator,
) -> Lesson:
    rows = np.flatnonzero(~lessons.held_out)
    texts = [lessons.texts[row] for row in rows]
    languages = [lessons.languages[row] for row in rows]
    lengths = np.array([len(text) for text in texts], np.int64)
    labels = lessons.original[rows].tolist()
    return Lesson(
        model=model,
        dataset=Dataset.from_dict({"text": texts, "label": labels}),
        loss=_TeacherLoss(model, teacher),
        batches=Drawn(chances(languages, TEMPERATURE), languages, lengths).batches,
        evaluator=evaluator,
        prompt=prompt,
        metric=METRIC,
    )
