"""Reading: what each record of a source comes to, and the sample that is drawn before the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ingest.documents.builder import Builder, record_id
from ingest.documents.document import Document
from ingest.documents.envelope import opened
from ingest.run.counts import Observer, Tally
from ingest.run.job import RunJob
from ingest.run.signals import Stop
from ingest.run.window import Built
from ingest.sources.record import Record, Rejection
from ingest.sources.source import Source
from ingest.write import calibration_sample
from ingest.write.calibration_sample import SampledText

TRIED = 100
"""A run whose first records all fail, so many of them, ends there: what follows will be alike."""

HEAD_DOCUMENTS = 2000
"""How much of a stream that can be read but once is looked at for the sample."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads a source for a run, and makes documents of its records.

    Attributes:
        job: What is to be done.
        source: Where the records are.
        builder: Makes documents of them.
        tally: Is given the time that it takes.
        stop: The wish that the run may end: no more is read.
        observe: Is told how far the sample is.
    """

    job: RunJob
    source: Source
    builder: Builder
    tally: Tally
    stop: Stop
    observe: Observer

    def build_all(self, settled: int) -> Iterator[Built | None]:
        """What each record after a position comes to; None where the next one is yet to come."""
        records = self.source.records(0 if self.builder.needs_all else settled)
        while not self.stop.requested.is_set():
            with self.tally.timed("read"):
                try:
                    record = self._opened(next(records))
                except StopIteration:
                    return
                wanted = record is None or (record.position > settled and self._is_mine(record))
                if not wanted and not self.builder.needs_all:
                    continue
                built = None if record is None else self._build(record)
                if wanted and isinstance(record, Record) and record.as_it_came is not None:
                    self.tally.unwrapped += 1
            if wanted:
                yield built

    def _opened(self, record: Record | Rejection | None) -> Record | Rejection | None:
        return opened(record, self.job.fields) if isinstance(record, Record) else record

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

    def try_first(
        self, built: Iterator[Built | None]
    ) -> tuple[list[Built], Iterator[Built | None]]:
        """Look at the first records before anything is encoded.

        Args:
            built: What `build_all` gives.

        Returns:
            The first `TRIED` records if all of them are set aside, or else none; and the records,
            none of them lost.
        """
        head: list[Built | None] = []
        if self.job.tries:
            for one in built:
                head.append(one)
                if one is None or not one.is_set_aside or len(head) == TRIED:
                    break
        failed = [one for one in head if one is not None and one.is_set_aside]
        return failed if len(failed) == TRIED else [], chain(head, built)

    def sample(
        self, built: Iterator[Built | None]
    ) -> tuple[list[SampledText], Iterator[Built | None]]:
        """Draw the sample from all of the source, or from its beginning if it is read but once.

        Args:
            built: What `build_all` gives.

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
        for number, record in enumerate(map(self._opened, self.source.records())):
            if record is None:
                if found or self.stop.requested.is_set():
                    return  # all that there is so far
                continue
            if number % 1000 == 0:
                self.observe("sample", self.tally, self.source.fraction)
            documents = _documents(self._build(record))
            found = found or bool(documents)
            yield from documents


def _documents(built: Built | None) -> list[Document]:
    return [part for part in (built.parts if built else ()) if isinstance(part, Document)]
