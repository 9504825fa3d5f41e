"""Records in Parquet: a row is a record, its columns are the fields."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from xlrec_es.errors import SourceError
from xlrec_es.records.record import Place, Record, Rejection

_BATCH = 256  # rows
_BUFFER_BYTES = 1024 * 1024  # in place of whole column chunks, which may be a gigabyte


class _Unfit(ValueError):
    """Why JSON cannot hold a value."""


class ParquetSource:
    """A Parquet file, or all of a folder and of the folders in it, in the order of their names.

    A null is left out, because a table cannot tell it from a missing field. Dates and times become
    text as in ISO 8601 (to the microsecond), binary becomes Base64 (what Elasticsearch's type
    `binary` takes), maps become objects, decimals become numbers, and NaN, which is how data frames
    write a missing number, is left out too.

    Of several files, one of no bytes has no records: whatever writes in parts may leave some.

    Args:
        path: Of the file or folder.
        groups: Of one file, the row groups that are read, from the first to before the last; None:
            all of them.

    Raises:
        SourceError: Not a Parquet file, or damaged.
    """

    rereadable = True
    resumable = True
    like = None

    def __init__(self, path: str, *, groups: tuple[int, int] | None = None) -> None:
        self.name = path
        self._groups = groups
        self.path = Path(path).absolute()
        self._is_folder = self.path.is_dir()
        self._files = sorted(self.path.rglob("*.parquet")) if self._is_folder else [self.path]
        if len(self._files) > 1:
            self._files = [file for file in self._files if has_bytes(file)]
        self._rows = 0
        self._read = 0
        for file in self._files:  # fails now rather than after the model has been loaded
            with self._open(file) as opened:
                self._rows += opened.metadata.num_rows

    @property
    def fraction(self) -> float | None:
        """See `Source.fraction`."""
        return self._read / self._rows if self._rows else None

    def records(self, after: int = 0) -> Iterator[Record | Rejection]:
        """See `Source.records`; positions are numbers of rows, over all files."""
        self._read = 0
        for file in self._files:
            before = self._read
            with self._open(file) as opened:
                for record in self._rows_of(opened, after):
                    if self._is_folder:
                        place = Place(record.position - before, self._name_of(file))
                        yield replace(record, place=place)
                    else:
                        yield record

    def _name_of(self, file: Path) -> str:
        """A file of the folder, as the folder was named."""
        return str(Path(self.name) / file.relative_to(self.path))

    def _rows_of(self, file: pq.ParquetFile, after: int) -> Iterator[Record | Rejection]:
        first, end = self._groups or (0, file.num_row_groups)
        for group in range(end):
            rows = file.metadata.row_group(group).num_rows
            if group < first or self._read + rows <= after:  # not even decompressed
                self._read += rows
                continue
            for batch in self._batches(file, group):
                for fields in _rows(batch):
                    self._read += 1
                    if self._read > after:
                        yield _record(fields, self._read)

    def _batches(self, file: pq.ParquetFile, group: int) -> Iterator[pa.RecordBatch]:
        try:
            for batch in file.iter_batches(_BATCH, row_groups=[group]):
                yield batch.cast(_in_microseconds(batch.schema), safe=False)
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"cannot read {self.name}: {error}") from error

    def _open(self, file: Path) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(file, buffer_size=_BUFFER_BYTES)
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"cannot read {file}: {error}") from error


def has_bytes(file: Path) -> bool:
    """Whether a file has any.

    Raises:
        SourceError: It is not there any more.
    """
    try:
        return file.stat().st_size > 0
    except OSError as error:
        raise SourceError(f"cannot read {file}: {error.strerror}") from error


def row_groups(path: str) -> list[int]:
    """Rows of each row group of a file.

    Raises:
        SourceError: Not a Parquet file, or damaged.
    """
    try:
        with pq.ParquetFile(path) as opened:
            metadata = opened.metadata
            return [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"cannot read {path}: {error}") from error


def _in_microseconds(schema: pa.Schema) -> pa.Schema:
    """The same schema with times that Python can hold."""
    return pa.schema([field.with_type(_coarser(field.type)) for field in schema])


def _coarser(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_time64(kind):
        return pa.time64("us")
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_coarser(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return make(kind.value_field.with_type(_coarser(kind.value_type)))
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, _coarser(kind.item_type))
    return kind


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    """Each row, or why it cannot be read."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError):  # text that is not UTF-8, or the year 10000: whose is it?
        for number in range(batch.num_rows):
            try:
                yield from batch.slice(number, 1).to_pylist()
            except (ValueError, OverflowError) as error:
                yield f"a value that Python cannot hold: {error}"


def records_of(batch: pa.RecordBatch, before: int) -> Iterator[Record | Rejection]:
    """The records of a batch of rows.

    Args:
        batch: Of any columns.
        before: Rows before it: positions go on from there.
    """
    coarse = batch.cast(_in_microseconds(batch.schema), safe=False)
    for number, row in enumerate(_rows(coarse), before + 1):
        yield _record(row, number)


def _record(row: dict[str, Any] | str, number: int) -> Record | Rejection:
    if isinstance(row, str):
        return Rejection(number, "read", row, "")
    fields: dict[str, Any] = {}
    for name, value in row.items():
        try:
            found = _jsonable(value)
        except _Unfit as error:
            return Rejection(number, "read", f"{name} {error}", str(row))
        if found is not None:
            fields[name] = found
    return Record(fields, number)


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - whatever a table holds
    """What JSON can hold of a value.

    Raises:
        _Unfit: Nothing that would say the same.
    """
    match value:
        case None | str() | bool() | int():
            return value
        case float():
            return _number(value)
        case Decimal():
            return _exact(value)
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case UUID():
            return str(value)
        case dict():
            return {name: _jsonable(inner) for name, inner in value.items()}
        case list():
            return _object(value) if _is_map(value) else [_jsonable(inner) for inner in value]
        case timedelta():
            raise _Unfit("is a duration; make it a number of seconds")
        case _:
            raise _Unfit(f"is of the type {type(value).__name__}, which JSON does not have")


def _number(value: float) -> float | None:
    if math.isinf(value):
        raise _Unfit("is infinite, which JSON cannot hold")
    return None if math.isnan(value) else value


def _exact(value: Decimal) -> float | int:
    if value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    if Decimal(repr(float(value))) == value:
        return float(value)
    raise _Unfit(f"is {value}, more digits than a JSON number keeps; make it a text")


def _is_map(value: list[Any]) -> bool:
    """Whether it was a map: pyarrow makes a list of pairs of it."""
    return bool(value) and isinstance(value[0], tuple)


def _object(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    found = {str(_jsonable(key)): _jsonable(value) for key, value in pairs}
    if len(found) < len(pairs):
        raise _Unfit("is a map with a key that comes twice")
    return found
