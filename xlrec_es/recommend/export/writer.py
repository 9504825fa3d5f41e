"""Where lists go: a Parquet file, a file of JSON Lines, or an index."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import elasticsearch
import orjson
from elasticsearch import Elasticsearch

from xlrec_es.cluster.bulk import BulkWriter, Named, Operation
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexUnusable, MissingExtra, UsageError, WriteError
from xlrec_es.interactions.row_reader import INDEX
from xlrec_es.output_files import explained, refuse_others, whole
from xlrec_es.recommend.export.list_rows import ListRows

PARQUET, JSON_LINES = ".parquet", ".jsonl"

_COLUMNS = frozenset(("user", "rank", "id", "item", "language", "score", "title", "reasons"))
_AT_ONCE = 65_536
"""Rows in a row group of a Parquet file."""


class ListWriter(Protocol):
    """Takes rows."""

    def write(self, rows: ListRows) -> None:
        """Write some more."""
        ...


@contextlib.contextmanager
def list_writer(client: Elasticsearch, output: str, *, sources: bool) -> Iterator[ListWriter]:
    """A writer of lists; a file has its name once all of them are in it.

    Args:
        client: Of the cluster.
        output: A file that ends in `.parquet` or `.jsonl`, or `index:NAME`.
        sources: Whether rows have fields of the user's own.

    Raises:
        UsageError: Neither of them; or the folder is not there; or the file is, and holds no lists.
        IndexUnusable: The index is there already.
        MissingExtra: Parquet needs pyarrow.
        WriteError: Elasticsearch does not take a row.
    """
    if output.startswith(INDEX):
        with _index(client, output.removeprefix(INDEX)) as into:
            yield into
        return
    path = checked_file(output)
    with (
        whole(path) as unfinished,
        _opened(unfinished, path) as file,
        _in_form(path, file, sources=sources) as writer,
    ):
        yield writer


def checked_file(output: str) -> Path:
    """The file that lists go to.

    Raises:
        UsageError: It has another ending, or no folder; or something else than lists is there.
        MissingExtra: Parquet needs pyarrow.
    """
    path = Path(output)
    if path.suffix not in (PARQUET, JSON_LINES):
        raise UsageError(
            f"lists are written to a file that ends in {PARQUET} or {JSON_LINES}, or to "
            f"{INDEX}NAME, and {output!r} is none of these"
        )
    refuse_others(path, _has_lists, kind="file of lists that xlrec-es export wrote")
    return path


def _has_lists(path: Path) -> bool:
    """Whether a file has the columns of lists."""
    if path.suffix == JSON_LINES:
        with path.open("rb") as file:
            try:
                row = orjson.loads(file.readline())
            except orjson.JSONDecodeError:
                return False
        return isinstance(row, dict) and row.keys() >= _COLUMNS
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra.named("export", "a Parquet file") from error
    try:
        return set(parquet.read_schema(path).names) >= _COLUMNS
    except pa.ArrowException:
        return False


def _opened(unfinished: Path, path: Path) -> BinaryIO:
    """A file to write; what goes wrong is told of the one whose name it gets."""
    with explained(path):
        return io.BufferedWriter(_Explained(unfinished, path))


class _Explained(io.FileIO):
    """A file that says in one sentence why it cannot be written.

    Not all that is done meanwhile is writing, and the writer of Parquet writes it, too.
    """

    def __init__(self, unfinished: Path, path: Path) -> None:
        super().__init__(unfinished, "wb")
        self._path = path

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - a buffer, as io.FileIO takes it
        with explained(self._path):
            return super().write(data) or 0


@contextlib.contextmanager
def _in_form(path: Path, file: BinaryIO, *, sources: bool) -> Iterator[ListWriter]:
    if path.suffix == JSON_LINES:
        yield _JsonLines(file)
        return
    into = _Parquet(file, sources=sources)
    try:
        yield into
        into.flush()
    finally:
        into.close()


class _JsonLines:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, rows: ListRows) -> None:
        self._file.writelines(
            orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows.objects()
        )


class _Parquet:
    """The columns of `ListRows.objects`; `source` is a text, for fields may be any."""

    def __init__(self, file: BinaryIO, *, sources: bool) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtra.named("export", "a Parquet file") from error
        self._pa = pa
        self._sources = sources
        text, number, real = pa.string(), pa.int32(), pa.float64()
        said = [("retriever", text), ("rank", number), ("score", real), ("share", real)]
        reason = [("item", text), ("title", text), ("share", real)]
        self._said, self._reason = pa.struct(said), pa.struct(reason)
        columns = [
            ("user", text),
            ("rank", number),
            ("id", text),
            ("item", text),
            ("language", text),
            ("score", real),
            ("title", text),
            ("retrievers", pa.list_(self._said)),
            ("reasons", pa.list_(self._reason)),
            *([("source", text)] * sources),
        ]
        self._schema = pa.schema(columns)
        self._writer = parquet.ParquetWriter(file, self._schema)
        self._waiting: list[Any] = []
        self._many = 0

    def write(self, rows: ListRows) -> None:
        pa = self._pa
        said = pa.StructArray.from_arrays(
            [
                pa.array(rows.retrievers, pa.string()),
                pa.array(rows.retriever_rank, pa.int32()),
                pa.array(rows.retriever_score),
                pa.array(rows.retriever_share),
            ],
            fields=list(self._said),
        )
        reasons = pa.StructArray.from_arrays(
            [
                pa.array(rows.reasons, pa.string()),
                pa.array(rows.reason_titles, pa.string()),
                pa.array(rows.reason_share),
            ],
            fields=list(self._reason),
        )
        columns = [
            pa.array(rows.users, pa.string()),
            pa.array(rows.rank, pa.int32()),
            pa.array(rows.ids, pa.string()),
            pa.array(rows.items, pa.string()),
            pa.array(rows.languages, pa.string()),
            pa.array(rows.score),
            pa.array(rows.titles, pa.string()),
            pa.ListArray.from_arrays(pa.array(rows.retriever_start, pa.int32()), said),
            pa.ListArray.from_arrays(pa.array(rows.reason_start, pa.int32()), reasons),
        ]
        if self._sources:
            texts = [orjson.dumps(source).decode() for source in rows.sources or ()]
            columns.append(pa.array(texts, pa.string()))
        self._waiting.append(pa.record_batch(columns, schema=self._schema))
        self._many += len(rows)
        if self._many >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._writer.write_table(self._pa.Table.from_batches(self._waiting, self._schema))
        self._waiting, self._many = [], 0

    def close(self) -> None:
        """Write the end of the file."""
        self._writer.close()


_KEYWORD, _KEPT = {"type": "keyword"}, {"type": "object", "enabled": False}
_PROPERTIES = {
    **{name: _KEYWORD for name in ("user", "id", "item", "language")},
    "rank": {"type": "integer"},
    "score": {"type": "double"},
    "title": {"type": "keyword", "index": False, "doc_values": False},
    **{name: _KEPT for name in ("retrievers", "reasons", "source")},
}


@contextlib.contextmanager
def _index(client: Elasticsearch, name: str) -> Iterator[ListWriter]:
    with friendly_errors(client):
        if client.indices.exists(index=name):
            raise IndexUnusable(
                f"there is an index {name} already, and lists of two exports are not mixed; name "
                "another one, or delete it"
            )
        mappings = {"dynamic": "strict", "properties": _PROPERTIES}
        client.indices.create(index=name, mappings=mappings)
    try:
        yield _Index(client, name)
        with friendly_errors(client):
            client.indices.refresh(index=name)
    except BaseException:
        # It was made a moment ago: half of the lists look like all of them.
        with contextlib.suppress(elasticsearch.ApiError, elasticsearch.TransportError):
            client.indices.delete(index=name)
        raise


class _Index:
    def __init__(self, client: Elasticsearch, name: str) -> None:
        self._name = name
        self._writer = BulkWriter(client, name)

    def write(self, rows: ListRows) -> None:
        written = self._writer.write(
            Operation.index(Named(_id_of(row["user"], row["rank"])), row) for row in rows.objects()
        )
        if written.refused:
            raise WriteError(
                f"{self._name} does not take {len(written.refused)} rows: "
                f"{written.refused[0].reason}"
            )


def _id_of(user: str, rank: int) -> str:
    """An id of a row's own: a user's may be longer than Elasticsearch allows."""
    return hashlib.blake2b(f"{rank}\0{user}".encode(), digest_size=16).hexdigest()
