"""Put the parts of a run together."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elasticsearch import Elasticsearch

from ingest.documents.builder import Builder, DocumentBuilder
from ingest.documents.deduplication import Deduplicator
from ingest.documents.kept_fields import KeptFields
from ingest.documents.language_detection import LanguageDetector
from ingest.encode.any_encoder import reach
from ingest.encode.checkpoint.license import license_warnings
from ingest.encode.sparse.beside import with_sparse
from ingest.run import checkpoint as checkpoints
from ingest.run import reject_file
from ingest.run.checkpoint import Checkpoint, State
from ingest.run.counts import Observer, Tally
from ingest.run.file_lock import locked
from ingest.run.index_setup import (
    check_like,
    check_mode,
    check_pictured,
    check_sparse,
    check_vectors,
)
from ingest.run.job import RunJob
from ingest.run.observe.prometheus import serve_metrics
from ingest.run.observe.summary import summarize
from ingest.run.reading import can_be_resumed, check_settled
from ingest.run.reject_file import RejectFile, default_path
from ingest.run.signals import Stop
from ingest.run.worker import Worker, no_one
from ingest.sources.rejects import SCHEME
from ingest.sources.source import Source, open_source
from ingest.write.companion_index import Removed, is_kept, kept_paths, remove_gone
from ingest.write.modes import COMPANION
from xlrec_es import exact_json
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.retry import Cluster, Patience
from xlrec_es.errors import ConfigError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.mapped_fields import some
from xlrec_es.index.source_check import left_out_fields
from xlrec_es.interactions import row_reader
from xlrec_es.output_files import is_same
from xlrec_es.records.language_values import LanguageValues
from xlrec_es.records.record import Record
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.open_encoder import is_address

if TYPE_CHECKING:  # needs the extra `images`
    from ingest.images.encoder import ImageEncoder


def run(
    job: RunJob,
    connection: Connection,
    *,
    encoder: Encoder | None = None,
    image_encoder: ImageEncoder | None = None,
    observe: Observer = no_one,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Bring a source into an index.

    What is cheap to check comes first: the model takes seconds to load.

    Args:
        job: What is to be done.
        connection: To the cluster.
        encoder: Makes the vectors; None to load the job's model.
        image_encoder: Makes those of pictures; None to load the job's model for them, if any.
        observe: Is told how far it is, see `ingest.run.observe.progress_bar.ProgressBar`.
        stop: To end the run early: what is encoded is still written and noted.

    Returns:
        The summary: see `ingest.run.observe.summary.summarize`.

    Raises:
        XlrecError: It cannot be done, or not to the end; all that was acknowledged stays.
    """
    start = time.perf_counter()
    rejects, noted = own_files(job)
    tally = Tally()
    gone = Removed()
    with connect(connection) as client, contextlib.ExitStack() as held:
        source = open_source(
            job.source,
            client=client,
            query=job.query,
            follow=job.follow,
            in_place=job.mode.in_place,
            slices=job.slices,
        )
        cluster = reach_cluster(client, job.patience)
        live = cluster.patience.call(client, lambda: job.mode.find(client, job.index))
        job = settled(job, live)
        if live is None:
            check_like(job, source)
        else:
            check_vectors(job, client, live)
        builder = builder_for(job, source)
        checkpoint = _checkpoint(job, source, noted)
        held.enter_context(_locked(rejects, checkpoint))
        if live is not None:
            checkpoint.bind(live)
        state = checkpoint.load() if job.resume else State()
        check_settled(job, source, state)
        with rejects, contextlib.ExitStack() as loaded:
            observe("load", tally, None)
            if encoder is None:
                with tally.timed("load"):
                    encoder = loaded.enter_context(load(job))
            if image_encoder is None and job.images is not None:
                from ingest.images.encoder import load_image_encoder  # brings torch and Pillow

                with tally.timed("load"):
                    image_encoder = load_image_encoder(job.images)
            worker = Worker(
                job=job,
                source=source,
                builder=builder,
                encoder=encoder,
                cluster=cluster,
                live=live,
                rejects=rejects,
                checkpoint=checkpoint,
                state=state,
                window=window_of(encoder),
                observe=observe,
                tally=tally,
                stop=stop or Stop(),
                image_encoder=image_encoder,
            )
            with serve_metrics(worker, job.metrics_port):
                written = worker.run()
        if worker.complete:
            checkpoint.remove()
            if job.mode is COMPANION:
                gone = remove_gone(
                    client, job.source.removeprefix(row_reader.INDEX), written.live.name
                )
                tally.deleted += gone.removed
    if isinstance(builder, Deduplicator):
        tally.duplicates = builder.found
    summary = summarize(
        worker,
        index=written,
        resumed_after=state.position,
        seconds=time.perf_counter() - start,
    )
    summary["warnings"] += left_out(job, source)
    summary["warnings"] += gone.warnings
    summary["warnings"] += license_warnings(encoder)
    return summary


