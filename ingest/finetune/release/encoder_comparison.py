"""Encoders side by side on a team's own interactions, in memory: recall, speed and bytes.

Two questions are asked. Which items of other languages does the text find, as `xlrec-es evaluate`
asks it of the dense retriever? And which items without interactions does cold-start transfer find,
which takes an encoder's neighbors to inherit associations from? Both are measured on users that no
choice depended on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ingest.encode import raw_vectors
from ingest.encode.any_encoder import find_encoder
from ingest.encode.options import EncoderOptions
from ingest.finetune.data.catalog_likes import CatalogLikes
from ingest.finetune.release import gate
from ingest.finetune.release.in_memory_evaluation import Examination, K
from ingest.indicators.cold_start import Transfer
from ingest.indicators.learners import LocalEase
from xlrec_es.errors import ConfigError, EncoderError, UsageError
from xlrec_es.evaluate.baselines import best
from xlrec_es.evaluate.catalogue import mean_directions
from xlrec_es.evaluate.evaluator import MetricValues, recall_by_pair
from xlrec_es.evaluate.metrics import recall_at_k
from xlrec_es.evaluate.protocol import Case
from xlrec_es.evaluate.significance import Interval, bootstrap, compare
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.open_encoder import is_address
from xlrec_es.vectors.probe import LEAST_COSINE
from xlrec_es.vectors.vector import MAX_DIMS, Vector, unit_rows
from xlrec_es.vectors.vector_index import DEFAULT

FEW_USERS = 20
"""With fewer, what cold-start transfer finds is not measured."""

_DIMS = re.compile(r"(?P<model>.+)@(?P<dims>\d+)")
_DIMS_OF_SERVICE = re.compile(r"(?P<model>[^#]+#.+)@(?P<dims>[1-9]\d*)")
_WINDOW = 256  # texts that are encoded together

Told = Callable[[str, float], None]
"""Is told which model is encoding, and how much of the texts it has, 0..1."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to be compared.

    Attributes:
        name: As it was asked for.
        model: See `ingest.encode.any_encoder.find_encoder`.
        dims: Its vectors are cut to so many; None: not.
    """

    name: str
    model: str
    dims: int | None = None

    @classmethod
    def parse(cls, text: str) -> Candidate:
        """Out of `MODEL` or `MODEL@DIMS`.

        Raises:
            UsageError: It says no dimensions, or more than Elasticsearch holds.
        """
        address = is_address(text)  # which may have an @ in it, and so may a name: model@003
        match = (_DIMS_OF_SERVICE if address else _DIMS).fullmatch(text)
        if match is None or (not address and Path(text).expanduser().exists()):
            return cls(text, text)
        dims = int(match["dims"])
        if not 1 <= dims <= MAX_DIMS:
            raise UsageError(f"--model {text}: write a number from 1 to {MAX_DIMS} behind the @")
        return cls(text, match["model"], dims)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What is known of one model.

    Attributes:
        name: As it was asked for.
        dims: Of its vectors.
        centering: That measured best on the users that it was chosen by.
        texts_s: Texts that it encoded in a second.
        recall: Of each case of the users that are judged by, shape (n_cases,).
        cold: Of each cold case, shape (n_cold_cases,).
        pairs: Users and recall of each case by pair of languages.
    """

    name: str
    dims: int
    centering: str
    texts_s: float
    recall: MetricValues
    cold: MetricValues
    pairs: dict[tuple[str, str], tuple[list[str], MetricValues]]


@dataclass(frozen=True, slots=True)
class _Encoded:
    """Texts by one model.

    Attributes:
        model: That encoded them.
        vectors: Raw, shape (n_texts, dims).
        texts_s: Texts in a second.
    """

    model: str
    vectors: Vector
    texts_s: float


