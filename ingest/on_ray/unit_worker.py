"""What an actor of Ray does: it loads the encoder once, and runs the worker on unit after unit."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from ingest.documents.builder import Builder
from ingest.documents.document import Deletion, Document
from ingest.encode.checkpoint.license import license_warnings
from ingest.on_ray.unit_source import UnitSource
from ingest.on_ray.units import RECORDS, SLICE, PlacedRecord, Unit
from ingest.run.assemble import builder_for, load, reach_cluster, window_of
from ingest.run.counts import Counts
from ingest.run.index_setup import create_index
from ingest.run.job import RunJob
from ingest.run.observe.summary import summarize
from ingest.run.reading import TRIED
from ingest.run.reject_file import RejectFile, line_of
from ingest.run.signals import Stop
from ingest.run.worker import Touched, Worker, no_one
from ingest.write.centering_sample import SampledText, draw, estimate_centering
from xlrec_es.cluster.bulk import BulkLimits
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import IndexNotFound, XlrecError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.records.envelope import opened
from xlrec_es.records.record import Record, Rejection
from xlrec_es.records.renditions import rendition_id
from xlrec_es.vectors.encoder import Encoder

Hashes = NDArray[np.uint64]
MakeEncoder = Callable[[RunJob], contextlib.AbstractContextManager[Encoder]]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Task:
    """What all actors of a run are given.

    Attributes:
        job: What is to be done.
        connection: To the cluster, from wherever an actor is.
        started_ns: Of the job; versions are this and a record's position in the input.
        rejects: The file that rejected records come to in the end.
        requests: Bulk requests that one actor may have under way.
        renews: Whether the index was there before the job, so that documents may be passed over.
        encoder: Makes the encoder; None: it is the job's.
    """

    job: RunJob
    connection: Connection
    started_ns: int
    rejects: Path
    requests: int
    renews: bool
    encoder: MakeEncoder | None = None

    @property
    def by_position(self) -> bool:
        """Whether the position in the input decides which state of a document is the last."""
        return self.job.fields.version is None


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is in a unit.

    Attributes:
        number: Of the unit.
        size: Position of its last record in its file.
        sampled: Of the centering sample what this unit has.
        rejects: Where it has none, lines for the reject file of its first records.
    """

    number: int
    size: int
    sampled: list[SampledText]
    rejects: bytes = b""


@dataclass(frozen=True, slots=True)
class UnitDone:
    """What became of a unit.

    Attributes:
        number: Of the unit.
        summary: See `ingest.run.observe.summary.summarize`; empty after an error. Of warnings it
            has those of the encoder.
        counts: See `Counts.as_json`.
        rejects: Lines for the reject file.
        deletions: Records that delete: it is too early for them.
        passed: Hashes of documents that were passed over, as an earlier job has left them.
        written: Hashes of documents that were written.
        doomed: Hashes of documents that the deletions may be of.
        error: Why the unit was not done.
    """

    number: int
    summary: dict[str, Any]
    counts: dict[str, Any]
    rejects: bytes = b""
    deletions: tuple[PlacedRecord, ...] = ()
    passed: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    written: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    doomed: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    error: XlrecError | None = None


def told(
    method: Callable[Concatenate[UnitWorker, P], R],
) -> Callable[Concatenate[UnitWorker, P], R | XlrecError]:
    """Have an error of ours be a result: Ray would wrap it in a traceback, and a retry in vain."""

    @functools.wraps(method)
    def telling(self: UnitWorker, *args: P.args, **named: P.kwargs) -> R | XlrecError:
        try:
            return method(self, *args, **named)
        except XlrecError as error:
            return error

    return telling  # type: ignore[return-value] # of the same arguments


