"""JSON that keeps numbers as they are: no field of a user's is changed by being copied.

orjson reads an integer above 64 bits as a float (123456789012345678901234567890 comes back as
1.2345678901234568e29), cuts off the digits that a float has no room for, and refuses 1e400. Such
numbers are `Decimal` here, and written with the digits that they had. All others are `int` and
`float`, which are written in the shortest way: 1.50 as 1.5. (A number too small for a float, below
1e-323, becomes 0.)

Measured on 8.19 and 9.5: integers of any size come back from Elasticsearch as they were sent. 9.5,
which puts vectors back into a document that is asked for with them (as from 9.2), makes a float of
every other number, and the text "Infinity" of 1e400, before this program sees them; 8.19 does not.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
from elasticsearch.serializer import OrjsonSerializer

_TOO_MANY = 18
"""Digits; a float is written with one less at most, and integers of one less fit into 64 bits."""
_INT64, _UINT64 = -(2**63), 2**64 - 1


def loads(data: str | bytes, *, endless: bool = True) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Read JSON.

    Args:
        data: Text in UTF-8.
        endless: Whether a number that no float reaches, such as 1e400, may stand in it: what
            Elasticsearch has already it must give back, but no number field takes one.

    Raises:
        json.JSONDecodeError: It is not JSON.
    """
    try:
        if not _has_long_number(data):
            return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if not (endless and "infinity" in str(error)):
            raise
    # Three to five times as slow; and it takes what is no JSON, such as NaN and half a character.
    found = json.loads(
        data, parse_int=_integer, parse_float=_float if endless else _finite, parse_constant=_refuse
    )
    try:
        dumps(found)
    except TypeError as error:
        raise json.JSONDecodeError(str(error), "", 0) from error
    return found


def dumps(value: object, option: int | None = None) -> bytes:
    """Write JSON.

    Args:
        value: Whatever orjson takes, and `Decimal`.
        option: As orjson has them.
    """
    return orjson.dumps(value, default=_written, option=option)


class Serializer(OrjsonSerializer):
    """For the client."""

    def json_loads(self, data: bytes) -> Any:  # noqa: ANN401
        """See `loads`; around it, the client names what is no JSON, and takes an empty answer."""
        return loads(data)

    def default(self, data: Any) -> Any:  # noqa: ANN401
        """How to write what orjson does not know."""
        return _written(data) if isinstance(data, Decimal) else super().default(data)


def _has_long_number(data: str | bytes) -> bool:
    """Whether there is a number of 18 digits or more, of which the first is none of those in 0.00.

    Digits in a text count too, which costs time and nothing else. A vector, of float32 or float64,
    has none. Looking takes a third of the time that reading
    takes, or as long where vectors are written as float64 (8.19).
    """
    raw = data.encode() if isinstance(data, str) else data
    text = np.frombuffer(raw, np.uint8)
    part = (text - ord("0") < 10) | (text == ord("."))  # uint8: what is below "0" is above 200
    run, length = part, 1
    while length < _TOO_MANY:  # of 2, 4, 8, 16 and 18 characters
        step = min(length, _TOO_MANY - length)
        run = run[:-step] & run[step:]
        length += step
    found = np.flatnonzero(run & (text[: len(run)] > ord("0")))
    # A point among the 18 characters is no digit, so that one more is needed.
    digits = (text[found[:, None] + np.arange(_TOO_MANY)] != ord(".")).all(axis=1)
    more = part[np.minimum(found + _TOO_MANY, len(text) - 1)] & (found + _TOO_MANY < len(text))
    return bool((digits | more).any())


def _integer(digits: str) -> int | Decimal:
    value = int(digits)
    return value if _INT64 <= value <= _UINT64 else Decimal(digits)


def _float(digits: str) -> float | Decimal:
    value, exact = float(digits), Decimal(digits)
    return value if value == 0 or Decimal(repr(value)) == exact else exact


def _finite(digits: str) -> float | Decimal:
    if math.isinf(float(digits)):
        _refuse("infinity")
    return _float(digits)


def _refuse(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is no number", "", 0)


def _written(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")
