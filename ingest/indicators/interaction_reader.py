"""Where interactions are read from: CSV, TSV, JSON Lines, Parquet, or an index of events.

All but Parquet is read by `xlrec_es.interactions.row_reader`, as the query side reads it: two
readers of one format would differ on what is broken.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from elasticsearch import Elasticsearch

from ingest.indicators.baskets import BASKET
from xlrec_es.errors import ConfigError, SourceError
from xlrec_es.interactions import row_reader
from xlrec_es.interactions.likes import COLUMNS

_ROWS = 10_000  # at once, of nothing but numbers and ids
_NEEDED = ("user", "item")
_ROWS_OF_TEXT = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
_PARQUET = (".parquet", ".pq")


def read(
    source: str,
    fields: Mapping[str, str],
    *,
    client: Elasticsearch | None = None,
    report: Counter[str] | None = None,
    columns: Sequence[str] = COLUMNS,
) -> Iterator[pa.RecordBatch]:
    """Batches of interactions, their columns under the names of `likes.COLUMNS`.

    Args:
        source: Path of a file, plain or gzipped, of a folder of Parquet files, or `index:NAME`.
        fields: The source's name of each column; a column that is not named has its own name, and
            may be missing.
        client: For an index.
        report: Rows that are set aside are counted here by their reason, and as `rows`.
        columns: What a row may have. Where that is a basket too, it may be without a user.

    Raises:
        SourceError: The source cannot be read, or lacks a column.
        ConfigError: Not one of the columns.
        ClusterError: The index cannot be read.
    """
    if unknown := set(fields) - set(columns):
        raise ConfigError(
            f"{', '.join(sorted(unknown))} is no column of interactions; they have "
            f"{', '.join(columns)}"
        )
    needed = tuple(name for name in _NEEDED if name != "user" or BASKET not in fields)
    names = {name: fields.get(name, name) for name in columns}
    asides: Counter[str] = Counter() if report is None else report
    path = Path(source)
    if source.startswith(row_reader.INDEX):
        if client is None:
            raise ConfigError("an index of events needs a connection")
        index = source.removeprefix(row_reader.INDEX)
        found = row_reader.index_rows(client, index, columns, fields, needed=needed, report=asides)
        yield from _batches(found, columns, needed)
    elif path.is_dir() or _kind(path) in _PARQUET:
        try:
            for batch in _tables(path):
                yield _one_item_a_row(_renamed(batch, names, fields, needed), asides)
        except (OSError, pa.ArrowException) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise SourceError(f"cannot read {path}: {reason}") from error
    elif _kind(path) in _ROWS_OF_TEXT:
        found = row_reader.read_rows(path, columns, fields, needed=needed, report=asides)
        yield from _batches(found, columns, needed)
    else:
        raise SourceError(
            f"{path}: interactions are read from .csv, .tsv, .jsonl (these also with .gz), "
            f".parquet, a folder of .parquet files, or {row_reader.INDEX}NAME"
        )


def _kind(path: Path) -> str:
    return next((s for s in reversed(path.suffixes) if s != ".gz"), "")


def _batches(
    found: Iterator[row_reader.Row], columns: Sequence[str], needed: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Rows in batches, as texts; a column without a value is not there."""
    while some := list(itertools.islice(found, _ROWS)):
        there = [n for n in columns if n in needed or any(row[n] is not None for row in some)]
        cells = {n: [row_reader.text_of(row[n]) for row in some] for n in there}
        yield pa.RecordBatch.from_pydict(cells)


def _tables(path: Path) -> Iterator[pa.RecordBatch]:
    if path.is_dir():
        files = sorted(path.rglob("*.parquet"))
        if not files:
            raise SourceError(f"{path} has no .parquet file")
        for file in files:
            yield from _tables(file)
        return
    with pyarrow.parquet.ParquetFile(path) as table:
        yield from table.iter_batches()


def _renamed(
    batch: pa.RecordBatch,
    names: Mapping[str, str],
    given: Mapping[str, str],
    needed: Sequence[str],
) -> pa.RecordBatch:
    for column, name in given.items():
        if name not in batch.schema.names:
            raise SourceError(
                f"the interactions have no field {name!r} for {column}; they have "
                f"{', '.join(batch.schema.names)}"
            )
    there = {column: name for column, name in names.items() if name in batch.schema.names}
    if not {*needed} <= set(there):
        return batch  # the collector says what is missing
    return pa.RecordBatch.from_arrays([batch.column(n) for n in there.values()], list(there))


def _one_item_a_row(batch: pa.RecordBatch, report: Counter[str]) -> pa.RecordBatch:
    """Lists of items as a row for each; see `row_reader.read_rows`."""
    lists = [n for n in batch.schema.names if _is_list(batch.column(n).type)]
    if not lists or "item" not in batch.schema.names:
        return batch
    rows = batch.to_pylist()
    whole = [
        {n: v if isinstance(v, list) else [] if v is None else [v] for n, v in row.items()}
        for row in rows
    ]
    flat = [one for values in whole for one in row_reader.expanded(values, report)]
    kinds = {n: batch.column(n).type for n in batch.schema.names}
    schema = pa.schema([(n, k.value_type if n in lists else k) for n, k in kinds.items()])
    return pa.RecordBatch.from_pylist([dict(row) for row in flat], schema=schema)


def _is_list(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.ListType | pa.LargeListType)
