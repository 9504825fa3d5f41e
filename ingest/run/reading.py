"""Reading: what each record of a source comes to, and the sample that is drawn before the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from ingest.documents.builder import Builder
from ingest.documents.document import Document
from ingest.run.checkpoint import BEGIN_ANEW, State
from ingest.run.counts import Observer, Tally
from ingest.run.job import RunJob
from ingest.run.signals import Stop
from ingest.run.window import Built
from ingest.sources.source import Source
from ingest.write import centering_sample
from ingest.write.centering_sample import SampledText
from xlrec_es import exact_json
from xlrec_es.errors import ConfigError, InvalidJson
from xlrec_es.records.drafts import record_id
from xlrec_es.records.envelope import opened
from xlrec_es.records.record import Record, Rejection

TRIED = 100
"""A run whose first records all fail, so many of them, ends there: what follows will be alike."""

Records = Generator[Built | None, None, None]
"""What records come to; None where the next is yet to come. Closed, it closes the source's file."""

HEAD_DOCUMENTS = 2000
"""How much of a stream that can be read but once is looked at for the sample."""


def can_be_resumed(source: Source) -> bool:
    """Whether another run can go on where this one has got to."""
    return source.rereadable and source.resumable


def check_settled(job: RunJob, source: Source, state: State) -> None:
    """See that the records which an earlier run has settled are those of the source still.

    They are passed over, so one that was changed or put among them would be lost.

    Raises:
        ConfigError: Some of them are others now, or there are fewer.
        SourceError: The source cannot be read.
    """
    if not state.position:
        return
    digest, is_long_enough = "", False
    for record in _records(job, source):
        if record is not None:
            is_long_enough = record.position >= state.position
            if record.position <= state.position and is_mine(record, job):
                digest = digest_with(record, before=digest)
        if record is None or is_long_enough:
            break
    if not is_long_enough:
        raise ConfigError(
            f"{source.name} ends before its record {state.position}, up to which the earlier run "
            f"was settled, so it is not what that run has read; {BEGIN_ANEW}"
        )
    if digest != state.digest:
        raise ConfigError(
            f"{source.name} was changed somewhere up to its record {state.position}, up to which "
            f"the earlier run was settled; {BEGIN_ANEW}"
        )


def digest_with(record: Record | Rejection, *, before: str) -> str:
    """What stands for a record and for all before it.

    Args:
        record: As the source gives it.
        before: The digest of those before it; empty for none.
    """
    content = record.whole if isinstance(record, Record) else record.record
    kind = type(record).__name__.encode()
    try:
        raw = exact_json.dumps(content)
    except InvalidJson:
        raw = exact_json.as_text(content).encode()
    return hashlib.blake2b(b"\0".join((before.encode(), kind, raw)), digest_size=16).hexdigest()


def _records(job: RunJob, source: Source, after: int = 0) -> Iterator[Record | Rejection | None]:
    """As `Source.records`, each out of the envelope of a dump."""
    for one in source.records(after):
        yield opened(one, job.fields) if isinstance(one, Record) else one


def is_mine(record: Record | Rejection, job: RunJob) -> bool:
    """Whether a record belongs to the run's shard; where it has no id, by its position."""
    if job.shard.count == 1:
        return True
    id_ = record_id(record, job.fields) if isinstance(record, Record) else None
    return job.shard.has(str(record.position if id_ is None else id_))


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

    def build_all(self, state: State) -> Records:
        """What each record that is not settled comes to; None where the next is yet to come."""
        settled, digest, is_resumable = state.position, state.digest, can_be_resumed(self.source)
        records = _records(self.job, self.source, 0 if self.builder.needs_all else settled)
        while not self.stop.requested.is_set():
            with self.tally.timed("read"):
                try:
                    record = next(records)
                except StopIteration:
                    return
                wanted = record is None or (record.position > settled and is_mine(record, self.job))
                if not wanted and not self.builder.needs_all:
                    continue
                built = None if record is None else self._build(record)
                if built is not None and record is not None and wanted and is_resumable:
                    digest = digest_with(record, before=digest)
                    built = replace(built, digest=digest)
                if wanted and isinstance(record, Record) and record.as_it_came is not None:
                    self.tally.unwrapped += 1
            if wanted:
                yield built

    def _build(self, record: Record | Rejection) -> Built:
        if isinstance(record, Rejection):
            return Built(record.position, len(record.record), (record,))
        parts = tuple(self.builder.build(record))
        size = record.size or sum(len(part.text) for part in parts if isinstance(part, Document))
        return Built(record.position, size, parts)

    def try_first(self, state: State) -> tuple[list[Built], Records]:
        """Look at the first records before anything is encoded.

        Args:
            state: See `build_all`.

        Returns:
            The first `TRIED` records if all of them are set aside, or else none; and what
            `build_all` gives.
        """
        unwrapped = self.tally.unwrapped
        built = self.build_all(state)
        head: list[Built | None] = []
        if self.job.tries:
            for one in built:
                head.append(one)
                if one is None or not one.is_set_aside or len(head) == TRIED:
                    break
        failed = [one for one in head if one is not None and one.is_set_aside]
        if len(failed) == TRIED:
            return failed, _rejoined(head, built)
        if self.builder.needs_all and self.source.rereadable:
            # The sample may be another pass of the builder, which then has to begin again.
            self.tally.unwrapped = unwrapped
            return [], self.build_all(state)
        return [], _rejoined(head, built)

    def sample(self, built: Records) -> tuple[list[SampledText], Records]:
        """Draw the sample from all of the source, or from its beginning if it is read but once.

        Args:
            built: What `build_all` gives.

        Returns:
            The sample, and the records, none of them lost.
        """
        with self.tally.timed("sample"):
            if self.source.rereadable and self.job.method != "none":
                return centering_sample.draw(self._first_pass(), seed=self.job.seed), built
            head: list[Built] = []
            documents: list[Document] = []
            for one in built:
                head += [] if one is None else [one]
                documents += _documents(one)
                if len(documents) >= HEAD_DOCUMENTS or (one is None and documents):
                    break
            return centering_sample.draw(documents, seed=self.job.seed), _rejoined(head, built)

    def documents(self) -> Iterator[Document]:
        """All documents of the source, by a pass of its own."""
        return self._first_pass()

    def _first_pass(self) -> Iterator[Document]:
        found = False
        for number, record in enumerate(_records(self.job, self.source)):
            if record is None:
                if found or self.stop.requested.is_set():
                    return  # all that there is so far
                continue
            if number % 1000 == 0:
                self.observe("sample", self.tally, self.source.fraction)
            documents = _documents(self._build(record))
            found = found or bool(documents)
            yield from documents


def _rejoined(head: Iterable[Built | None], rest: Records) -> Records:
    """Both; when it is closed, so is the rest, and with it the source's file."""
    with closing(rest):
        yield from head
        yield from rest


def _documents(built: Built | None) -> list[Document]:
    """Those with a text, which alone says something of texts' vectors."""
    parts = built.parts if built else ()
    return [part for part in parts if isinstance(part, Document) and part.text]