class UnitWorker:
    """Runs the worker on units.

    Ray makes it again, with the same task, where its process has ended, and calls again what was
    under way: every method may be called twice.

    Args:
        task: What all actors of the run are given.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stop = Stop()
        self._held = contextlib.ExitStack()
        self._cluster: Cluster | None = None
        self._encoder: Encoder | None = None

    def stop(self) -> None:
        """End the unit that is under way: what is encoded is still written."""
        self._stop.requested.set()

    @told
    def look(self, unit: Unit, *, sample: bool) -> Looked:
        """Count the records of a unit, and draw its part of the centering sample.

        Args:
            unit: The unit.
            sample: Whether a sample is drawn.
        """
        source = UnitSource(unit, self._task.job, self._reached().client)
        last = unit.before

        def records() -> Iterator[Record | Rejection | None]:
            nonlocal last
            for record in source.records():
                last = record.position if record is not None else last
                yield record

        sampled: list[SampledText] = []
        refused: list[Rejection] = []
        if sample:
            documents = self._documents(source, records(), refused)
            sampled = draw(documents, seed=self._task.job.seed)
        else:
            for _ in records():
                pass
        lines = b"" if sampled else b"".join(map(line_of, refused))
        return Looked(unit.number, last - unit.before, sampled, lines)

    def _documents(
        self,
        source: UnitSource,
        records: Iterable[Record | Rejection | None],
        refused: list[Rejection],
    ) -> Iterator[Document]:
        """Documents of some records; why the first of them are none goes into a list."""
        builder = self._builder(source)
        for record in records:
            parts: Iterable[Document | Deletion | Rejection] = ()
            if isinstance(record, Rejection):
                parts = (record,)
            elif record is not None:
                parts = builder.build(opened(record, self._task.job.fields))
            for part in parts:
                if isinstance(part, Document):
                    yield part
                elif isinstance(part, Rejection) and len(refused) < TRIED:
                    refused.append(part)

    @told
    def create(self, unit: Unit, sampled: Sequence[SampledText]) -> str:
        """Make the index, with the centering for all.

        Args:
            unit: The first of the input.
            sampled: The sample, of all units.

        Returns:
            Name of the physical index.
        """
        job, cluster = self._task.job, self._reached()
        there = job.mode.find(cluster.client, job.index)
        if there is not None:  # by this method, before the actor's process ended
            return there.name
        encoder = self._loaded()
        centering, _ = estimate_centering(
            job.method, sampled, encoder=encoder, window=window_of(encoder), progress=lambda _: None
        )
        made = create_index(
            job,
            source=UnitSource(unit, job, cluster.client),
            languages={text.language for text in sampled},
            centering=centering,
            encoder=encoder,
            cluster=cluster,
        )
        return made.live.name

    @told
    def run(self, unit: Unit, *, tries: bool, renews: bool = False) -> UnitDone:
        """Bring the records of a unit into the index.

        Args:
            unit: The unit.
            tries: Whether the run ends where all of its first records fail.
            renews: Whether what an earlier job has left just so is written too, with the version
                that it has in this job.
        """
        task, cluster = self._task, self._reached()
        # The whole run's limit is for the driver, who sees all units.
        job = replace(task.job, max_rejects=None if tries else sys.maxsize)
        live = job.mode.find(cluster.client, job.index)
        if live is None:
            raise IndexNotFound(f"{job.index} was deleted during the run; run this again")
        source = UnitSource(unit, job, cluster.client)
        builder = _DeletionsLater(self._builder(source))
        encoder = self._loaded()
        is_file = unit.kind != SLICE
        touched = Touched()
        with tempfile.TemporaryFile() as file:
            worker = Worker(
                job=job,
                source=source,
                builder=builder if is_file and unit.kind != RECORDS else builder.inner,
                encoder=encoder,
                cluster=cluster,
                live=live,
                rejects=UnitRejects(task.rejects, file),
                window=window_of(encoder),
                limits=BulkLimits(max_requests=task.requests),
                observe=no_one,
                stop=Stop(self._stop.requested),
                since=_since(task, renews=renews) if is_file and task.by_position else None,
                touched=touched,
            )
            error = None
            summary: dict[str, Any] = {}
            try:
                written = worker.run()
                summary = summarize(worker, index=written, resumed_after=0, seconds=0.0)
                # Those of the encoder alone: all others the driver knows of all units together.
                summary["warnings"] = license_warnings(encoder)
            except XlrecError as problem:
                error = problem
            finally:
                cluster.patience.give_up.clear()
            file.seek(0)
            rejects = file.read()
        return UnitDone(
            unit.number,
            summary,
            {**Counts.as_json(worker.tally)},
            rejects,
            tuple(builder.deletions),
            _hashes(touched.passed),
            _hashes(touched.written if task.renews else ()),
            _hashes(_documents_of(builder.deletions_of, live) if task.renews else ()),
            error,
        )

    def _builder(self, source: UnitSource) -> Builder:
        return builder_for(self._task.job, source, started_ns=self._task.started_ns)

    def _reached(self) -> Cluster:
        if self._cluster is None:
            client = self._held.enter_context(connect(self._task.connection))
            self._cluster = reach_cluster(client, self._task.job.patience)
        return self._cluster

    def _loaded(self) -> Encoder:
        if self._encoder is None:
            make = self._task.encoder or load
            self._encoder = self._held.enter_context(make(self._task.job))
        return self._encoder


class _DeletionsLater:
    """A builder that keeps deletions back: what they delete may be yet to come, in another unit."""

    needs_all = False

    def __init__(self, inner: Builder) -> None:
        self.inner = inner
        self.deletions: list[PlacedRecord] = []
        self.deletions_of: list[Deletion] = []

    def build(self, record: Record) -> Iterator[Document | Deletion | Rejection]:
        """See `Builder.build`."""
        for part in self.inner.build(record):
            if isinstance(part, Deletion):
                place = record.placed
                self.deletions.append((record.position, record.whole, place.line, place.file))
                self.deletions_of.append(part)
            else:
                yield part


class UnitRejects(RejectFile):
    """The rejects of a unit, on their way to the file of the run.

    Args:
        path: Of that file.
        file: Where they are until then.
    """

    def __init__(self, path: Path, file: Any) -> None:  # noqa: ANN401 - a temporary file
        self.path = path
        self._lines = file

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return int(self._lines.tell())

    def cut(self, size: int) -> None:
        """Nothing is there yet."""

    def write_lines(self, lines: bytes) -> None:
        """Add what some rejections come to."""
        self._lines.write(lines)

    def sync(self) -> None:
        """The driver has them on the disk, once the unit is done."""


def _since(task: Task, *, renews: bool) -> int:
    """See `Target.compare`: what is renewed is as if the job itself had written it, before all."""
    return 0 if renews else task.started_ns


def _documents_of(deletions: Iterable[Deletion], live: LiveIndex) -> Iterator[str]:
    """Keys of the documents that were there before the job, and may be made of these records."""
    for one in deletions:
        yield one.key
        for tag in live.meta.languages:
            yield replace(one, id=rendition_id(one.id, tag)).key


def _hashes(keys: Iterable[str]) -> Hashes:
    """A hash of each key, sorted, each once."""
    digests = b"".join(
        hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for key in dict.fromkeys(keys)
    )
    return np.sort(np.frombuffer(digests, np.uint64))
