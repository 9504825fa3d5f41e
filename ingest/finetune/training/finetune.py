"""From a training set to a model folder: train, measure against the base, and say what it is worth.

What is measured on is parted by users. By one half the best checkpoint and the centering are
chosen; by the other, the model is judged.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss
from torch import nn

from ingest.finetune.data import training_set
from ingest.finetune.data.pairs import MIN_PAIRS
from ingest.finetune.data.training_set import CLICK, TrainingSet
from ingest.finetune.release import gate
from ingest.finetune.release.in_memory_evaluation import Examination
from ingest.finetune.release.model_card import Card
from ingest.finetune.training.batch_sampler import Drawn
from ingest.finetune.training.frozen_layers import FrozenLayers, freeze
from ingest.finetune.training.lora import add_lora, merge_lora
from ingest.finetune.training.ranking_loss import (
    POPULARITY,
    SCALE,
    CachedRankingLoss,
    Known,
    RankingLoss,
    popularity_correction,
)
from ingest.finetune.training.session import Encode, Session, TrainingJob, open_session
from ingest.finetune.training.trainer import (
    METRIC,
    Lesson,
    Told,
    curves,
    is_first,
    train,
    world_size,
)
from xlrec_es.errors import MissingExtra, SourceError, UsageError

try:
    from datasets import Dataset
except ImportError as error:
    raise MissingExtra.named("finetune", "Fine-tuning") from error

_QUICK_DOCUMENTS, _QUICK_CASES = 5_000, 500  # for what is measured on the way


@dataclass(frozen=True, slots=True)
class FinetuneJob:
    """What is asked for.

    Attributes:
        training: As for every training.
        layers: Last layers that are trained; None: the whole model.
        scale: Of cosines in the loss.
        popularity: Strength of the popularity correction.
        mini_batch: Pairs that are in memory at a time (GradCache); None: the whole batch.
        lora: Rank of the adapters that are trained in place of the layers; None: none.
        matryoshka: Lengths to which a vector can be cut, below the whole.
    """

    training: TrainingJob
    layers: int | None = 4
    scale: float = SCALE
    popularity: float = POPULARITY
    mini_batch: int | None = None
    lora: int | None = None
    matryoshka: tuple[int, ...] = ()

    def settings(self) -> dict[str, Any]:
        """What makes the model what it is, ready for JSON."""
        return {
            **self.training.settings(),
            "layers": self.layers or "all",
            "scale": self.scale,
            "popularity": self.popularity,
            "mini_batch": self.mini_batch,
            "lora": self.lora,
            "matryoshka": list(self.matryoshka),
        }


def finetune(job: FinetuneJob, told: Told = lambda _step, _logs: None) -> dict[str, Any]:
    """Train, judge, and write.

    Args:
        job: What.
        told: Is told the step and what was measured there.

    Returns:
        A summary, ready for JSON; `status` is one of `ACCEPTED`, `REJECTED` and `FORCED`.

    Raises:
        SourceError: The pairs cannot be read, are too few, or have seen the targets.
        EncoderError: The model cannot be had or trained, or its folder cannot be written.
        TrainingFailed: See `ingest.finetune.training.trainer.train`.
        UsageError: There are checkpoints of another run.
    """
    start = time.perf_counter()
    data = training_set.read(job.training.pairs)
    _check(data, job)
    session = open_session(job.training, data)
    checkpoints = session.prepare_checkpoints(job.settings())
    model, layers, encode = session.model, session.layers, session.encode
    pool, choosing = session.comparison.pool, session.comparison.choosing
    own_limit = model.max_seq_length
    frozen = freeze(model, layers, job.layers)
    if job.lora:
        add_lora(model, layers, frozen=frozen, rank=job.lora)
    with FrozenLayers(model, layers, frozen):
        base = encode(pool.texts)
        encode(_other_texts(data, pool))  # from here on, frozen layers rest
        measure = _Evaluator(
            choosing.limited(0, documents=_QUICK_DOCUMENTS, cases=_QUICK_CASES), encode
        )
        before = {f"eval_{METRIC}": measure(model)[METRIC]}
        told(0, before)
        log = train(
            lesson_of(job, data, model, session.prefix, measure),
            job.training.schedule,
            checkpoints,
            resume=job.training.resume,
            told=told,
        )
        if not is_first():
            return {}
        tuned = encode(pool.texts)
    if job.lora:
        merge_lora(model)
    model.max_seq_length = own_limit
    card = _card(job, session, [{"step": 0, **before}, *log])
    return {
        **session.publish(card, base, tuned),
        "pairs of texts": data.pairs.num_rows,
        "steps": max((int(entry["step"]) for entry in log), default=0),
        "trained parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "seconds": round(time.perf_counter() - start, 1),
    }


class _Evaluator(BaseEvaluator):
    """recall of other languages' works, as `xlrec-es evaluate` has it."""

    def __init__(self, examination: Examination, encode: Encode) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = METRIC
        self._measured = examination
        self._own_encode = encode

    def __call__(
        self,
        model: object,
        output_path: str | None = None,
        epoch: int = -1,
        steps: int = -1,
    ) -> dict[str, float]:
        """See the base class; the model is the one that `encode` has."""
        _, recall = gate.choose(self._measured, self._own_encode(self._measured.texts))
        return {METRIC: recall}


