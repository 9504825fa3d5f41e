"""Rows of a file, or an index, of interactions or impressions, without the worker's libraries."""

from __future__ import annotations

import contextlib
import csv
import gzip
import itertools
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from elasticsearch import Elasticsearch

from xlrec_es import exact_json
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.scan import pages
from xlrec_es.errors import InvalidJson, SourceError
from xlrec_es.interactions.bounded_lines import bounded_lines
from xlrec_es.interactions.delimited import RAGGED, PlainText, plain_texts, read_delimited

Row = Mapping[str, Any]

SEVERAL = "several values, which do not go with the items"
"""Reason for which a row is rejected: it has two users, say, or three items and two weights."""

_PAGE = 10_000  # of nothing but ids, numbers and times
_JSON, _DELIMITED = (".jsonl", ".ndjson", ".json"), (".tsv", ".csv")
_DATES = frozenset(("date", "date_nanos"))


def read_rows(
    path: Path,
    columns: Sequence[str],
    fields: Mapping[str, str],
    *,
    needed: Sequence[str],
    report: Counter[str] | None = None,
) -> Iterator[Row]:
    """Each row, under the names of the columns; a row with several items comes once for each.

    Args:
        path: .csv, .tsv (see `xlrec_es.interactions.delimited`) or .jsonl, plain or gzipped.
        columns: What a row may have; what it has not is None.
        fields: The file's name of each column; one that is not named has its own name. In JSON,
            dotted paths lead into objects in objects.
        needed: Columns that must be there; so must those of `fields`.
        report: Rows that are set aside are counted here by their reason, and as `rows`.

    Raises:
        SourceError: The file cannot be read, lacks a column, or has a row of more than a megabyte.
    """
    names = {name: fields.get(name, name) for name in columns}
    asides: Counter[str] = Counter() if report is None else report
    with _named(path):
        yield from _open(path, names, (*needed, *fields), asides)


def read_columns(
    path: Path,
    columns: Sequence[str],
    fields: Mapping[str, str],
    *,
    needed: Sequence[str],
    report: Counter[str],
) -> Iterator[Mapping[str, Sequence[Any]]]:
    """As `read_rows`, thousands of rows at once, which costs half: the cells of each column.

    Args:
        path: As there.
        columns: As there.
        fields: As there.
        needed: As there.
        report: As there.

    Yields:
        By column a cell of each row; none at all of a column that a CSV or TSV does not have.

    Raises:
        SourceError: As there.
    """
    names = {name: fields.get(name, name) for name in columns}
    with _named(path):
        kind = _kind_of(path)
        if kind in _JSON:
            objects = _open(path, names, (*needed, *fields), report)
            while some := list(itertools.islice(objects, _PAGE)):
                yield {name: [row[name] for row in some] for name in columns}
            return
        with _binary(path) as binary:
            table = _Table(names, (*needed, *fields), report)
            for part in _parts(binary, tabs=kind == ".tsv"):
                cells = table.columns(part)
                if cells:
                    places = table.places
                    yield {n: cells[places[n]] if n in places else () for n in columns}


_Part = PlainText | list[list[str]]


def _parts(binary: BinaryIO, *, tabs: bool) -> Iterator[_Part]:
    """The header by itself, and then many rows at a time."""
    many = 0
    if binary.seekable():  # so that what was read can be read again
        for part in plain_texts(binary, tabs=tabs):
            if part is None:
                break
            yield part
            many += part.many
        else:
            return
        binary.seek(0)
    header, numbered = read_delimited(bounded_lines(binary, returns=True), tabs=tabs)
    if not many and header:
        yield [header]
    others = itertools.islice((row for _, row in numbered), max(0, many - 1), None)
    while some := list(itertools.islice(others, _PAGE)):
        yield some


