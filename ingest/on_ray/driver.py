"""The driver of a run over units: what is noted, counted and put in order where all units meet.

Ray places the actors, starts them again and repeats what was under way. Repeating is harmless:
versions are made from the start of the job and the position of a record in the whole input, so the
last state in the input wins in whatever order units are read. Two things depend on that order:

1. A unit that has passed over a document, because an earlier job left it just so, is repeated if
   another unit has written that document, or any is to delete it: the document then gets the
   version of its place in this input.
2. Deletions come last. What stands behind them in the input has a higher version, and stays.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ingest.on_ray.progress import Progress
from ingest.on_ray.session import Places, actors, each
from ingest.on_ray.unit_notes import NotedJob, UnitNotes
from ingest.on_ray.unit_worker import Looked, MakeEncoder, Task, UnitDone, UnitWorker
from ingest.on_ray.units import (
    RECORDS,
    SLICE,
    UNIT_RECORDS,
    Unit,
    files_of,
    slices_of,
    state_of,
    units_of,
    with_sizes,
)
from ingest.run.counts import INDEXING
from ingest.run.job import RunJob
from ingest.run.signals import Stop
from ingest.sources.index import parse_query
from ingest.write.centering_sample import SampledText, merged
from xlrec_es.cluster import scan
from xlrec_es.cluster.bulk import BulkLimits
from xlrec_es.cluster.connection import Connection
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import SourceError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.interactions import row_reader


@dataclass(frozen=True, slots=True)
class Making:
    """What a run makes, for tests and benchmarks to make otherwise.

    Attributes:
        encoder: Makes the encoder of an actor; None: it is the job's.
        unit_records: Records of a unit, about.
    """

    encoder: MakeEncoder | None = None
    unit_records: int = UNIT_RECORDS


@dataclass(slots=True)
class Driver:
    """One run.

    Attributes:
        job: What is to be done.
        connection: To the cluster, for the actors.
        cluster: The same, reached from here.
        live: The index; None until it is made.
        making: See `Making`.
        progress: Counts, rejects and the bar.
        stop: The wish that the run may end.
        places: For actors.
        notes: Of units that are done.
    """

    job: RunJob
    connection: Connection
    cluster: Cluster
    live: LiveIndex | None
    making: Making
    progress: Progress
    stop: Stop
    places: Places
    notes: UnitNotes = field(init=False)
    _workers: list[Any] = field(default_factory=list)
    _done: dict[int, UnitDone] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.notes = UnitNotes(self.cluster, self.job.index, self.job.source)

    def run(self) -> bool:
        """Do it.

        Returns:
            Whether all of the input is settled.

        Raises:
            XlrecError: See `ingest.on_ray.engine.run`.
        """
        identity = self._identity()
        noted = self.notes.load() if self.job.resume else None
        self.progress.rejects.cut(0)  # those of units that are done are in the notes
        if noted is not None and noted.index:
            noted.check(identity, self._index_name())
            self._start_workers(noted)
            for done in sorted(self.notes.all_done(), key=lambda done: done.number):
                self._take(done, earlier=True, many=len(noted.units))
        else:
            noted = self._begin(identity)
        self.stop.can_drain = True
        with self.progress.tally.timed(INDEXING):
            complete = self._do_all(noted)
        self.progress.sort_rejects()
        return complete

    def _identity(self) -> Mapping[str, Any]:
        """By which a run is known again; an index is read as it is when a slice begins."""
        files = [] if self._reads_index else files_of(self.job.source)
        return {
            "input": self.job.source,
            "files": [list(one) for one in state_of(files)],
            "query": self.job.query,
            "fields": {name: str(path) for name, path in asdict(self.job.fields).items()},
            "language map": dict(self.job.language_map),
            "mode": self.job.mode.name,
        }

    @property
    def _reads_index(self) -> bool:
        return self.job.source.startswith(row_reader.INDEX)

    def _index_name(self) -> str:
        return f"{self.live.name} {self.live.uuid}" if self.live else ""

    def _start_workers(self, noted: NotedJob) -> None:
        task = Task(
            job=replace(self.job, resume=False),
            connection=self.connection,
            started_ns=noted.started_ns,
            rejects=self.progress.rejects.path,
            # Over all actors as many as one worker has, but each needs one.
            requests=max(1, BulkLimits().max_requests // self.places.count),
            renews=noted.renews,
            encoder=self.making.encoder,
        )
        self._workers = actors(UnitWorker, self.places, task)

    def _begin(self, identity: Mapping[str, Any]) -> NotedJob:
        """A new run, with its index."""
        noted = NotedJob(time.time_ns(), identity, self._units(), self.live is not None)
        self._start_workers(noted)
        units, sampled = self._look(noted.units)
        noted = replace(noted, units=units, index=self._index_name())
        self.notes.begin(noted)
        if self.live is None:
            self._create(units, sampled)
            noted = replace(noted, index=self._index_name())
            self.notes.note(noted)
        return noted

    def _units(self) -> list[Unit]:
        records = self.making.unit_records
        if not self._reads_index:
            units = units_of(files_of(self.job.source), records=records)
            if not units:
                raise self._no_record()
            return units
        name = self.job.source.removeprefix(row_reader.INDEX)
        documents = scan.count(self.cluster.client, name, parse_query(self.job.query))
        return slices_of(name, documents, workers=self.places.count, records=records)

    def _look(self, units: Sequence[Unit]) -> tuple[list[Unit], list[SampledText]]:
        """Units with their sizes, and the sample that a new index is centered by.

        The sample is of all the input, which is read for it. Files that have to be read to be
        counted are read too, unless there is but one.
        """
        samples = self.live is None
        uncounted = [unit for unit in units if unit.size is None and unit.kind != SLICE]
        looked_at = uncounted if len(units) > 1 else []
        if samples and self.job.method != "none":
            looked_at = [*units]
        sizes: dict[int, int] = {}
        parts: list[list[SampledText]] = []
        refused: dict[int, bytes] = {}

        def look(worker: Any, unit: Unit) -> Any:  # noqa: ANN401 - Ray's
            return worker.look.remote(unit, sample=samples)

        def look_at(some: Sequence[Unit]) -> None:
            for looked in each(self._workers, some, look):
                assert isinstance(looked, Looked)
                sizes[looked.number] = looked.size
                parts.append(looked.sampled)
                refused[looked.number] = looked.rejects
                self.progress.tell("sample", len(sizes) / max(len(looked_at), len(sizes)))

        look_at(looked_at)
        for unit in units:  # without centering, the languages of one are enough to begin with
            if samples and not any(parts) and unit.number not in sizes:
                look_at([unit])
        if samples and not any(parts):
            for number, lines in sorted(refused.items()):
                self.progress.add_rejects(number, lines)
            raise self._no_record()
        counted = with_sizes(units, sizes)
        if not counted:
            raise self._no_record()
        return counted, merged(parts)

    def _no_record(self) -> SourceError:
        written = self.progress.rejects
        return SourceError(
            f"{self.job.source} has no record that can be indexed"
            + (f"; {written.path} says why" if written.size else "")
        )

    def _create(self, units: Sequence[Unit], sampled: Sequence[SampledText]) -> None:
        """Have one actor make the index."""
        self.progress.tell("center")

        def create(worker: Any, unit: Unit) -> Any:  # noqa: ANN401 - Ray's
            return worker.create.remote(unit, sampled)

        for _ in each(self._workers[:1], units[:1], create):
            pass
        client = self.cluster.client
        self.live = self.cluster.patience.call(
            client, lambda: self.job.mode.find(client, self.job.index)
        )

    def _take(self, done: UnitDone, *, many: int, earlier: bool = False) -> None:
        """Count a unit, and keep of it what the end of the run needs.

        Args:
            done: What became of it. The deletions are the unit after the last, and units that were
                repeated have numbers behind that, in the same order.
            many: Units of the input.
            earlier: Whether an earlier run has done it.
        """
        if done.number > many:
            self.progress.correct(self._done[done.number - many - 1], done)
        else:
            self.progress.add(done, earlier=earlier)
        self._done[done.number] = replace(done, summary={}, rejects=b"")

    def _do_all(self, noted: NotedJob) -> bool:
        """All units, then what has to be repeated, then deletions; whether all of it was done."""
        units, many = noted.units, len(noted.units)
        sizes = {unit.number: unit.size or 1 for unit in units}
        total = sum(sizes.values())
        for done in self._each([unit for unit in units if unit.number not in self._done]):
            self._note(done, many)
            self.progress.tell("index", sum(sizes.get(n, 0) for n in self._done) / total)
            self.progress.check()
        if not self._done.keys() >= sizes.keys():
            return False
        again = {number + many + 1: number for number in self._outrun(many)}
        left = [units[number] for place, number in again.items() if place not in self._done]
        for done in self._each(left, renews=True):
            self._note(replace(done, number=done.number + many + 1), many)
        if not self._done.keys() >= again.keys():
            return False
        deletions = sorted(
            (record for number in sizes for record in self._done[number].deletions),
            key=lambda record: record[0],
        )
        if deletions and many not in self._done:
            unit = Unit(many, RECORDS, self.job.source, records=tuple(deletions))
            for done in self._each([unit]):
                self._note(done, many)
        return not deletions or many in self._done

    def _note(self, done: UnitDone, many: int) -> None:
        """Note a unit and take it in."""
        self.notes.done(done)
        self._take(done, many=many)

    def _each(self, units: Sequence[Unit], *, renews: bool = False) -> Iterator[UnitDone]:
        """Have units done, each by an actor that is free; those alone that came to their end.

        Args:
            units: Which.
            renews: See `UnitWorker.run`.

        Raises:
            XlrecError: One of them failed; its rejects are written down.
        """

        def run(worker: Any, unit: Unit) -> Any:  # noqa: ANN401 - Ray's
            tries = unit.number == 0 and self.job.tries and not renews
            return worker.run.remote(unit, tries=tries, renews=renews)

        for done in each(self._workers, units, run, until=self.stop.requested.is_set):
            assert isinstance(done, UnitDone)
            if done.error is not None:
                self.progress.add_rejects(done.number, done.rejects)
                raise done.error
            if done.summary["complete"]:
                yield done

    def _outrun(self, many: int) -> list[int]:
        """Numbers of units that passed over what another has written, or what is to be deleted.

        Args:
            many: Units of the input.
        """
        firsts = [self._done[number] for number in range(many)]
        doomed = np.concatenate([done.doomed for done in firsts])
        written = np.concatenate([done.written for done in firsts])
        owners = np.repeat(np.arange(many), [len(done.written) for done in firsts])
        return [
            done.number
            for done in firsts
            if np.isin(done.passed, doomed).any()
            or np.isin(done.passed, written[owners != done.number]).any()
        ]
