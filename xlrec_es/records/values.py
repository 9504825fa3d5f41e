"""What the values of a record's fields say: an id, a popularity, a version. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

MAX_ID_BYTES = 512  # Elasticsearch's own limit
MAX_POPULARITY = 1e9
"""The count that `xlrec.popularity` 1 stands for: fixed, so that later runs agree with earlier."""
VERSION_STEP = 1_000_000
"""Elasticsearch versions between two of ours, so that versions are nanoseconds where those of the
records are milliseconds: each partial update by somebody else (indicators) takes one."""
_MAX_VERSION = (2**63 - 1) // VERSION_STEP - 1


class Unfit(ValueError):
    """Why a record makes no document."""


def id_of(value: object, path: str) -> str:
    """An id as text.

    Args:
        value: Of a record.
        path: Where it stands, for people.

    Raises:
        Unfit: It is none.
    """
    if value is None or value == "":
        raise Unfit(f"no id in {path}")
    if isinstance(value, str):
        return checked_id(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and str(value).isdecimal():  # above 64 bits
        return checked_id(str(value))
    raise Unfit(f"{path} is {kind_of(value)}, neither text nor a whole number")


def checked_id(id_: str) -> str:
    """The id, if Elasticsearch takes one of its length.

    Raises:
        Unfit: It is too long.
    """
    size = len(id_.encode("utf-8", "surrogatepass"))
    if size > MAX_ID_BYTES:
        raise Unfit(f"the id has {size} bytes; Elasticsearch takes {MAX_ID_BYTES}")
    return id_


def version_of(value: object, path: str) -> int:
    """A date or a whole number as the version of a document.

    Args:
        value: Of a record.
        path: Where it stands, for people.

    Raises:
        Unfit: It is neither.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            reason = f"the version in {path} is {value!r}, neither a date nor a whole number"
            raise Unfit(reason) from error
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        value = round(moment.timestamp() * 1000)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit(f"the version in {path} is {kind_of(value)}, neither a date nor a whole number")
    if not 0 <= value <= _MAX_VERSION:
        raise Unfit(f"the version in {path} is {value}; use 0 to {_MAX_VERSION}")
    return value * VERSION_STEP


def work_of(value: object) -> str | None:
    """The id of a work; None where nothing is said.

    Raises:
        Unfit: It can be no id.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise Unfit(f"the work is {kind_of(value)}, neither text nor a whole number")


def popularity_of(value: object) -> float | None:
    """A count as 0..1, on a logarithmic scale; None where nothing is said.

    Raises:
        Unfit: It is no count.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unfit(f"the popularity is {kind_of(value)}, not a number")
    if value < 0:
        raise Unfit(f"the popularity is {value}, below 0")
    return min(1.0, math.log1p(value) / math.log1p(MAX_POPULARITY))


def kind_of(value: object) -> str:
    """What JSON calls it."""
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text"} | dict.fromkeys(
        (int, float, Decimal), "a number"
    )
    return names.get(type(value), "null")