def window_of(encoder: Encoder) -> int:
    """Documents that are encoded together.

    They are enough for batches of like length, and few enough for the bar to move.
    """
    return max(256, getattr(encoder, "batch_tokens", 0) // 4)


def own_files(job: RunJob) -> tuple[RejectFile, Path]:
    """The reject file and the place of the checkpoint, which a run replaces and removes.

    Raises:
        ConfigError: One of them is the input, the other one, or somebody else's; or it cannot be
            written.
        SourceError: It cannot be read.
    """
    path = job.rejects or default_path(job.source, job.index, job.shard)
    noted = job.checkpoint or checkpoints.default_path(path)
    read = job.source.removeprefix(SCHEME)
    for kind, own in (("reject file", path), ("checkpoint", noted)):
        if is_same(own, read):
            raise ConfigError(f"the {kind} {own} is the input itself")
    if path.resolve() == noted.resolve():
        raise ConfigError(f"the reject file {path} is the checkpoint, too; {checkpoints.ADVICE}")
    checkpoints.check_free(noted)
    return RejectFile(path), noted


def settled(job: RunJob, live: LiveIndex | None) -> RunJob:
    """The job as the index that exists, if it does, has it.

    Raises:
        IndexUnusable: The index was made in another mode.
        ConfigError: Several machines would describe an index, each in its way; or its pictures are
            of another field.
    """
    if live is not None:
        check_mode(job, live)
        check_sparse(job, live)
        check_pictured(job, live)
        job = replace(job, pictured=live.meta.images.get("field"))
        if job.mode is COMPANION:
            return replace(job, keep=tuple(live.meta.source["keep"]))
    elif job.mode.in_place and job.shard.count > 1:
        raise ConfigError(
            "the first run in place decides on the centering for all; run it without --shard, "
            "to its first document at least"
        )
    return job


def builder_for(job: RunJob, source: Source, *, started_ns: int | None = None) -> Builder:
    """What makes documents of the records.

    Args:
        job: What is to be done.
        source: Where the records are.
        started_ns: See `DocumentBuilder`.
    """
    values = LanguageValues(job.language_map)
    documents = DocumentBuilder(
        job.fields,
        job.recipe,
        LanguageDetector(),
        values,
        started_ns=started_ns,
        image=job.picture_field,
    )
    builder: Builder = documents
    if job.kept is not None:
        kept = kept_paths(job.kept, source.like["mappings"]) if source.like else job.kept
        builder = KeptFields(documents, kept, in_place=job.mode.in_place)
    if job.duplicates.mode == "keep":
        return builder
    return Deduplicator(builder, job.duplicates, job.fields.work)


def left_out(job: RunJob, source: Source) -> Iterator[str]:
    """What the run could not know of the documents of an index."""
    if source.like is None:
        return
    lost = left_out_fields(source.like)
    if job.kept is not None:
        used = (*job.fields.texts, *kept_paths(job.kept, source.like["mappings"]))
        lost = [path for path in lost if is_kept(path, used)]
    if lost:
        yield (
            f"{source.name} leaves {some(lost)} out of the documents that it gives back "
            "(_source.excludes, _source.includes), so what was written has no values there"
        )


@contextlib.contextmanager
def _locked(rejects: RejectFile, checkpoint: Checkpoint) -> Iterator[None]:
    """Have the files of the run to itself.

    Raises:
        ConfigError: Another run is writing one of them.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(locked(rejects.path, advice=reject_file.ADVICE))
        if checkpoint.path is not None:
            held.enter_context(locked(checkpoint.path, advice=checkpoints.ADVICE))
        yield


def reach_cluster(client: Elasticsearch, patience: Patience) -> Cluster:
    """Ask the cluster what it can do, once it answers."""
    return Cluster(client, patience.call(client, lambda: probe(client)))


def load(job: RunJob) -> AbstractContextManager[Encoder]:
    """The job's encoder, and the sparse one beside it."""
    return _both(job)


@contextlib.contextmanager
def _both(job: RunJob) -> Iterator[Encoder]:
    with _dense(job) as dense:
        yield with_sparse(dense, job.encoder)


def _dense(job: RunJob) -> AbstractContextManager[Encoder]:
    if is_address(job.model):
        return contextlib.nullcontext(reach(job.model, job.encoder))
    from ingest.encode.encoder_pool import encoder_for  # brings torch

    return encoder_for(job.model, job.encoder)


def _checkpoint(job: RunJob, source: Source, path: Path) -> Checkpoint:
    """The run's checkpoint, and what of the job must be the same for another to go on."""
    if job.resume and not source.rereadable:
        raise ConfigError(
            f"{source.name} can be read but once, so there is nothing to go on from; run "
            "without --resume: what is in the index is passed over"
        )
    if not can_be_resumed(source):
        return Checkpoint(None)  # always from the beginning: what is in the index is passed over
    identity = {
        "source": source.name,
        "source's beginning": _beginning(source),
        "fields": {name: str(path) for name, path in asdict(job.fields).items()},
        "shard": str(job.shard),
        **({"language map": dict(job.language_map)} if job.language_map else {}),
    }
    return Checkpoint(path, identity)


def _beginning(source: Source) -> str:
    """Tells whether it is the same file as before: it may have grown, but not be another."""
    first = next(iter(source.records()), None)
    content = first.fields if isinstance(first, Record) else first and first.record
    return hashlib.sha256(exact_json.dumps(content)).hexdigest()[:16]