class _Table:
    """Takes the header, and gives the rows that are as wide; others are counted.

    Attributes:
        places: Where each column stands.
    """

    def __init__(
        self, names: Mapping[str, str], needed: Sequence[str], report: Counter[str]
    ) -> None:
        self._names, self._needed, self._report = names, needed, report
        self._width = 0
        self.places: dict[str, int] = {}

    def rows(self, part: _Part) -> list[list[str]]:
        """Those that count; of the header, none."""
        if not self._width:
            self._take(part.header() if isinstance(part, PlainText) else part[0])
            return []
        rows = part.rows(self._width) if isinstance(part, PlainText) else part
        kept = [row for row in rows if len(row) == self._width]
        if len(kept) < len(rows):
            self._report["rows"] += len(rows) - len(kept)
            self._report[RAGGED] += len(rows) - len(kept)
        return kept

    def columns(self, part: _Part) -> Sequence[Sequence[str]]:
        """The same by columns; none if there are no rows."""
        if self._width and isinstance(part, PlainText):
            cells = part.columns(self._width)
            if cells is not None:
                return cells
        return list(zip(*self.rows(part), strict=True))

    def _take(self, header: list[str]) -> None:
        _check_columns("it", dict.fromkeys(header), self._names, self._needed)
        _check_once(header, self._names)
        self.places = {name: header.index(at) for name, at in self._names.items() if at in header}
        self._width = len(header)


def column_names(path: Path) -> tuple[str, ...]:
    """The columns of a file of rows; of JSON Lines, the fields of the first object.

    Raises:
        SourceError: The file cannot be read.
    """
    with _named(path):
        kind, binary = _kind_of(path), _binary(path)
        with binary as file:
            if kind in _DELIMITED:
                lines = bounded_lines(file, returns=True)
                return tuple(read_delimited(lines, tabs=kind == ".tsv").header)
            lines = bounded_lines(file, returns=False)
            return tuple(next(_objects(lines, Counter()), {}))


INDEX = "index:"
"""Before the name of an index, where a file can stand too."""


def index_rows(
    client: Elasticsearch,
    index: str,
    columns: Sequence[str],
    fields: Mapping[str, str],
    *,
    needed: Sequence[str],
    report: Counter[str] | None = None,
) -> Iterator[Row]:
    """Each document as a row, under the names of the columns; several items as several rows.

    Args:
        client: Of the cluster.
        index: Index, alias or pattern.
        columns: See `read_rows`.
        fields: See `read_rows`; dotted paths for objects in objects, nested ones too.
        needed: Columns that must have a field in the mapping; so must those of `fields`.
        report: See `read_rows`.

    Raises:
        SourceError: There is no such field.
        IndexNotFound: No such index.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    names = {name: fields.get(name, name) for name in columns}
    asides: Counter[str] = Counter() if report is None else report
    with friendly_errors(client):
        answer = client.field_caps(index=index, fields="*", filters="-metadata").body
    known = answer["fields"]
    _check_columns(f"{INDEX}{index}", known, names, (*needed, *fields))
    dates = date_fields(known, names.values())
    body = {"_source": False, "fields": asked_of(names.values(), dates)}
    for hits in pages(client, index, body, page=_PAGE):
        for hit in hits:
            found = hit.get("fields", {})
            values = {name: values_at(found, path) for name, path in names.items()}
            for name, path in names.items():
                if path in dates:
                    values[name] = [of_millis(value) for value in values[name]]
            yield from expanded(values, asides)


def date_fields(known: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> frozenset[str]:
    """Those of the fields that are dates, in every index that has them.

    Args:
        known: The `fields` of an answer of `field_caps`.
        names: Of fields; one that no index has is no date.
    """
    return frozenset(name for name in names if known.get(name) and known[name].keys() <= _DATES)


def asked_of(names: Iterable[str], dates: Collection[str]) -> list[Any]:
    """What a search asks for in `fields`, so that `of_millis` reads the dates.

    A date comes as its field's format says, which may be any; so one format is asked for. Of other
    fields Elasticsearch takes none.

    Args:
        names: Of fields.
        dates: Those that are dates; see `date_fields`.
    """
    return [
        {"field": name, "format": "epoch_millis"} if name in dates else name
        for name in dict.fromkeys(names)
    ]


def text_of(value: object) -> str:
    """A cell as text; none is the empty text, and a whole number has no decimal point."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, datetime) else str(value)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have whatever keeps a file from being read name the file."""
    try:
        yield
    except SourceError as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(f"cannot read {path}: {reason}") from error