def _check(data: TrainingSet, job: FinetuneJob) -> None:
    training_set.check_leaks(data)
    size = job.training.schedule.batch_size
    if data.pairs.num_rows < max(MIN_PAIRS, size):
        raise SourceError(
            f"{job.training.pairs} has {data.pairs.num_rows} pairs, and a model needs {MIN_PAIRS}, "
            f"and as many as a batch has ({size})"
        )
    if len(set(data.documents.languages)) < 2:
        raise SourceError(f"{job.training.pairs} has texts in one language only; it takes two")
    if size % world_size():
        raise UsageError(f"{world_size()} processes cannot share batches of {size} evenly")


def _other_texts(data: TrainingSet, pool: Examination) -> list[str]:
    """What is trained on and not in the pool, such as queries."""
    texts = {text for column in _text_columns(data).values() for text in column}
    return sorted(texts - set(pool.texts))


def _text_columns(data: TrainingSet) -> dict[str, list[str]]:
    """Anchors, positives, and hard negatives if there are any."""
    columns = {name: data.pairs.column(name).to_pylist() for name in ("anchor", "positive")}
    negatives = data.pairs.column("negatives").to_pylist()
    for number in range(min(map(len, negatives))):
        columns[f"negative_{number + 1}"] = [own[number] for own in negatives]
    return columns


def lesson_of(
    job: FinetuneJob,
    data: TrainingSet,
    model: SentenceTransformer,
    prompt: str,
    evaluator: BaseEvaluator,
) -> Lesson:
    """What the trainer is told.

    Args:
        job: How.
        data: The pairs.
        model: Is trained.
        prompt: Is put before each text.
        evaluator: Measures on the way.
    """
    columns = _text_columns(data)
    rows = np.arange(data.pairs.num_rows)
    weights = data.pairs.column("weight").to_numpy().astype(np.float64)
    drawn = Drawn(
        weights, data.pairs.column("positive_language").to_pylist(), _lengths(model, columns)
    )
    return Lesson(
        model=model,
        dataset=Dataset.from_dict({**columns, "label": rows}),
        loss=_loss(job, model, known_of(data, job.popularity)),
        batches=drawn.batches,
        evaluator=evaluator,
        prompt=prompt,
    )


def _lengths(model: SentenceTransformer, columns: Mapping[str, Sequence[str]]) -> NDArray[np.int64]:
    """Tokens of each pair's longest text."""
    texts = sorted({text for column in columns.values() for text in column})
    tokens = model.tokenizer(texts, truncation=True, max_length=model.max_seq_length)["input_ids"]
    length = {text: len(own) for text, own in zip(texts, tokens, strict=True)}
    longest = [max(map(length.__getitem__, row)) for row in zip(*columns.values(), strict=True)]
    return np.array(longest, np.int64)


def known_of(data: TrainingSet, popularity: float) -> Known:
    """What the loss is told of the pairs.

    Args:
        data: The pairs.
        popularity: See `ingest.finetune.training.ranking_loss.popularity_correction`.
    """
    pairs, numbers = data.pairs, data.numbers
    names = [pairs.column(f"{side}_work").to_pylist() for side in ("anchor", "positive")]
    for name in names[0]:  # queries are no works, and get numbers behind them
        numbers.setdefault(name, len(numbers))
    names += zip(*pairs.column("negative_works").to_pylist(), strict=False)
    works = np.array([[numbers[name] for name in column] for column in names], np.int64).T
    ids: dict[str, int] = {}
    columns = _text_columns(data).values()
    texts = np.array([[ids.setdefault(text, len(ids)) for text in own] for own in columns]).T
    clicked = np.array([kind == CLICK for kind in pairs.column("kind").to_pylist()])
    n = len(numbers)
    places = (works[clicked, 0], works[clicked, 1])
    after = csr_array((np.ones(len(places[0]), np.float32), places), shape=(n, n))
    together = csr_array(data.together, copy=True)
    together.resize(n, n)
    # What was clicked after a query, and other texts of a work, go together most.
    together = csr_array(together + after + after.T + eye_array(n, dtype=np.float32))
    weights = np.tile(pairs.column("weight").to_numpy().astype(np.float64), 2)
    drawn = works[:, :2].T.ravel()
    return Known(texts, works, together, popularity_correction(drawn, weights, n, popularity))


def _loss(job: FinetuneJob, model: SentenceTransformer, known: Known) -> nn.Module:
    gather = world_size() > 1
    loss: nn.Module
    if job.mini_batch:
        loss = CachedRankingLoss(
            model,
            known,
            scale=job.scale,
            mini_batch_size=job.mini_batch,
            gather_across_devices=gather,
        )
    else:
        loss = RankingLoss(model, known, scale=job.scale, gather_across_devices=gather)
    if job.matryoshka:
        whole = model.get_embedding_dimension() or 0
        if max(job.matryoshka) >= whole:
            raise UsageError(f"--matryoshka {max(job.matryoshka)}: vectors have {whole} dimensions")
        loss = MatryoshkaLoss(model, loss, [whole, *sorted(job.matryoshka, reverse=True)])
    return loss


def _card(job: FinetuneJob, session: Session, log: Sequence[Mapping[str, float]]) -> Card:
    data = session.data
    return Card(
        "xlrec-ingest finetune",
        "A multilingual encoder of texts, fine-tuned so that texts of items that the same users "
        "like are near each other, in whatever languages they are.",
        session.comparison.origin,
        prefix=session.prefix,
        learned_from=data.learned_from,
        data={
            **data.described(),
            "pairs": data.pairs.num_rows,
            "works": len(data.works),
        },
        settings=job.settings(),
        curves=curves(log, {"loss": "loss", f"eval_{METRIC}": "recall on the way"}),
    )
