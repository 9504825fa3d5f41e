"""Columns of interactions, as Arrow has them, turned into numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xlrec_es.errors import SourceError

_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_MILLISECONDS = 1e11  # seconds since 1970 reach it in the year 5138


def strings(column: pa.Array) -> pa.Array:
    """A column as texts; an empty one is none."""
    texts = column.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def numbers_of(column: pa.Array, number: Callable[[str], int]) -> NDArray[np.int32]:
    """The number of each id, looked up once for each that differs; -2 where there is none."""
    encoded = strings(column).dictionary_encode()
    found = np.array([*map(number, encoded.dictionary.to_pylist()), -2], np.int32)
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    numbers: NDArray[np.int32] = found[places]
    return numbers


def floats(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers of a column, NaN for what is none, and where anything stands at all."""
    if pa.types.is_string(column.type) or pa.types.is_null(column.type):
        column = strings(column)
        there = ~column.is_null().to_numpy(zero_copy_only=False)
        fits = pc.match_substring_regex(column, _NUMBER)
        column = pc.utf8_trim_whitespace(
            pc.if_else(fits, column, pa.scalar(None, pa.string()))
        ).cast(pa.float64())
    else:
        there = ~column.is_null().to_numpy(zero_copy_only=False)
        column = column.cast(pa.float64(), safe=False)
    numbers = column.to_numpy(zero_copy_only=False).astype(np.float64)
    numbers[np.isinf(numbers)] = np.nan
    return numbers, there


def seconds(column: pa.Array) -> NDArray[np.float64]:
    """Seconds since 1970 of dates, of numbers (seconds or milliseconds), or of ISO 8601 texts."""
    if pa.types.is_string(column.type):
        numbers, there = floats(column)
        if not (there & np.isnan(numbers)).any():
            return _as_seconds(numbers)
        try:
            column = pc.cast(strings(column), pa.timestamp("ms", "UTC"))
        except pa.ArrowInvalid as error:
            try:  # without a time zone: as if in UTC
                column = pc.cast(strings(column), pa.timestamp("ms"))
            except pa.ArrowInvalid:
                raise SourceError(
                    f"a time of the interactions is neither ISO 8601 nor a number: {error}"
                ) from error
    if pa.types.is_temporal(column.type):
        millis = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        return floats(millis)[0] / 1000
    return _as_seconds(floats(column)[0])


def _as_seconds(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(numbers) > _MILLISECONDS, numbers / 1000, numbers)
