"""The worker's loop: read, clean, tell the language, encode, calibrate, write.

Documents pass in windows, so that memory is bounded whatever the source. Nothing is dropped
silently: every document ends as indexed, unchanged, or rejected with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np

from ingest import sample, vectors
from ingest.documents import DETECTED
from ingest.duplicates import Builder
from ingest.job import Job
from ingest.prepare import Cluster, calibrate, create_index, open_index
from ingest.rejects import RejectFile
from ingest.sample import SampledText
from ingest.source import Source
from ingest.tally import Observer, Tally
from ingest.target import Target
from ingest.types import Document, Record, Rejection
from ingest.writer import BulkWriter
from xlrec_es.encoder import Encoder
from xlrec_es.errors import SourceError
from xlrec_es.indices import LiveIndex
from xlrec_es.types import Vector

WINDOW_CHARACTERS = 16 * 1024 * 1024
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
        window: Documents that are encoded together.
        observe: Is called now and then, some times a second at most.
        tally: What has happened so far.
    """

    job: Job
    source: Source
    builder: Builder
    encoder: Encoder
    cluster: Cluster
    live: LiveIndex | None
    rejects: RejectFile
    window: int = 256
    observe: Observer = no_one
    tally: Tally = field(default_factory=Tally)
    _encoded: dict[str, Vector] = field(default_factory=dict)  # raw, by content hash

    def run(self) -> Target:
        """Do it.

        Returns:
            The index, refreshed.

        Raises:
            XlrecError: It cannot be done, or not to the end; all that was acknowledged stays.
        """
        documents = self._documents()
        if self.live is None:
            sampled, documents = self._sample(documents)
            index = self._create(sampled, documents)
        else:
            index = open_index(self.job, self.live, encoder=self.encoder, cluster=self.cluster)
        writer = BulkWriter(self.cluster.client, index.live.name)
        for window in self._windows(documents):
            self._index(window, index, writer)
            self.observe("index", self.tally, self.source.fraction)
        index.refresh()
        return index

    def _documents(self) -> Iterator[Document]:
        """All documents; what is none is set aside."""
        for record in self.source.records():
            for built in self._build(record):
                if isinstance(built, Rejection):
                    self._reject(built)
                    continue
                self.tally.documents += 1
                self.tally.languages[built.language] += 1
                if built.language_source == DETECTED:
                    self.tally.detected[built.language] += 1
                yield built

    def _build(self, record: Record | Rejection) -> Iterable[Document | Rejection]:
        return [record] if isinstance(record, Rejection) else self.builder.build(record)

    def _reject(self, rejection: Rejection) -> None:
        self.rejects.write(rejection)
        self.tally.rejected += 1

    def _sample(
        self, documents: Iterator[Document]
    ) -> tuple[list[SampledText], Iterator[Document]]:
        """Draw the sample from all of the source, or from its beginning if it is read but once.

        Returns:
            The sample, and the documents, none of them lost.
        """
        with self.tally.timed("sample"):
            if self.source.rereadable and self.job.method != "none":
                return sample.draw(self._first_pass(), seed=self.job.seed), documents
            head = list(islice(documents, HEAD_DOCUMENTS))
            return sample.draw(head, seed=self.job.seed), chain(head, documents)

    def _first_pass(self) -> Iterator[Document]:
        for number, record in enumerate(self.source.records()):
            if number % 1000 == 0:
                self.observe("sample", self.tally, self.source.fraction)
            yield from (built for built in self._build(record) if isinstance(built, Document))

    def _create(self, sampled: Sequence[SampledText], documents: Iterator[Document]) -> Target:
        if not sampled:
            for _ in documents:  # there are none, but reasons why to write down
                pass
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

    def _windows(self, documents: Iterator[Document]) -> Iterator[list[Document]]:
        """Documents in groups, bounded in number and in characters."""
        while True:
            with self.tally.timed("read"):
                window: list[Document] = []
                characters = 0
                for document in documents:
                    window.append(document)
                    characters += len(document.text)
                    if len(window) == self.window or characters > WINDOW_CHARACTERS:
                        break
            if not window:
                return
            yield window

    def _index(self, window: Sequence[Document], index: Target, writer: BulkWriter) -> None:
        if self.live is not None:
            with self.tally.timed("compare"):
                there = index.unchanged(window)
            self.tally.unchanged += sum(document.id in there for document in window)
            window = [document for document in window if document.id not in there]
        with self.tally.timed("encode"):
            raw = self._vectors_of(window)
        calibration = index.live.meta.calibration
        calibrated = calibration.apply(raw, [document.language for document in window])
        good = self._set_aside_useless(window, raw=raw, calibrated=calibrated)
        with self.tally.timed("write"):
            index.add_languages({window[i].language for i in good})
            refused = writer.write(index.operation(window[i], calibrated[i]) for i in good)
        self.tally.indexed += len(good) - len(refused)
        for refusal in refused:
            self._reject(refusal.document.rejected("write", refusal.reason))

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
            raw[unknown] = vectors.encode(self.encoder, texts)
        return raw

    def _set_aside_useless(
        self, documents: Sequence[Document], *, raw: Vector, calibrated: Vector
    ) -> list[int]:
        """Positions of the documents whose vectors can be searched; the others are rejected."""
        good = []
        made, kept = vectors.usable(raw), vectors.usable(calibrated)
        for row, document in enumerate(documents):
            if made[row] and kept[row]:
                good.append(row)
                continue
            reason = (
                "its vector is its language's mean, which leaves nothing to compare; "
                "for very few documents use --calibration none"
                if made[row]
                else "the encoder made zeros or NaN of it"
            )
            self._reject(document.rejected("encode", reason))
        return good
