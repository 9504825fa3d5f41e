"""A unit of an input as a source of the worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from ingest.on_ray import units
from ingest.on_ray.units import Unit
from ingest.run.job import RunJob
from ingest.sources.index import IndexSource, parse_query
from ingest.sources.parquet import ParquetSource
from ingest.sources.source import Source, open_source
from xlrec_es.records.jsonl import JsonlSource, LineRange
from xlrec_es.records.record import Place, Record, Rejection


class UnitSource:
    """The records of a unit, with their positions in the whole input and their places in its file.

    Args:
        unit: The unit.
        job: What is to be done with the input.
        client: Where an index is.

    Raises:
        SourceError: It cannot be read.
        ClusterError: The index cannot be read.
    """

    rereadable = True
    resumable = False  # a unit is done, or done again

    def __init__(self, unit: Unit, job: RunJob, client: Elasticsearch) -> None:
        self.name = job.source
        self._unit = unit
        self._inner = _open(unit, job, client)
        is_all = unit.kind == units.SLICE or Path(unit.path) == Path(job.source)
        self._file = None if is_all else unit.path
        self.path: Path | None = self._inner.path if self._inner else None
        self.like: Mapping[str, Any] | None = self._inner.like if self._inner else None

    @property
    def fraction(self) -> float | None:
        """See `Source.fraction`; it is not known of a unit."""
        return None

    def records(self, after: int = 0) -> Iterator[Record | Rejection | None]:
        """See `Source.records`."""
        if self._inner is None:
            for position, fields, line, file in self._unit.records:
                yield Record(fields, position, place=Place(line, file))
            return
        for record in self._inner.records():
            if record is not None:
                place = record.place
                if self._file is not None:
                    place = replace(record.placed, file=self._file)
                yield replace(record, position=self._unit.before + record.position, place=place)


def _open(unit: Unit, job: RunJob, client: Elasticsearch) -> Source | None:
    match unit.kind:
        case units.RECORDS:
            return None
        case units.LINES:
            part = LineRange(unit.start, unit.end, unit.within)
            return JsonlSource(unit.path, part=part)
        case units.ROWS:
            return ParquetSource(unit.path, groups=(unit.start, unit.end))
        case units.SLICE:
            query = parse_query(job.query)
            source = IndexSource(client, unit.path, query, in_place=job.mode.in_place)
            source.part = (unit.start, unit.end) if unit.end > 1 else None
            return source
        case _:
            return open_source(unit.path)
