"""The worker: read, clean, tell the language, compare, encode, center, write, commit.

Documents pass in windows through stages that work at the same time (`ingest.run.pipeline`):

    read and compare (a thread) -> encode (a thread a device) -> write (threads) -> commit (here)

Between the stages are bounded queues: memory is bounded whatever the source, and however long
Elasticsearch takes. Windows are committed in the order of the source, after acknowledgement, and
nothing is dropped silently: every document ends as indexed, unchanged, superseded or rejected.
Reading and committing are told in `ingest.run.reading` and `ingest.run.committing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.documents.builder import Builder
from ingest.documents.document import Document
from ingest.encode import raw_vectors
from ingest.encode.sparse.beside import sparse_fields
from ingest.run.checkpoint import Checkpoint, State
from ingest.run.committing import Committer
from ingest.run.counts import INDEXING, Observer, Tally
from ingest.run.documents_in_flight import DocumentsUnderWay
from ingest.run.index_setup import choose_vector_index, create_index, open_index
from ingest.run.job import RunJob
from ingest.run.pipeline import ordered, prefetch
from ingest.run.reading import TRIED, Reader, Records
from ingest.run.reject_file import RejectFile
from ingest.run.signals import Stop
from ingest.run.window import Built, Window, group
from ingest.sources.source import Source
from ingest.write.centering_sample import SampledText, estimate_centering
from ingest.write.target_index import NOTHING, Earlier, Pictured, Target
from xlrec_es.cluster.bulk import BulkLimits, BulkWriter
from xlrec_es.cluster.retry import Cluster
from xlrec_es.cluster.routings import check_kept_apart
from xlrec_es.errors import ConfigError, InvalidJson, SourceError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.interactions import row_reader
from xlrec_es.records.renditions import may_be_rendition
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.vectors.vector import Vector

if TYPE_CHECKING:  # need the extra `images`
    from ingest.images.encoder import ImageEncoder
    from ingest.images.pictures import Pictures

WINDOW_BYTES = 8 * 1024 * 1024
READ_AHEAD = 2
"""Windows that are read and compared, and wait for the encoder; for each of its processes."""


def no_one(_phase: str, _tally: Tally, _fraction: float | None) -> None:
    """The observer of a run that nobody watches."""


@dataclass(slots=True)
class Touched:
    """Keys of documents that a part of a job has met; threads may add to it.

    Attributes:
        passed: Passed over, for an earlier job has left them just so.
        written: Written, or deleted.
    """

    passed: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


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
        state: What an earlier run has settled.
        window: Documents that are encoded together.
        limits: How much is sent at once.
        observe: Is called now and then, some times a second at most.
        tally: What has happened so far.
        stop: The wish that the run may end: what is encoded is still written.
        writer: Writes; None until there is an index.
        since: See `Target.compare`.
        touched: Is told which documents were passed over, and which were written.
        image_encoder: Makes vectors of pictures; None where the job has none.
    """

    job: RunJob
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
    since: int | None = None
    touched: Touched | None = None
    image_encoder: ImageEncoder | None = None
    _reader: Reader = field(init=False)
    _committer: Committer = field(init=False)
    _encoded: dict[str, Vector] = field(default_factory=dict)  # raw, by content hash
    _pictures: Pictures | None = None

    def __post_init__(self) -> None:
        self._reader = Reader(
            self.job, self.source, self.builder, self.tally, self.stop, self.observe
        )
        self._committer = Committer(
            job=self.job,
            source=self.source,
            encoder=self.encoder,
            rejects=self.rejects,
            checkpoint=self.checkpoint,
            state=self.state,
            tally=self.tally,
            stop=self.stop,
            observe=self.observe,
        )

    @property
    def complete(self) -> bool:
        """Whether all of the source is settled."""
        return self._committer.complete

    def run(self) -> Target:
        """Do it.

        Returns:
            The index, refreshed; see `stop` for whether all of the source is in it.

        Raises:
            XlrecError: It cannot be done, or not to the end; all that was acknowledged stays.
        """
        self.rejects.cut(self.state.rejects_size)
        self.tally.set_from(self.state.counts)
        failed, built = self._reader.try_first(self.state)
        try:
            if failed:
                for window in group(failed, n_parts=self.window, n_bytes=WINDOW_BYTES):
                    self._committer.set_aside(window)
                self._committer.check_first()
            index, built = self._open(built)
        except BaseException:
            built.close()
            raise
        with self.tally.timed(INDEXING):
            self._process(built, index)
        index.check_is_live(self.job.index)
        index.refresh()
        return index

    def _open(self, built: Records) -> tuple[Target, Records]:
        """The index, made where there is none; and the records, none of them lost."""
        if self.live is None:
            sampled, built = self._reader.sample(built)
            index = self._create(sampled, built)
            self.checkpoint.bind(index.live)
        else:
            index = open_index(self.job, self.live, encoder=self.encoder, cluster=self.cluster)
            if self.image_encoder is not None:
                self._pictures = self._have_pictures(index, self.image_encoder)
        index.pictures = self._pictures
        self._check_room(index)
        return index, built

    def _check_room(self, index: Target) -> None:
        """See that the index has room for every document of another, before the first is copied."""
        if self.source.like is None or self.job.mode.in_place:
            return
        client, name = self.cluster.client, self.job.source.removeprefix(row_reader.INDEX)
        self.cluster.patience.call(client, lambda: check_kept_apart(client, name, index.live.name))

    def _process(self, built: Records, index: Target) -> None:
        """Send everything through the stages."""
        writer = self.writer = BulkWriter(
            self.cluster.client,
            index.live.name,
            uuid=index.live.uuid,
            limits=self.limits,
            patience=self.cluster.patience,
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
                lambda window: self._write(window, index, writer),
                encoded,
                executor=writers,
                ahead=n_writers,
                fill=self.tally.queues["write"],
            )
            try:
                with closing(written):
                    self._committer.commit_all(written, under_way, index)
            except BaseException:
                # Or the threads would try for minutes, and we would wait for them.
                self.cluster.patience.give_up.set()
                raise
            finally:
                under_way.close()  # or the reading thread of a stopped run would wait for ever
                self._committer.save_checkpoint()

    def _create(self, sampled: Sequence[SampledText], built: Iterable[Built | None]) -> Target:
        if not sampled:
            for window in group(built, n_parts=self.window, n_bytes=WINDOW_BYTES):
                # There is no document, but reasons why to write down.
                self._committer.set_aside(window)
            raise SourceError(
                f"{self.source.name} has no record that can be indexed"
                + (f"; {self.rejects.path} says why" if self.tally.rejected else "")
            )
        with self.tally.timed("encode"):
            centering, self._encoded = estimate_centering(
                self.job.method,
                sampled,
                encoder=self.encoder,
                window=self.window,
                progress=lambda done: self.observe("center", self.tally, done),
            )
        images: Mapping[str, Any] = {}
        if self.image_encoder is not None:
            self._pictures, images = self._begin_pictures(self.image_encoder, centering)
            # Refused before there is an index.
            choose_vector_index(self.job, self.encoder).options(images["fingerprint"]["dims"])
        index = create_index(
            self.job,
            source=self.source,
            languages={text.language for text in sampled},
            centering=centering,
            encoder=self.encoder,
            cluster=self.cluster,
        )
        if images:
            index.add_images(images)
        return index

    def _begin_pictures(
        self, image_encoder: ImageEncoder, centering: LanguageCentering
    ) -> tuple[Pictures, Mapping[str, Any]]:
        """Pictures for an index that has none yet, and what it says of them."""
        from ingest.images.preparation import Texts, begin

        assert self.job.images is not None, "an encoder without pictures"
        if not (self.source.rereadable or image_encoder.knows_texts):
            raise ConfigError(
                f"{self.source.name} can be read but once, and what pictures say of texts is "
                "learned before the first document is written; give a file, or an --image-model "
                "that knows texts, such as sentence-transformers/clip-ViT-B-32"
            )
        fingerprint = self.job.recipe.fingerprint(self.encoder, centering)
        with self.tally.timed("align"):
            return begin(
                self.cluster.client,
                self.job.index,
                self.job.images,
                encoder=image_encoder,
                texts=Texts(self.encoder, centering, fingerprint.digest),
                documents=self._reader.documents(),
            )

    def _have_pictures(self, index: Target, image_encoder: ImageEncoder) -> Pictures:
        """Pictures for an index that exists; one without any gets the fields for them."""
        from ingest.images.preparation import go_on

        assert self.job.images is not None, "an encoder without pictures"
        client, meta = self.cluster.client, index.live.meta
        if meta.images:
            return go_on(
                client,
                index.live.name,
                self.job.images,
                encoder=image_encoder,
                meta=meta.images,
            )
        pictures, images = self._begin_pictures(image_encoder, meta.centering)
        index.add_images(images)
        return pictures

    def _prepared(
        self, built: Records, index: Target, under_way: DocumentsUnderWay
    ) -> Iterator[Window]:
        """Windows that know what the index has of them already."""
        with closing(built):
            yield from self._windows(built, index, under_way)

    def _windows(
        self, built: Records, index: Target, under_way: DocumentsUnderWay
    ) -> Iterator[Window]:
        known_fields: set[str] = set()
        was_alone = False
        windows = group(built, n_parts=self.window, n_bytes=WINDOW_BYTES, first=TRIED)
        for window in windows:
            if window.deletions or was_alone:
                under_way.drain()
            # A deletion goes for documents whose ids are still to be found; and the first value of
            # a field decides its type, which must not depend on which request is the quickest.
            was_alone = bool(window.deletions) or window.fields_beyond(known_fields)
            window.keys = frozenset(window.documents)
            under_way.enter(window.keys)
            with self.tally.timed("compare"):
                self._compare(window, index)
            if window.deletions:  # by now it is known of which documents
                window.keys = frozenset(one.document.key for one in window.operations)
                under_way.enter(window.keys)
            yield window

    def _compare(self, window: Window, index: Target) -> None:
        if window.deletions:
            there, refused = index.existing(window.deletions)
            window.operations += map(index.deletion, there)
            for one in refused:
                window.reject(one)
        elif window.documents:
            self._compare_documents(window, index)
        index.add_languages({document.language for document in window.documents.values()})

    def _compare_documents(self, window: Window, index: Target) -> None:
        documents = list(window.documents.values())
        is_known = self.live is not None or self.job.follow
        if not is_known:  # all that there can be of them is what this run has written itself
            documents = [one for one in documents if may_be_rendition(one.id)]
        if not documents:
            return
        found = index.compare(documents, since=self.since)
        if self.touched is not None:
            self.touched.passed.extend(found.older)
        for key, reason in found.taken.items():
            window.reject(window.documents.pop(key).rejected("document", reason))
        if is_known:
            window.earlier = found.earlier
            window.counts.unchanged += len(found.unchanged)
            for key in found.unchanged:
                del window.documents[key]

    def _encode(self, window: Window, index: Target) -> Window | None:
        """Give the window its vectors and operations; None if the run is to end."""
        if self.stop.requested.is_set() or self.cluster.patience.give_up.is_set():
            return None
        documents = list(window.documents.values())
        earlier = [window.earlier.get(document.key, NOTHING) for document in documents]
        new = [row for row, one in enumerate(earlier) if one.vector is None and documents[row].text]
        pictures = self._pictures_of(window, documents, earlier)
        with self.tally.timed("encode"):
            raw = self._vectors_of([documents[row] for row in new])
            made_beside = sparse_fields(self.encoder, [documents[row].text for row in new])
        beside = dict(zip(new, made_beside, strict=True))
        window.counts.encoded += len(new)
        centered = index.live.meta.centering.apply(raw, [documents[r].language for r in new])
        made, kept = raw_vectors.usable(raw), raw_vectors.usable(centered)
        by_row = {row: centered[n] for n, row in enumerate(new) if made[n] and kept[n]}
        for n, row in enumerate(new):
            if row not in by_row:
                window.reject(documents[row].rejected("encode", _why_useless(made[n])))
        for row, document in enumerate(documents):
            vector = by_row.get(row, earlier[row].vector)
            pictured = pictures.get(row)
            if not document.text:  # what it looks like is all that is known of it
                vector = pictured.as_text if pictured else None
            if vector is None and (document.text or pictured is None):
                continue
            made_of_text = beside.get(row, earlier[row].beside)
            state = replace(earlier[row], pictured=pictured, beside=made_of_text)
            try:
                window.operations.append(index.operation(document, vector, state))
            except InvalidJson as error:  # what the index has of it cannot be written again
                window.reject(document.rejected("write", str(error)))
        return window

    def _pictures_of(
        self, window: Window, documents: Sequence[Document], earlier: Sequence[Earlier]
    ) -> dict[int, Pictured]:
        """Of each document with a picture what is written of it, by row; bad ones are rejected."""
        pictures = self._pictures
        if pictures is None:
            return {}
        kept = {row: one.pictured for row, one in enumerate(earlier) if one.pictured}
        new = [
            row
            for row, document in enumerate(documents)
            if document.has_picture and row not in kept
        ]
        # Before they are read: what changes meanwhile is another picture to the next run.
        states = [pictures.state(documents[row]) or "" for row in new]
        with self.tally.timed("pictures"):
            found = pictures.vectors([documents[row] for row in new])
        for row, state, vector in zip(new, states, found, strict=True):
            document = documents[row]
            if isinstance(vector, str):
                window.reject(document.rejected("image", f"{self._field}: {vector}"))
                if before := earlier[row].replaced:  # a folder that is not mounted, say
                    kept[row] = before
                continue
            window.counts.pictures += 1
            kept[row] = Pictured(vector, state, stands_for_text=pictures.stands_for_text)
        return kept

    @property
    def _field(self) -> str:
        return self.job.images.field if self.job.images else ""

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

    def _write(self, window: Window | None, index: Target, writer: BulkWriter) -> Window | None:
        if window is None:
            return None
        with self.tally.timed("write"):
            written = index.write(writer, window.operations)
        if self.touched is not None:
            self.touched.written.extend(one.document.key for one in window.operations)
        done = len(window.operations) - len(written.refused) - len(written.superseded)
        if window.deletions:
            window.counts.deleted += done
            window.counts.late_deletions += len(written.superseded)
        else:
            window.counts.indexed += done
            window.counts.superseded += len(written.superseded)
            window.counts.newer_there += len(written.superseded)
        for refusal in written.refused:
            window.reject(refusal.document.rejected("write", refusal.reason))
        return window


def _why_useless(made: bool) -> str:
    if made:
        return (
            "its vector is its language's mean, which leaves nothing to compare; "
            "for very few documents use --centering none"
        )
    return "the encoder made zeros or NaN of it"
