"""Rows of a file, or an index, of interactions or impressions, without the worker's libraries."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.scan import pages
from xlrec_es.errors import SourceError

Row = Mapping[str, Any]


def read_rows(
    path: Path, columns: Sequence[str], fields: Mapping[str, str], *, needed: Sequence[str]
) -> Iterator[Row]:
    """Each row, under the names of the columns.

    Args:
        path: .csv, .tsv or .jsonl, plain or gzipped, in UTF-8.
        columns: What a row may have; what it has not is None.
        fields: The file's name of each column; one that is not named has its own name.
        needed: Columns that must be there; so must those of `fields`.

    Raises:
        SourceError: The file cannot be read, or lacks a column.
    """
    names = {name: fields.get(name, name) for name in columns}
    checked = False
    try:
        for row in _open(path):
            if not checked:
                _check_columns(path, row, names, (*needed, *fields))
                checked = True
            yield {name: row.get(column) for name, column in names.items()}
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(f"cannot read {path}: {reason}") from error


INDEX = "index:"
"""Before the name of an index, where a file can stand too."""


def index_rows(
    client: Elasticsearch,
    index: str,
    columns: Sequence[str],
    fields: Mapping[str, str],
    *,
    needed: Sequence[str],
    page: int | None = None,
) -> Iterator[Row]:
    """Each document as a row, under the names of the columns.

    Args:
        client: Of the cluster.
        index: Index, alias or pattern.
        columns: See `read_rows`.
        fields: See `read_rows`; dotted paths for objects in objects.
        needed: Columns that must have a field in the mapping; so must those of `fields`.
        page: Documents that are asked for at once; see `xlrec_es.cluster.scan.pages`.

    Raises:
        SourceError: There is no such field.
        IndexNotFound: No such index.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    names = {name: fields.get(name, name) for name in columns}
    with friendly_errors(client):
        answer = client.field_caps(index=index, fields="*", filters="-metadata").body
    _check_columns(f"{INDEX}{index}", answer["fields"], names, (*needed, *fields))
    body = {"_source": False, "fields": list(names.values())}
    for hits in pages(client, index, body, page=page):
        for hit in hits:
            found = hit.get("fields", {})
            yield {name: found.get(column, [None])[0] for name, column in names.items()}


def text_of(value: object) -> str:
    """A cell as text; none is the empty text."""
    return "" if value is None else str(value)


def _open(path: Path) -> Iterator[Row]:
    kind = next((s for s in reversed(path.suffixes) if s != ".gz"), "")
    with path.open("rb") as file:
        binary: Any = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
        if kind in (".jsonl", ".ndjson", ".json"):
            yield from (_object(n, line) for n, line in enumerate(binary, 1) if line.strip())
        elif kind in (".tsv", ".csv"):
            text = io.TextIOWrapper(binary, "utf-8-sig", newline="")
            yield from csv.DictReader(text, delimiter="\t" if kind == ".tsv" else ",")
        else:
            raise SourceError(f"{path}: rows are read from .csv, .tsv or .jsonl, plain or with .gz")


def _object(number: int, line: bytes) -> Row:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"line {number} is not JSON: {error.msg}") from error
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is not a JSON object")
    return row


def _check_columns(
    path: Path | str, row: Row, names: Mapping[str, str], needed: Sequence[str]
) -> None:
    for column in needed:
        if column not in names:
            raise SourceError(f"{column!r} is no column; there are {', '.join(names)}")
        if names[column] not in row:
            raise SourceError(
                f"{path} has no field {names[column]!r} for {column}, but {', '.join(row)}; say "
                f"which it is: --field {column}=NAME"
            )
