"""Where records come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from elasticsearch import Elasticsearch

from ingest.sources.rejects import SCHEME, RejectSource
from xlrec_es.errors import ConfigError
from xlrec_es.interactions import row_reader
from xlrec_es.records.delimited import DelimitedSource, is_delimited
from xlrec_es.records.json_array import JsonArraySource, is_json_array
from xlrec_es.records.jsonl import JsonlSource
from xlrec_es.records.record import Record, Rejection

_PARQUET_MAGIC = b"PAR1"


class Source(Protocol):
    """Gives records, again and from any position if it can."""

    @property
    def name(self) -> str:
        """For people: the file's name."""

    @property
    def path(self) -> Path | None:
        """Of the file or folder; None if it is neither."""

    @property
    def rereadable(self) -> bool:
        """Whether `records` may be called more than once."""

    @property
    def resumable(self) -> bool:
        """Whether a position means the same in another process, later on."""

    @property
    def like(self) -> Mapping[str, Any] | None:
        """`mappings` and flat `settings` of the index that the records are from, or None."""

    @property
    def fraction(self) -> float | None:
        """How much has been read since `records` was called, 0..1; None if nobody knows."""

    def records(self, after: int = 0) -> Iterator[Record | Rejection | None]:
        """Read on.

        Args:
            after: Position of the last record that is done with; 0 for the beginning, and for
                whatever is not `resumable`.

        Yields:
            Records, and what is no record, in the order of the source; None when the next one is
            yet to come.

        Raises:
            SourceError: The source cannot be read (further).
        """


def open_source(
    path: str,
    *,
    client: Elasticsearch | None = None,
    query: str = "",
    follow: bool = False,
    in_place: bool = False,
    slices: int = 1,
) -> Source:
    """The source that an argument of the command line stands for.

    Args:
        path: Of a file of CSV or TSV, told by its name; of JSON Lines, a JSON array or Parquet,
            told apart by their content; of a folder of Parquet files; `-` for standard input; or
            `index:NAME`.
        client: Where the index is.
        query: Chooses a part of the index: an Elasticsearch query in JSON, or `@FILE`.
        follow: Wait for more at the end.
        in_place: See `ingest.sources.index.IndexSource`.
        slices: Parts of an index that are read at the same time.

    Raises:
        SourceError: It cannot be opened.
        ConfigError: The query is none, or there is one but no index; or it cannot be followed.
        ClusterError: The index cannot be read.
    """
    if path.startswith(row_reader.INDEX):
        if client is None:
            raise ConfigError("an index as the source needs a connection")
        from ingest.sources.index import IndexSource, parse_query

        name = path.removeprefix(row_reader.INDEX)
        chosen = parse_query(query)
        return IndexSource(client, name, chosen, follow=follow, slices=slices, in_place=in_place)
    if follow and (path.startswith(SCHEME) or path == "-" or _is_parquet(path)):
        raise ConfigError(
            f"a file of JSON Lines and an index can be followed, {path} cannot: nothing tells what "
            "is new in it"
        )
    if path.startswith(SCHEME):
        return RejectSource(path.removeprefix(SCHEME))
    if query:
        raise ConfigError(
            f"--query chooses from an index; give {row_reader.INDEX}NAME as the input"
        )
    if _is_parquet(path):
        from ingest.sources.parquet import ParquetSource  # takes .2 s to import

        return ParquetSource(path)
    return _open_text(path, follow=follow)


def _open_text(path: str, *, follow: bool) -> Source:
    source = JsonlSource(path, follow=follow)
    if not follow and source.path is not None and source.path.is_file():
        if is_delimited(path):
            return DelimitedSource(path)
        if is_json_array(path):
            return JsonArraySource(path)
    if source.rereadable:
        with source.open():  # fails now rather than after the model has been loaded
            pass
    return source


def _is_parquet(path: str) -> bool:
    found = Path(path)
    if found.is_dir():
        return any(found.rglob("*.parquet"))
    if path == "-" or not found.is_file():
        return False
    try:
        with found.open("rb") as file:
            return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    except OSError:
        return False  # whoever opens it next says why
