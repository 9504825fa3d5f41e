"""From an encoder to a smaller or faster one, and what that costs by this project's evaluation.

Half of the users choose the centering of each model; the other half are measured on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ingest.encode import model_files, raw_vectors
from ingest.encode.options import EMBEDDED, EncoderOptions
from ingest.encode.sentence_transformer import SentenceTransformerEncoder, load_encoder
from ingest.finetune.compression.dimension_reduction import (
    first_dimensions,
    principal_components,
    with_projection,
)
from ingest.finetune.compression.quantization import write_int8
from ingest.finetune.compression.static_embeddings import to_static
from ingest.finetune.data import training_set
from ingest.finetune.data.training_set import TrainingSet
from ingest.finetune.release import gate, model_folder
from ingest.finetune.release.comparison import open_comparison
from ingest.finetune.release.in_memory_evaluation import Examination
from ingest.finetune.release.model_card import Base, Card
from xlrec_es.errors import UsageError
from xlrec_es.evaluate.significance import plain
from xlrec_es.languages import UNDETERMINED
from xlrec_es.vectors.vector import Vector

PCA, MATRYOSHKA, INT8, STATIC = "pca", "matryoshka", "int8", "static"
METHODS = (PCA, MATRYOSHKA, INT8, STATIC)

STATIC_DIMS = 256

_TIMED_TEXTS, _TURNS = 256, 3

_SUMMARIES = {
    PCA: "A multilingual encoder of texts, projected onto the {dims} directions in which texts of "
    "one language differ most.",
    MATRYOSHKA: "A multilingual encoder of texts, cut to its first {dims} dimensions.",
    INT8: "A multilingual encoder of texts for CPUs, its transformer in 8 bits as an ONNX file.",
    STATIC: "A static multilingual encoder: a vector of {dims} dimensions for each token, and no "
    "transformer.",
}


@dataclass(frozen=True, slots=True)
class CompressJob:
    """What is asked for.

    Attributes:
        pairs: Folder of `xlrec-ingest pairs`: its texts are projected, its cases measured on.
        folder: For the model.
        method: One of `METHODS`.
        model: What is made smaller; see `ingest.encode.model_files.find`.
        dims: Of the smaller model's vectors; None for `INT8`, and for `STATIC_DIMS`.
        options: How both models are run.
        seed: Of the halves and the intervals.
    """

    pairs: Path
    folder: Path
    method: str
    model: str = EMBEDDED
    dims: int | None = None
    options: EncoderOptions = field(default_factory=EncoderOptions)
    seed: int = 0


def compress(job: CompressJob) -> dict[str, Any]:
    """Make, measure, and write.

    Returns:
        A summary, ready for JSON.

    Raises:
        UsageError: The dims do not fit the method or the model.
        SourceError: The pairs cannot be read, or nobody is to be measured on.
        EncoderError: The model cannot be had or made smaller, or its folder cannot be written.
        MissingExtra: What the method needs is not installed.
    """
    start = time.perf_counter()
    data = training_set.read(job.pairs)
    comparison = open_comparison(
        data, job.folder, model=job.model, options=job.options, seed=job.seed
    )
    pool, judging = comparison.pool, comparison.judging
    files, encoder = comparison.files, comparison.encoder
    dims = _dims(job, encoder.dims)
    base = raw_vectors.encode(encoder, pool.texts)
    with model_folder.beside(job.folder) as made:
        _make(job, dims, base, pool, made)
        small = load_encoder(str(made), options=replace(job.options, prefix=None))
        speeds = _speeds((encoder, small), pool.texts)
        verdict = comparison.judge(base, raw_vectors.encode(small, pool.texts))
        centerings = (verdict.base_centering, verdict.centering)
        rows = [
            {
                "model": name,
                "dims": one.dims,
                "computes in": one.dtype,
                "MB": round(_bytes(folder) / 1e6, 1),
                "texts/s": round(speed),
                "centering": method,
                f"recall@{judging.k}": gate.shown(verdict.recall[key, method]),
            }
            for name, key, one, folder, speed, method in zip(
                (files.name, job.folder.name),
                ("base", "tuned"),
                (encoder, small),
                (files.folder, made),
                speeds,
                centerings,
                strict=True,
            )
        ]
        card = _card(job, data, verdict, comparison.origin, rows, small)
        written = model_folder.write_folder(
            job.folder, lambda unfinished: _move(made, unfinished), card, dims=small.dims
        )
    return {
        "folder": str(written.folder),
        "revision": written.revision,
        "base": files.name,
        "method": job.method,
        "centering": verdict.centering,
        "k": judging.k,
        "users": len({case.user for case in judging.cases}),
        "results": rows,
        "change": plain(verdict.gain),
        "pairs": list(verdict.pairs),
        "seconds": round(time.perf_counter() - start, 1),
    }


def _dims(job: CompressJob, whole: int) -> int:
    """Of the smaller model's vectors.

    Raises:
        UsageError: They do not fit the method or the model.
    """
    if job.method == INT8:
        if job.dims is not None:
            raise UsageError(f"{INT8} keeps the dimensions; cut them first, with {PCA}")
        return whole
    if job.dims is None and job.method != STATIC:
        raise UsageError(f"{job.method} needs --dims: how many of the model's {whole} are kept")
    dims = job.dims or min(STATIC_DIMS, whole)
    if not 0 < dims < whole and not (job.method == STATIC and dims == whole):
        raise UsageError(f"{job.model} has {whole} dimensions; --dims {dims} is not fewer")
    return dims


def _make(job: CompressJob, dims: int, raw: Vector, pool: Examination, folder: Path) -> None:
    """Write the smaller model, without a card."""
    languages = pool.language.tolist()
    exact = load_encoder(job.model, options=replace(job.options, device="cpu", dtype="float32"))
    model, prefix = exact.transformer, exact.prefix
    if job.method == STATIC:
        model, prefix = to_static(model, pool.texts, languages, dims), ""
    elif job.method == PCA:
        model = with_projection(model, principal_components(raw, languages, dims))
    elif job.method == MATRYOSHKA:
        model = with_projection(model, first_dimensions(exact.dims, dims))
    model_folder.set_prefix(model, prefix)
    if job.method == INT8:
        write_int8(model, folder)
    else:
        model.save(str(folder), create_model_card=False)


def _speeds(encoders: Sequence[SentenceTransformerEncoder], texts: Sequence[str]) -> list[float]:
    """Texts a second of each; they take turns, and the best turn counts: others use the machine."""
    some = texts[:: max(1, len(texts) // _TIMED_TEXTS)][:_TIMED_TEXTS]
    best = [float("inf")] * len(encoders)
    for _ in range(_TURNS):
        for number, encoder in enumerate(encoders):
            start = time.perf_counter()
            encoder.encode(some)
            best[number] = min(best[number], time.perf_counter() - start)
    return [len(some) / seconds for seconds in best]


def _bytes(folder: Path) -> int:
    """Of the weights."""
    return sum(
        path.stat().st_size for path in folder.rglob("*") if model_files.WEIGHTS.search(path.name)
    )


def _move(made: Path, folder: Path) -> None:
    for path in made.iterdir():
        path.rename(folder / path.name)


def _card(
    job: CompressJob,
    data: TrainingSet,
    verdict: gate.Verdict,
    base: Base,
    rows: Sequence[Mapping[str, Any]],
    small: SentenceTransformerEncoder,
) -> Card:
    return Card(
        "xlrec-ingest compress",
        _SUMMARIES[job.method].format(dims=small.dims),
        base,
        prefix=small.prefix,
        languages=tuple(sorted(set(data.documents.languages) - {UNDETERMINED})),
        centering=verdict.centering,
        data=data.described(),
        settings={"method": job.method, "dims": small.dims},
        results=rows,
        onnx=job.method == INT8,
        details={"By source and target language": verdict.pairs},
    )