def compare_encoders(
    data: CatalogLikes,
    candidates: Sequence[Candidate],
    options: EncoderOptions,
    *,
    seed: int = 0,
    told: Told = lambda _name, _part: None,
) -> dict[str, Any]:
    """Encode with each model, and measure.

    Args:
        data: What is encoded, and whom it is measured on.
        candidates: Two or more; others are compared with the first.
        options: How each is run; the dims apart.
        seed: Of the halves of users, and of the intervals.
        told: See `Told`.

    Returns:
        A summary, ready for JSON.

    Raises:
        UsageError: There are fewer than two, or one is named twice.
        SourceError: There are no two users to measure on.
        EncoderError: A model cannot be had, which is seen before anything is encoded, or fails.
    """
    names = [candidate.name for candidate in candidates]
    if len(names) < 2 or len({*names}) < len(names):
        raise UsageError("name two models or more with --model, each once")
    _check_loads(candidates, options)
    documents = data.documents
    whole = Examination(
        data.works,
        data.cases,
        documents.work,
        np.asarray(documents.languages, dtype=np.str_),
        documents.texts,
        _places(len(data.works)),
    )
    cold_k = _places(int(data.cold.sum()))
    choosing, judging = whole.halves(seed)
    users = [case.user for case in judging.cases]
    cold_users = [case.user for case in data.cold_cases]
    own = LocalEase().learn(data.learned, np.arange(len(data.works), dtype=np.int32))
    found: dict[str, _Measured] = {}
    encoded: _Encoded | None = None  # by the model before, which may be the same
    for candidate in _longest_first(candidates):
        encoder = find_encoder(candidate.model, replace(options, dims=candidate.dims))
        encoded = _encode(encoder, documents.texts, candidate, encoded, told)
        centering, _ = gate.choose(choosing, encoded.vectors)
        vectors = whole.centered(encoded.vectors)[centering]
        lists = judging.lists(vectors)
        cold = np.empty(0)
        if len({*cold_users}) >= FEW_USERS:
            inherited = Transfer().apply(
                own,
                data.users.astype(np.float32),
                mean_directions(vectors, documents.work, len(data.works)),
            )
            cold = _cold_recall(data, whole.languages, inherited.indicators, cold_k)
        found[candidate.name] = _Measured(
            candidate.name,
            encoder.dims,
            centering,
            encoded.texts_s,
            judging.recall(lists),
            cold,
            recall_by_pair(judging.cases, lists, judging.languages, judging.k),
        )
    measured = [found[name] for name in names]
    rows = [_row(one, measured[0], users, cold_users, seed) for one in measured]
    return {
        "k": whole.k,
        "cold_start_k": cold_k,
        "items": len(data.works),
        "documents": len(documents.texts),
        "rejected": data.rejected,
        "users": len({*users}),
        "cold_start_users": len({*cold_users}) if len({*cold_users}) >= FEW_USERS else 0,
        "models": rows,
        "pairs": _pairs(measured, seed),
        "recommended": _recommended(measured, users, cold_users, seed),
    }


def _check_loads(candidates: Sequence[Candidate], options: EncoderOptions) -> None:
    """See that each model can be had, before hours go into encoding with the first of them.

    They are loaded again later, one at a time: together they may not fit into memory.

    Raises:
        ConfigError: An option is not for one of them.
        EncoderError: One cannot be had, or not with so many dimensions.
    """
    for candidate in candidates:
        try:
            find_encoder(candidate.model, replace(options, dims=candidate.dims))
        except (ConfigError, EncoderError) as error:
            raise type(error)(f"--model {candidate.name}: {error}") from error


