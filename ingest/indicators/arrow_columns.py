"""Columns of interactions, as Arrow has them, turned into numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xlrec_es.interactions.times import TimeReader

_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"


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


def seconds(column: pa.Array, times: TimeReader) -> NDArray[np.float64]:
    """Seconds since 1970 of dates, numbers or texts; NaN where there is no time."""
    if pa.types.is_string(column.type) or pa.types.is_null(column.type):
        return times.texts(column.to_pylist())
    if pa.types.is_temporal(column.type):
        millis = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        return floats(millis)[0] / 1000
    return times.numbers(floats(column)[0])
