"""Adapters for those whose catalog is in Ray Data already: one encodes, and one writes.

from ingest.on_ray.ray_data import XlrecDatasink, XlrecEncoder

encoded = dataset.map_batches(
    XlrecEncoder, fn_constructor_args=(encoding,), batch_format="pyarrow", concurrency=2
)
encoded.write_datasink(XlrecDatasink(connection, job))
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.documents.document import Document
from ingest.on_ray.unit_worker import MakeEncoder, UnitRejects
from ingest.run.assemble import builder_for, load, reach_cluster, settled, window_of
from ingest.run.counts import Counts
from ingest.run.index_setup import check_vectors
from ingest.run.job import RunJob
from ingest.run.reject_file import RejectFile, default_path
from ingest.run.worker import Worker
from ingest.sources.parquet import records_of
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import ConfigError, EncoderError, IndexNotFound, MissingExtra, SourceError
from xlrec_es.records.envelope import opened
from xlrec_es.records.record import Record, Rejection
from xlrec_es.vectors.vector import Vector

try:
    from ray.data import Datasink
    from ray.data.block import Block, BlockAccessor
except ImportError as error:
    raise MissingExtra.named("ray", "Reading from and writing for Ray Data") from error

VECTORS, ENCODER = "xlrec_vectors", "xlrec_encoder"
"""Columns that `XlrecEncoder` adds: vectors of a record's documents, and what made them."""

_SAID = ("model", "revision", "dims", "pooling", "prefix", "max_tokens")


def _refuse_sparse(job: RunJob) -> None:
    """Refuse what these adapters do not carry from the one to the other.

    Raises:
        ConfigError: The job wants learned sparse weights.
    """
    if job.encoder.wants_sparse:
        raise ConfigError(
            "the adapters for Ray Data carry vectors, and no learned sparse weights; leave the "
            "sparse model out, or use xlrec-ingest run --engine ray"
        )


class XlrecEncoder:
    """A callable class for `ray.data.Dataset.map_batches`, with `batch_format="pyarrow"`.

    It loads the model once, and adds to each record the raw vectors of its documents: one, or one
    for each language that the record carries. A record that cannot be indexed has none: the
    datasink says why.

    Args:
        job: Says which model encodes, and which field is what; see `RunJob`.
        encoder: Makes the encoder; None: it is the job's.
    """

    def __init__(self, job: RunJob, encoder: MakeEncoder | None = None) -> None:
        _refuse_sparse(job)
        self._job = job
        self._held = contextlib.ExitStack()
        self._encoder = self._held.enter_context((encoder or load)(job))

    def __call__(self, table: pa.Table) -> pa.Table:
        """Encode the records of a table.

        Args:
            table: A record in each row.

        Returns:
            The same with the columns `VECTORS`, lists of `dims` float32, and `ENCODER`.

        Raises:
            EncoderError: The model failed.
        """
        source = _Tables([table])
        builder = builder_for(self._job, source)
        texts: list[list[str]] = [[] for _ in range(len(table))]
        for record in source.records():
            if isinstance(record, Record):
                parts = builder.build(opened(record, self._job.fields))
                texts[record.position - 1] = [p.text for p in parts if isinstance(p, Document)]
        flat = [text for several in texts for text in several]
        vectors = iter(self._encoder.encode(flat) if flat else ())
        of_each = [[next(vectors).tolist() for _ in several] for several in texts]
        kind = pa.list_(pa.list_(pa.float32()))
        said = json.dumps({name: getattr(self._encoder, name) for name in _SAID})
        with_vectors = table.append_column(VECTORS, pa.array(of_each, kind))
        return with_vectors.append_column(ENCODER, pa.array([said] * len(table)))


@dataclass(frozen=True, slots=True)
class BlockWritten:
    """What became of the records of a write task.

    Attributes:
        counts: See `ingest.run.counts.Counts.as_json`.
        rejects: Lines for the reject file; a line's number is that of the record in its task.
    """

    counts: Mapping[str, Any]
    rejects: bytes


