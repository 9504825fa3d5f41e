"""Where records come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from elasticsearch import Elasticsearch

from ingest.sources.rejects import SCHEME, RejectSource
from xlrec_es.errors import ConfigError
from xlrec_es.interactions import row_reader
from xlrec_es.records.catalog_files import is_parquet, open_text
from xlrec_es.records.record import Record, Rejection

if TYPE_CHECKING:  # what is slow to import is imported where it is used
    from ingest.sources.index import IndexSource


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
    index = index_source(
        path, client=client, query=query, follow=follow, in_place=in_place, slices=slices
    )
    if index is not None:
        return index
    if follow and (path.startswith(SCHEME) or path == "-" or is_parquet(path)):
        raise ConfigError(
            f"a file of JSON Lines and an index can be followed, {path} cannot: nothing tells what "
            "is new in it"
        )
    if path.startswith(SCHEME):
        return RejectSource(path.removeprefix(SCHEME))
    if is_parquet(path):
        from ingest.sources.parquet import ParquetSource  # takes 0.2 s to import

        return ParquetSource(path)
    return open_text(path, follow=follow)


def index_source(
    path: str,
    *,
    client: Elasticsearch | None,
    query: str = "",
    follow: bool = False,
    in_place: bool = False,
    slices: int = 1,
) -> IndexSource | None:
    """The index that an argument of the command line stands for; None if it stands for none.

    Args:
        path: As for `open_source`, and so are the others.
        client: Where the index is.
        query: Chooses a part of it.
        follow: Wait for more at the end.
        in_place: See `ingest.sources.index.IndexSource`.
        slices: Parts that are read at the same time.

    Raises:
        ConfigError: The query is none, or there is one but no index; or there is no client.
        ClusterError: The index cannot be read.
    """
    if not path.startswith(row_reader.INDEX):
        if query:
            raise ConfigError(
                f"--query chooses from an index; give {row_reader.INDEX}NAME as the input"
            )
        return None
    if client is None:
        raise ConfigError("an index as the source needs a connection")
    from ingest.sources.index import IndexSource, parse_query

    name, chosen = path.removeprefix(row_reader.INDEX), parse_query(query)
    return IndexSource(client, name, chosen, follow=follow, slices=slices, in_place=in_place)