def _open(
    path: Path, names: Mapping[str, str], needed: Sequence[str], report: Counter[str]
) -> Iterator[Row]:
    kind = _kind_of(path)
    with _binary(path) as binary:
        if kind in _JSON:
            lines = bounded_lines(binary, returns=False)
            yield from _json_rows(lines, names, needed, report)
        else:
            table, empty = _Table(names, needed, report), dict.fromkeys(names)
            for part in _parts(binary, tabs=kind == ".tsv"):
                for row in table.rows(part):
                    yield {**empty, **{name: row[at] for name, at in table.places.items()}}


def _kind_of(path: Path) -> str:
    """The ending of a file's name, without that of gzip."""
    kind = next((s for s in reversed(path.suffixes) if s != ".gz"), "")
    if kind not in (*_JSON, *_DELIMITED):
        raise SourceError("rows are read from .csv, .tsv or .jsonl, plain or with .gz")
    return kind


@contextlib.contextmanager
def _binary(path: Path) -> Iterator[Any]:
    """The uncompressed bytes of a file."""
    with path.open("rb") as file:
        yield gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file


def _json_rows(
    lines: Iterator[bytes],
    names: Mapping[str, str],
    needed: Sequence[str],
    report: Counter[str],
) -> Iterator[Row]:
    found = _objects(lines, report)
    first = next(found, None)
    if first is None:
        return
    there = {**first, **{at: None for at in names.values() if values_at(first, at)}}
    _check_columns("it", there, names, needed)
    for row in itertools.chain((first,), found):
        yield from expanded({name: values_at(row, at) for name, at in names.items()}, report)


def _objects(lines: Iterator[bytes], report: Counter[str]) -> Iterator[Row]:
    """The object of each line; JSON that is nested too deep, say, is a rejected row."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = exact_json.loads(line)
        except InvalidJson as error:
            if str(error) not in exact_json.UNHELD:
                raise ValueError(f"line {number} is {error}") from error
            report["rows"] += 1
            report[str(error)] += 1
            continue
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is not a JSON object")
        yield row


def values_at(row: object, path: str) -> list[Any]:
    """What stands at a dotted path, through objects and lists; of nothing, nothing."""
    if isinstance(row, list):
        return [value for one in row for value in values_at(one, path)]
    if not isinstance(row, Mapping):
        return []
    if path in row:
        found = row[path]
        return found if isinstance(found, list) else [found]
    values: list[Any] = []
    dot = path.find(".")
    while dot > 0 and not values:  # a name may have dots itself
        values = values_at(row.get(path[:dot]), path[dot + 1 :])
        dot = path.find(".", dot + 1)
    return values


def expanded(values: Mapping[str, list[Any]], report: Counter[str]) -> Iterator[Row]:
    """One row for each item, each with the values that go with it.

    Args:
        values: All values of each column of one row: of `item`, which may have several; of the
            others as many, one for all of them, or none.
        report: A row whose columns do not go together is counted here, under `SEVERAL`.
    """
    many = len(values.get("item", ()))
    if all(len(found) <= 1 for found in values.values()):
        yield {name: found[0] if found else None for name, found in values.items()}
    elif many > 1 and all(len(found) in (0, 1, many) for found in values.values()):
        columns = [
            found if len(found) == many else [found[0] if found else None] * many
            for found in values.values()
        ]
        for cells in zip(*columns, strict=True):
            yield dict(zip(values, cells, strict=True))
    else:
        report["rows"] += 1
        report[SEVERAL] += 1


def of_millis(value: object) -> object:
    """A moment, of milliseconds since 1970 as Elasticsearch writes them; else what it is."""
    try:
        return datetime.fromtimestamp(float(str(value)) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return value


def _check_columns(source: str, row: Row, names: Mapping[str, str], needed: Sequence[str]) -> None:
    for column in needed:
        if column not in names:
            raise SourceError(f"{column!r} is no column; there are {', '.join(names)}")
        if names[column] not in row:
            raise SourceError(
                f"{source} has no field {names[column]!r} for {column}, but {', '.join(row)}; say "
                f"which it is: --field {column}=NAME"
            )


def _check_once(header: Sequence[str], names: Mapping[str, str]) -> None:
    for name in names.values():
        if header.count(name) > 1:
            raise SourceError(f"{header.count(name)} columns are called {name!r}; rename one")
