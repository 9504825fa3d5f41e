"""The worker: read, clean, tell the language, compare, encode, calibrate, write, commit.

Documents pass in windows through stages that work at the same time (`ingest.run.pipeline`):

    read and compare (a thread) -> encode (a thread a device) -> write (threads) -> commit (here)

Between the stages are bounded queues: memory is bounded whatever the source, and however long
Elasticsearch takes. Windows are committed in the order of the source, after acknowledgement, and
nothing is dropped silently: every document ends as indexed, unchanged, superseded or rejected.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from ingest.documents.builder import Builder, record_id
from ingest.documents.document import Document
from ingest.encode import raw_vectors
from ingest.run.checkpoint import Checkpoint, State
from ingest.run.counts import INDEXING, Observer, Tally
from ingest.run.documents_in_flight import DocumentsUnderWay
from ingest.run.index_setup import create_index, open_index
from ingest.run.job import Job
from ingest.run.pipeline import ordered, prefetch
from ingest.run.reject_file import RejectFile
from ingest.run.signals import Stop
from ingest.run.window import Built, Window, group
from ingest.sources.record import Record, Rejection
from ingest.sources.source import Source
from ingest.write import calibration_sample
from ingest.write.calibration_sample import SampledText, calibrate
from ingest.write.target_index import NOTHING, Target
from xlrec_es.cluster.bulk import BulkLimits, BulkWriter
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import SourceError, TooManyRejects
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.vector import Vector

WINDOW_BYTES = 8 * 1024 * 1024
READ_AHEAD = 2
"""Windows that are read and compared, and wait for the encoder; for each of its processes."""
CHECK_LIVE_S = 10.0
"""How long a run may write into a version that is no longer live before it notices."""
HEAD_DOCUMENTS = 2000
"""How much of a stream that can be read but once is looked at for the sample."""


def no_one(_phase: str, _tally: Tally, _fraction: float | None) -> None:
    """The observer of a run that nobody watches."""


@dataclass(slots=True)
class Worker:
    """Brings a source into an index.

    Attributes:
        job: What is to be done.
        source: Where the records are.
        builder: Makes documents of them.
        encoder: Makes vectors of these.
        cluster: Where the index is.
        live: The index, or None if it is to be made.
        rejects: Where to set aside what cannot be indexed.
        checkpoint: Where to note what is settled.
        state: What is settled already.
        window: Documents that are encoded together.
        limits: How much is sent at once.
        observe: Is called now and then, some times a second at most.
        tally: What has happened so far.
        stop: The wish that the run may end: what is encoded is still written.
        writer: Writes; None until there is an index.
        complete: Whether all of the source is settled.
    """

    job: Job
    source: Source
    builder: Builder
    encoder: Encoder
    cluster: Cluster
    live: LiveIndex | None
    rejects: RejectFile
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint(None))
    state: State = field(default_factory=State)
    window: int = 256
    limits: BulkLimits = field(default_factory=BulkLimits)
    observe: Observer = no_one
    tally: Tally = field(default_factory=Tally)
    stop: Stop = field(default_factory=Stop)
    writer: BulkWriter | None = None
    complete: bool = False
    _encoded: dict[str, Vector] = field(default_factory=dict)  # raw, by content hash

    def run(self) -> Target:
        """Do it.

        Returns:
            The index, refreshed; see `stop` for whether all of the source is in it.

        Raises:
            XlrecError: It cannot be done, or not to the end; all that was acknowledged stays.
        """
        self.rejects.cut(self.state.rejects_size)
        self.tally.set_from(self.state.counts)
        built = self._build_all(self.state.position)
        if self.live is None:
            sampled, built = self._sample(built)
            index = self._create(sampled, built)
            self.checkpoint.bind(self.cluster.client, index.live, self.cluster.patience)
        else:
            index = open_index(self.job, self.live, encoder=self.encoder, cluster=self.cluster)
        with self.tally.timed(INDEXING):
            self._process(built, index)
        index.check_is_live(self.job.index)
        index.refresh()
        return index

    def _process(self, built: Iterable[Built | None], index: Target) -> None:
        """Send everything through the stages."""
        writer = self.writer = BulkWriter(
            self.cluster.client, index.live.name, limits=self.limits, patience=self.cluster.patience
        )
        self.stop.can_drain = True
        under_way = DocumentsUnderWay()
        n_writers, n_encoders = self.limits.max_requests, raw_vectors.parallel(self.encoder)
        with (
            ThreadPoolExecutor(n_encoders, "encode") as encoders,
            ThreadPoolExecutor(n_writers, "write") as writers,
        ):
            prepared = prefetch(
                self._prepared(built, index, under_way),
                ahead=READ_AHEAD * n_encoders,
                until=self.stop.requested,
                fill=self.tally.queues["encode"],
            )
            encoded = ordered(
                lambda window: self._encode(window, index),
                prepared,
                executor=encoders,
                ahead=READ_AHEAD * n_encoders,
            )
            written = ordered(
                lambda window: self._write(window, writer),
                encoded,
                executor=writers,
                ahead=n_writers,
                fill=self.tally.queues["write"],
            )
            try:
                with closing(written):
                    self._commit_all(written, under_way, index)
            except BaseException:
                # Or the threads would try for minutes, and we would wait for them.
                self.cluster.patience.give_up.set()
                raise
            finally:
                under_way.close()  # or the reading thread of a stopped run would wait for ever
                self._save_checkpoint()

    # --- reading

    def _build_all(self, settled: int) -> Iterator[Built | None]:
        """What each record after a position comes to; None where the next one is yet to come."""
        records = self.source.records(0 if self.builder.needs_all else settled)
        while not self.stop.requested.is_set():
            with self.tally.timed("read"):
                try:
                    record = next(records)
                except StopIteration:
                    return
                wanted = record is None or (record.position > settled and self._is_mine(record))
                if not wanted and not self.builder.needs_all:
                    continue
                built = None if record is None else self._build(record)
            if wanted:
                yield built

    def _is_mine(self, record: Record | Rejection) -> bool:
        """Whether a record belongs to this run's shard; where it has no id, by its position."""
        if self.job.shard.count == 1:
            return True
        id_ = record_id(record, self.job.fields) if isinstance(record, Record) else None
        return self.job.shard.has(str(record.position if id_ is None else id_))

    def _build(self, record: Record | Rejection) -> Built:
        if isinstance(record, Rejection):
            return Built(record.position, len(record.record), (record,))
        parts = tuple(self.builder.build(record))
        size = record.size or sum(len(part.text) for part in parts if isinstance(part, Document))
        return Built(record.position, size, parts)

    def _sample(
        self, built: Iterator[Built | None]
    ) -> tuple[list[SampledText], Iterator[Built | None]]:
        """Draw the sample from all of the source, or from its beginning if it is read but once.

        Returns:
            The sample, and the records, none of them lost.
        """
        with self.tally.timed("sample"):
            if self.source.rereadable and self.job.method != "none":
                return calibration_sample.draw(self._first_pass(), seed=self.job.seed), built
            head: list[Built] = []
            documents: list[Document] = []
            for one in built:
                head += [] if one is None else [one]
                documents += _documents(one)
                if len(documents) >= HEAD_DOCUMENTS or (one is None and documents):
                    break
            return calibration_sample.draw(documents, seed=self.job.seed), chain(head, built)

    def _first_pass(self) -> Iterator[Document]:
        found = False
        for number, record in enumerate(self.source.records()):
            if record is None:
                if found or self.stop.requested.is_set():
                    return  # all that there is so far
                continue
            if number % 1000 == 0:
                self.observe("sample", self.tally, self.source.fraction)
            documents = _documents(self._build(record))
            found = found or bool(documents)
            yield from documents

    def _create(self, sampled: Sequence[SampledText], built: Iterable[Built | None]) -> Target:
        if not sampled:
            for window in group(built, n_parts=self.window, n_bytes=WINDOW_BYTES):
                self._set_aside(window)  # there is no document, but reasons why to write down
            raise SourceError(
                f"{self.source.name} has no record that can be indexed"
                + (f"; {self.rejects.path} says why" if self.tally.rejected else "")
            )
        with self.tally.timed("encode"):
            calibration, self._encoded = calibrate(
                self.job.method,
                sampled,
                encoder=self.encoder,
                window=self.window,
                progress=lambda done: self.observe("calibrate", self.tally, done),
            )
        return create_index(
            self.job,
            source=self.source,
            languages={text.language for text in sampled},
            calibration=calibration,
            encoder=self.encoder,
            cluster=self.cluster,
        )

    def _prepared(
        self, built: Iterable[Built | None], index: Target, under_way: DocumentsUnderWay
    ) -> Iterator[Window]:
        """Windows that know what the index has of them already."""
        known_fields: set[str] = set()
        was_alone = False
        for window in group(built, n_parts=self.window, n_bytes=WINDOW_BYTES):
            if window.deletions or was_alone:
                under_way.drain()
            # A deletion goes for documents whose ids are still to be found; and the first value of
            # a field decides its type, which must not depend on which request is the quickest.
            was_alone = bool(window.deletions) or window.fields_beyond(known_fields)
            window.ids = frozenset(window.documents)
            under_way.enter(window.ids)
            with self.tally.timed("compare"):
                self._compare(window, index)
            if window.deletions:  # by now it is known of which documents
                window.ids = frozenset(one.document.id for one in window.operations)
                under_way.enter(window.ids)
            yield window

    def _compare(self, window: Window, index: Target) -> None:
        if window.deletions:
            there = index.existing(window.deletions)
            window.operations += [index.deletion(id_, one) for id_, one in there.items()]
        elif window.documents and (self.live is not None or self.job.follow):
            unchanged, window.earlier = index.compare(list(window.documents.values()))
            window.counts.unchanged += len(unchanged)
            for id_ in unchanged:
                del window.documents[id_]
        index.add_languages({document.language for document in window.documents.values()})

    # --- encoding

    def _encode(self, window: Window, index: Target) -> Window | None:
        """Give the window its vectors and operations; None if the run is to end."""
        if self.stop.requested.is_set() or self.cluster.patience.give_up.is_set():
            return None
        documents = list(window.documents.values())
        earlier = [window.earlier.get(document.id, NOTHING) for document in documents]
        new = [row for row, one in enumerate(earlier) if one.vector is None]
        with self.tally.timed("encode"):
            raw = self._vectors_of([documents[row] for row in new])
        window.counts.encoded += len(new)
        calibrated = index.live.meta.calibration.apply(raw, [documents[r].language for r in new])
        made, kept = raw_vectors.usable(raw), raw_vectors.usable(calibrated)
        by_row = {row: calibrated[n] for n, row in enumerate(new) if made[n] and kept[n]}
        for n, row in enumerate(new):
            if row not in by_row:
                window.reject(documents[row].rejected("encode", _why_useless(made[n])))
        for row, document in enumerate(documents):
            vector = by_row.get(row, earlier[row].vector)
            if vector is not None:
                window.operations.append(index.operation(document, vector, earlier[row]))
        return window

    def _vectors_of(self, documents: Sequence[Document]) -> Vector:
        """Raw vectors, shape (len(documents), dims); those of the sample are known."""
        raw = np.empty((len(documents), self.encoder.dims), np.float32)
        unknown = []
        for row, document in enumerate(documents):
            known = self._encoded.pop(document.content_hash, None)
            if known is None:
                unknown.append(row)
            else:
                raw[row] = known
        if unknown:
            texts = [documents[row].text for row in unknown]
            raw[unknown] = raw_vectors.encode(self.encoder, texts)
        return raw

    # --- writing

    def _write(self, window: Window | None, writer: BulkWriter) -> Window | None:
        if window is None:
            return None
        with self.tally.timed("write"):
            written = writer.write(window.operations)
        done = len(window.operations) - len(written.refused) - len(written.superseded)
        if window.deletions:
            window.counts.deleted += done
        else:
            window.counts.indexed += done
            window.counts.superseded += len(written.superseded)
        for refusal in written.refused:
            window.reject(refusal.document.rejected("write", refusal.reason))
        return window

    def _commit_all(
        self, windows: Iterable[Window | None], under_way: DocumentsUnderWay, index: Target
    ) -> None:
        checked_at = time.monotonic()
        for window in windows:
            if window is None:  # stopped: what comes after it is not to be committed
                return
            self._commit(window, under_way)
            if time.monotonic() - checked_at > CHECK_LIVE_S:
                index.check_is_live(self.job.index)
                checked_at = time.monotonic()
        self.complete = not self.stop.requested.is_set()

    def _commit(self, window: Window, under_way: DocumentsUnderWay) -> None:
        """All of this window is settled, and all before it."""
        under_way.leave(window.ids)
        self._set_aside(window)
        self.tally.tokens = raw_vectors.tokens(self.encoder)
        self.observe("index", self.tally, self.source.fraction)
        if self.checkpoint.is_due():
            self._save_checkpoint()
        most = self.job.max_rejects
        if most is not None and self.tally.rejected > most:
            raise TooManyRejects(
                f"{self.tally.rejected} records are set aside, more than --max-rejects {most}; "
                f"{self.rejects.path} says why. What is in the index stays"
            )

    def _set_aside(self, window: Window) -> None:
        for rejection in window.rejections:
            self.rejects.write(rejection)
        self.tally.add(window.counts)
        self.state = State(window.position, self.rejects.size, self.tally.as_json())

    def _save_checkpoint(self) -> None:
        self.rejects.sync()
        self.checkpoint.save(self.state)


def _documents(built: Built | None) -> list[Document]:
    return [part for part in (built.parts if built else ()) if isinstance(part, Document)]


def _why_useless(made: bool) -> str:
    if made:
        return (
            "its vector is its language's mean, which leaves nothing to compare; "
            "for very few documents use --calibration none"
        )
    return "the encoder made zeros or NaN of it"
