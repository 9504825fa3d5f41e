"""Where interactions are read from: CSV, TSV, JSON Lines, Parquet, or an index of events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from elasticsearch import Elasticsearch

from xlrec_es.errors import ConfigError, SourceError
from xlrec_es.interactions import row_reader
from xlrec_es.interactions.likes import COLUMNS

_ROWS = 10_000  # at once, of nothing but numbers and ids
_NEEDED = ("user", "item")
_JSON_LINES = (".jsonl", ".ndjson", ".json")


def read(
    source: str, fields: Mapping[str, str], *, client: Elasticsearch | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of interactions, their columns under the names of `likes.COLUMNS`.

    Args:
        source: Path of a file, plain or gzipped, of a folder of Parquet files, or `index:NAME`.
        fields: The source's name of each column; a column that is not named has its own name, and
            may be missing.
        client: For an index.

    Raises:
        SourceError: The source cannot be read, or lacks a column.
        ConfigError: Not one of `COLUMNS`.
        ClusterError: The index cannot be read.
    """
    if unknown := set(fields) - set(COLUMNS):
        raise ConfigError(
            f"{', '.join(sorted(unknown))} is no column of interactions; they have "
            f"{', '.join(COLUMNS)}"
        )
    names = {name: fields.get(name, name) for name in COLUMNS}
    if source.startswith(row_reader.INDEX):
        if client is None:
            raise ConfigError("an index of events needs a connection")
        index = source.removeprefix(row_reader.INDEX)
        yield from _batches(
            row_reader.index_rows(client, index, COLUMNS, fields, needed=_NEEDED, page=_ROWS)
        )
        return
    path = Path(source)
    if _kind(path) in _JSON_LINES:
        # Not by Arrow, for which all of a file must be of the types that its first lines are of.
        yield from _batches(row_reader.read_rows(path, COLUMNS, fields, needed=_NEEDED))
        return
    try:
        for batch in _open(path):
            yield _renamed(batch, names, fields)
    except (OSError, pa.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(f"cannot read {path}: {reason}") from error


def _kind(path: Path) -> str:
    return next((s for s in reversed(path.suffixes) if s != ".gz"), "")


def _batches(found: Iterator[row_reader.Row]) -> Iterator[pa.RecordBatch]:
    """Rows in batches, as texts; a column without a value is not there."""
    while some := list(itertools.islice(found, _ROWS)):
        there = [n for n in COLUMNS if n in _NEEDED or any(row[n] is not None for row in some)]
        columns = {n: [row_reader.text_of(row[n]) for row in some] for n in there}
        yield pa.RecordBatch.from_pydict(columns)


def _open(path: Path) -> Iterator[pa.RecordBatch]:
    kind = _kind(path)
    if path.is_dir():
        files = sorted(path.rglob("*.parquet"))
        if not files:
            raise SourceError(f"{path} has no .parquet file")
        for file in files:
            yield from _open(file)
    elif kind in (".parquet", ".pq"):
        with pyarrow.parquet.ParquetFile(path) as table:
            yield from table.iter_batches()
    elif kind in (".tsv", ".csv"):
        if path.stat().st_size == 0:
            return
        with pa.input_stream(str(path), compression="detect") as stream:
            yield from pyarrow.csv.open_csv(
                stream,
                parse_options=pyarrow.csv.ParseOptions(delimiter="\t" if kind == ".tsv" else ","),
                # As texts: an id 007 is not 7, and what is no number is counted, not an error.
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(_header(path, kind), pa.string()),
                    strings_can_be_null=True,
                    null_values=[""],  # Arrow's own are texts like NA, which may be an id
                ),
            )
    else:
        raise SourceError(
            f"{path}: interactions are read from .csv, .tsv, .jsonl (these also with .gz), "
            f".parquet, a folder of .parquet files, or {row_reader.INDEX}NAME"
        )


def _header(path: Path, kind: str) -> list[str]:
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(1 << 16).split(b"\n")[0]
    row = pa.BufferReader(head.rstrip(b"\r") + b"\n")
    options = pyarrow.csv.ParseOptions(delimiter="\t" if kind == ".tsv" else ",")
    names: list[str] = pyarrow.csv.read_csv(row, parse_options=options).column_names
    return names


def _renamed(
    batch: pa.RecordBatch, names: Mapping[str, str], given: Mapping[str, str]
) -> pa.RecordBatch:
    for column, name in given.items():
        if name not in batch.schema.names:
            raise SourceError(
                f"the interactions have no field {name!r} for {column}; they have "
                f"{', '.join(batch.schema.names)}"
            )
    there = {column: name for column, name in names.items() if name in batch.schema.names}
    if not {*_NEEDED} <= set(there):
        return batch  # the collector says what is missing
    return pa.RecordBatch.from_arrays([batch.column(n) for n in there.values()], list(there))