class XlrecDatasink(Datasink[BlockWritten]):
    """Writes what `XlrecEncoder` made into an index that exists, by the worker and its bulk loop.

    Ray repeats tasks. Each document is written under its id and an external version, the moment at
    which the datasink was made or the field of `version`, so that a repeated task changes nothing.
    What is in the index unchanged is passed over. Rejected records go to a file at the end.

    Args:
        connection: To the cluster.
        job: The index, and which field is what, as for the encoder.

    Attributes:
        counts: Of all records, once the write is complete.
        rejects: The file of rejected records; there is none if none was rejected.
    """

    def __init__(self, connection: Connection, job: RunJob) -> None:
        _refuse_sparse(job)
        self._connection = connection
        self._job = job
        self._started_ns = time.time_ns()
        self.counts = Counts()
        self.rejects = job.rejects or default_path("ray-data", job.index, job.shard)

    def write(self, blocks: Iterable[Block], ctx: Any) -> BlockWritten:  # noqa: ANN401
        """Write the records of one task.

        Args:
            blocks: Of Ray Data.
            ctx: Of the task.

        Raises:
            IndexNotFound: The index is not there.
            IndexUnusable: It was made in another mode, or its vectors are indexed otherwise than
                the job says.
            FingerprintMismatch: Its vectors are another encoder's.
            SourceError: The records have no vectors.
            ClusterError: It cannot be written.
        """
        tables = [BlockAccessor.for_block(block).to_arrow() for block in blocks]
        given = _GivenVectors.of(tables)
        source = _Tables([table.drop_columns([VECTORS, ENCODER]) for table in tables])
        job = self._job
        with connect(self._connection) as client, tempfile.TemporaryFile() as file:
            cluster = reach_cluster(client, job.patience)
            live = job.mode.find(client, job.index)
            if live is None:
                raise IndexNotFound(
                    f"there is no index {job.index}: make it by xlrec-ingest run with some of the "
                    "records, from which the centering is estimated"
                )
            job = settled(job, live)
            check_vectors(job, client, live)
            builder = builder_for(job, source, started_ns=self._started_ns)
            worker = Worker(
                job=job,
                source=source,
                builder=_Remembering(builder, given),
                encoder=given,
                cluster=cluster,
                live=live,
                rejects=UnitRejects(self.rejects, file),
                window=window_of(given),
            )
            worker.run()
            file.seek(0)
            return BlockWritten(dict(Counts.as_json(worker.tally)), file.read())

    def on_write_complete(self, write_result: Any) -> None:  # noqa: ANN401 - Ray's
        """Add up the counts, and write the rejects down."""
        with RejectFile(self.rejects) as rejects:
            rejects.cut(0)
            for written in write_result.write_returns:
                counts = Counts()
                counts.set_from(written.counts)
                self.counts.add(counts)
                if written.rejects:
                    rejects.write_lines(written.rejects)
            rejects.sync()


class _Tables:
    """Records of tables, as a source of the worker."""

    rereadable = True
    resumable = False
    like = None
    path: Path | None = None
    fraction: float | None = None
    name = "ray.data"

    def __init__(self, tables: Sequence[pa.Table]) -> None:
        self._tables = tables

    def records(self, after: int = 0) -> Iterator[Record | Rejection]:
        """See `Source.records`."""
        before = 0
        for table in self._tables:
            for batch in table.to_batches():
                for record in records_of(batch, before):
                    if record.position > after:
                        yield record
                before += len(batch)


class _GivenVectors:
    """An encoder that was run before: it knows the vectors of some texts."""

    def __init__(self, said: Mapping[str, Any], by_record: Sequence[Sequence[Any]]) -> None:
        self.model: str = said["model"]
        self.revision: str = said["revision"]
        self.dims: int = said["dims"]
        self.pooling: str = said["pooling"]
        self.prefix: str = said["prefix"]
        self.max_tokens: int = said["max_tokens"]
        self._by_record = by_record
        self._by_text: dict[str, Any] = {}

    @classmethod
    def of(cls, tables: Sequence[pa.Table]) -> _GivenVectors:
        """Those of some tables.

        Raises:
            SourceError: They have none, or those of several encoders.
        """
        if not all({VECTORS, ENCODER} <= set(table.schema.names) for table in tables):
            raise SourceError(
                f"the records have no {VECTORS}: encode them by map_batches(XlrecEncoder, ...) "
                "before they are written"
            )
        said = {one for table in tables for one in table[ENCODER].unique().to_pylist()}
        if len(said) != 1:
            raise SourceError(
                f"the records have vectors of {len(said)} encoders; encode all of them by one"
            )
        vectors = [one for table in tables for one in table[VECTORS].to_pylist()]
        return cls(json.loads(said.pop()), vectors)

    def remember(self, position: int, texts: Sequence[str]) -> None:
        """The texts of a record's documents.

        Raises:
            SourceError: They are not those that were encoded.
        """
        vectors = self._by_record[position - 1]
        if len(vectors) != len(texts):
            raise SourceError(
                f"a record has {len(texts)} texts and {len(vectors)} vectors; give the encoder and "
                "the datasink the same job"
            )
        self._by_text.update(zip(texts, vectors, strict=True))

    def encode(self, texts: Sequence[str]) -> Vector:
        """See `Encoder.encode`."""
        try:
            return np.array([self._by_text[text] for text in texts], np.float32)
        except KeyError as error:
            raise EncoderError("a text was not encoded before it was to be written") from error


class _Remembering:
    """A builder that tells which texts a record has come to."""

    needs_all = False

    def __init__(self, inner: Any, given: _GivenVectors) -> None:  # noqa: ANN401
        self._inner = inner
        self._given = given

    def build(self, record: Record) -> Iterator[Any]:
        """See `Builder.build`."""
        parts = list(self._inner.build(record))
        texts = [part.text for part in parts if isinstance(part, Document)]
        if texts:
            self._given.remember(record.position, texts)
        yield from parts