def _longest_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those of one model together: ones with fewer dimensions can be cut from the one before."""
    models = [*dict.fromkeys(candidate.model for candidate in candidates)]
    return sorted(
        candidates, key=lambda one: (models.index(one.model), -(one.dims or MAX_DIMS + 1))
    )


def _encode(
    encoder: Encoder,
    texts: Sequence[str],
    candidate: Candidate,
    before: _Encoded | None,
    told: Told,
) -> _Encoded:
    """Raw vectors of the texts, cut from those of the same model where that comes to the same."""
    if before is not None and before.model == candidate.model:
        cut = unit_rows(before.vectors[:, : encoder.dims])
        first = raw_vectors.encode(encoder, texts[:_WINDOW])
        # Not where a model has layers of its own for each number of dimensions, say.
        if np.einsum("ij,ij->i", first, cut[:_WINDOW]).min() >= LEAST_COSINE:
            return _Encoded(candidate.model, cut, before.texts_s)
    start = time.perf_counter()
    made = []
    for place in range(0, len(texts), _WINDOW):
        made.append(raw_vectors.encode(encoder, texts[place : place + _WINDOW]))
        told(candidate.name, min(1.0, (place + _WINDOW) / len(texts)))
    seconds = time.perf_counter() - start
    return _Encoded(candidate.model, np.concatenate(made), len(texts) / seconds)


def _places(n_works: int) -> int:
    """Of a list: fewer where there is little to choose from."""
    return min(K, max(1, n_works // 4))


def _cold_recall(
    data: CatalogLikes, languages: Mapping[str, Sequence[str]], indicators: csr_array, k: int
) -> MetricValues:
    """recall@k of each cold case by inherited indicators, shape (n_cold_cases,)."""
    numbers = {work: number for number, work in enumerate(data.works)}
    spoken = [{*languages[work]} for work in data.works]
    columns = indicators.tocsc()
    found = []
    for case in data.cold_cases:
        history = [numbers[work] for work in case.history]
        scores = np.asarray(columns[:, history].sum(axis=1)).ravel()
        allowed = data.cold & _elsewhere(spoken, case) & (scores > 0)
        works = [data.works[number] for number in best(scores, allowed, k)]
        found.append(recall_at_k(works, case.targets, k))
    return np.array(found)


def _elsewhere(spoken: Sequence[set[str]], case: Case) -> NDArray[np.bool_]:
    """Which works are to be had in another language than the source, shape (n_works,)."""
    return np.array([bool(languages - {case.source}) for languages in spoken])


def _row(
    one: _Measured, first: _Measured, users: list[str], cold_users: list[str], seed: int
) -> dict[str, Any]:
    """Of the table."""
    recall = bootstrap(one.recall, users, seed=seed)
    change = None if one is first else compare(one.recall, first.recall, users, seed=seed).interval
    cold = bootstrap(one.cold, cold_users, seed=seed) if len(one.cold) else None
    return {
        "model": one.name,
        "dims": one.dims,
        "centering": one.centering,
        "recall": _plain(recall),
        "change": _plain(change),
        "cold_start_recall": _plain(cold),
        "texts_per_s": round(one.texts_s, 1),
        "memory_bytes": DEFAULT.memory_bytes(one.dims),
        "disk_bytes": DEFAULT.disk_bytes(one.dims),
    }


def _plain(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.mean, interval.low, interval.high]


def _pairs(measured: Sequence[_Measured], seed: int) -> list[dict[str, Any]]:
    """Recall of each model by source and target language; the pairs of most users first."""
    rows = []
    for pair, (users, _) in measured[0].pairs.items():
        recall = {
            one.name: _plain(bootstrap(one.pairs[pair][1], users, seed=seed)) for one in measured
        }
        rows.append({"pair": f"{pair[0]} → {pair[1]}", "users": len({*users}), "recall": recall})
    return sorted(rows, key=lambda row: (-int(row["users"]), row["pair"]))


def _recommended(
    measured: Sequence[_Measured], users: list[str], cold_users: list[str], seed: int
) -> dict[str, Any]:
    """The model with the fewest dimensions that is not significantly worse than any other.

    Where each is worse than another one, in one of the two measures, it is the one with the most
    recall.
    """
    most = max(measured, key=lambda one: float(one.recall.mean()))
    good = [
        one
        for one in measured
        if not any(_is_worse(one, other, users, cold_users, seed) for other in measured)
    ]
    chosen = min(good, key=lambda one: (one.dims, -float(one.recall.mean())), default=most)
    if not good:
        why = "it has the most recall, and another one finds more items without interactions"
    elif chosen is most:
        why = "it has the most recall, and none that is as good has fewer dimensions"
    else:
        why = f"it has the fewest dimensions, and none is significantly better, {most.name} neither"
    return {"model": chosen.name, "why": why}


def _is_worse(
    one: _Measured, other: _Measured, users: list[str], cold_users: list[str], seed: int
) -> bool:
    if one is other:
        return False
    differences = [compare(one.recall, other.recall, users, seed=seed)]
    if len(one.cold):
        differences.append(compare(one.cold, other.cold, cold_users, seed=seed))
    return any(difference.interval.high < 0 for difference in differences)
