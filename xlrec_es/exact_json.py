"""JSON that keeps numbers as they are, and that can always be written again.

orjson reads an integer above 64 bits as a float (123456789012345678901234567890 comes back as
1.2345678901234568e29), cuts off the digits that a float has no room for, and refuses 1e400. Such
numbers are `Decimal` here, and written with the digits that they had. All others are `int` and
`float`, which are written in the shortest way: 1.50 as 1.5. (A number too small for a float, below
1e-323, becomes 0.)

Measured on 8.19 and 9.5: integers of any size come back from Elasticsearch as they were sent. 9.5,
which puts vectors back into a document that is asked for with them (as from 9.2), makes a float of
every other number, and the text "Infinity" of 1e400, before this program sees them; 8.19 does not.

Whoever reads or writes here gets a value or `InvalidJson`, whatever the bytes are. Elasticsearch
(8.19 and 9.5, measured) takes documents nested 1000 levels deep, numbers of 1000 digits, and half a
character such as "\\ud800"; orjson writes 254 levels and no half characters, and Python's recursion
ends at 1000 frames. So there is one depth for all: what is read from outside may be nested
`MAX_DEPTH` levels deep, which leaves room for what this program puts around it. Elasticsearch's
own answers are read whatever it holds; a document among them that cannot be written again is found
out by writing it.
"""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import orjson

from xlrec_es.errors import InvalidJson

MAX_DEPTH = 200
"""Objects and lists in one another. Elasticsearch's own limit for fields is 20 by default."""
MAX_DIGITS = 1000
"""Of one number: Elasticsearch takes no more."""

_ORJSON_DEPTH = 254
"""Levels that orjson writes."""
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
_TOO_MANY_DIGITS = f"JSON with a number of more than {MAX_DIGITS} digits"
UNHELD = (_TOO_DEEP, _TOO_MANY_DIGITS)
"""Messages of `InvalidJson` for what is JSON, and is not held."""
_TOO_MANY = 18
"""Digits; a float is written with one less at most, and integers of one less fit into 64 bits."""
_BLOCK = 1 << 17
"""Bytes that are searched for long numbers at once: takes 20 MB where all of them are digits."""
_SHORT = 20
"""Characters of a whole number that may fit into 64 bits."""
_AROUND_DIGITS = len("-.e-")
_INT64, _UINT64 = -(2**63), 2**64 - 1
_ANSWER_DEPTH = 1024
"""Levels of Elasticsearch's answers: those of a document, and some around it."""
_recursion_limit = threading.Lock()


def loads(data: str | bytes, *, exact: bool = True) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Read JSON that comes from outside.

    Args:
        data: Text in UTF-8.
        exact: Whether numbers keep all of their digits; otherwise they are those of a float.

    Returns:
        What `dumps` writes, and what is the same when it is read again.

    Raises:
        InvalidJson: It is not JSON; or it is nested too deep, or has a number of too many digits,
            or one that no float reaches, such as 1e400: no number field takes one.
    """
    try:
        raw = data.encode() if isinstance(data, str) else data
        slow = exact and _has_long_number(raw)
        found = _read(raw.decode(), _finite) if slow else orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        deep = error.msg.startswith("depth limit")
        raise InvalidJson(_TOO_DEEP if deep else f"not JSON: {error.msg}") from error
    except UnicodeError as error:
        raise InvalidJson("not JSON: not UTF-8") from error
    except RecursionError as error:
        raise InvalidJson(_TOO_DEEP) from error
    if slow or _brackets(raw) > MAX_DEPTH:
        _must_be_readable(found)
    return found


def loads_all(data: bytes) -> Any:  # noqa: ANN401
    """Read what Elasticsearch sends, or many records at once, also what `dumps` does not write.

    So one part that cannot be held does not take the others with it: it is found out by writing it.

    Raises:
        InvalidJson: It is not JSON, or is nested deeper than any document of Elasticsearch.
    """
    try:
        if not _has_long_number(data):
            return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass  # it may be what orjson alone does not hold, such as 1e400 and half a character
    try:
        text = data.decode("utf-8", "surrogatepass")  # 8.19 gives half characters back raw
        return _with_room(lambda: _read(text, _number))
    except UnicodeError as error:
        raise InvalidJson("not JSON: not UTF-8") from error
    except RecursionError as error:
        raise InvalidJson("nested deeper than Elasticsearch's documents are") from error


def dumps(value: object, option: int | None = None) -> bytes:
    """Write JSON.

    Args:
        value: Whatever orjson takes, and `Decimal`.
        option: As orjson has them.

    Raises:
        InvalidJson: It has half a character, or is nested deeper than orjson writes: what `loads`
            has read never is.
        TypeError: It is nothing that JSON has.
    """
    try:
        return orjson.dumps(value, default=written, option=option)
    except orjson.JSONEncodeError as error:
        if isinstance(error.__cause__, InvalidJson):
            raise error.__cause__ from None
        if "ecursion" in str(error):
            raise InvalidJson(_TOO_DEEP) from error
        if "UTF-8" in str(error):
            raise InvalidJson("JSON with half a character (a lone surrogate)") from error
        raise


def dumps_readable(value: object, option: int | None = None) -> bytes:
    """Write JSON that `loads` reads again.

    Raises:
        InvalidJson: As for `dumps`; or it is nested deeper than `MAX_DEPTH`.
        TypeError: As for `dumps`.
    """
    raw = dumps(value, option)
    if _brackets(raw) > MAX_DEPTH:
        _must_be_readable(value, option)
    return raw


def as_text(value: object) -> str:
    """JSON of anything that was read, however deep and whatever its texts, in ASCII."""
    parts: list[str] = []
    waiting: list[object] = [value]
    while waiting:  # not recursive: no depth is too much
        one = waiting.pop()
        if isinstance(one, _Written):
            parts.append(one)
        elif isinstance(one, Mapping):
            entries = ((f"{_scalar(str(name))}: ", inner) for name, inner in one.items())
            waiting += _listed("{", entries, "}")
        elif isinstance(one, list | tuple):
            waiting += _listed("[", (("", inner) for inner in one), "]")
        else:
            parts.append(_scalar(one))
    return "".join(parts)


class _Beyond(Decimal):
    """A number that not even `Decimal` holds: infinite, with the digits that it had."""

    digits: str

    def __new__(cls, digits: str) -> _Beyond:
        made = super().__new__(cls, "-Infinity" if digits.startswith("-") else "Infinity")
        made.digits = digits
        return made

    def __str__(self) -> str:
        return self.digits


class _Written(str):
    """JSON already."""

    __slots__ = ()


def _listed(begin: str, entries: Iterable[tuple[str, object]], end: str) -> list[object]:
    """The parts of an object or list, last one first."""
    parts: list[object] = [_Written(begin)]
    for number, (name, inner) in enumerate(entries):
        parts += [_Written(f", {name}" if number else name), inner]
    return [*parts, _Written(end)][::-1]


def _scalar(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else json.dumps(value, default=str)


def _brackets(raw: bytes) -> int:
    """No value is nested deeper than it has brackets; texts may have some too."""
    return raw.count(b"{") + raw.count(b"[")


def _must_be_readable(value: object, option: int | None = None) -> None:
    """See that it can be written, with room for what goes around it.

    It is orjson that counts the levels, sixty times as fast as Python would.

    Raises:
        InvalidJson: It is nested deeper than `MAX_DEPTH`, or has half a character.
    """
    for _ in range(_ORJSON_DEPTH - MAX_DEPTH):
        value = [value]
    dumps(value, option)


def _has_long_number(raw: bytes) -> bool:
    """Whether there is a number of 18 digits or more, of which the first is none of those in 0.00.

    Digits in a text count too, which costs time and nothing else. A vector, of float32 or float64,
    has none. Looking takes a third of the time that reading
    takes, or as long where vectors are written as float64 (8.19).
    """
    text = np.frombuffer(raw, np.uint8)
    return any(
        _long_number_in(text[start : start + _BLOCK + _TOO_MANY])
        for start in range(0, len(text), _BLOCK)
    )


def _long_number_in(text: np.ndarray) -> bool:
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


def _read(text: str, number: Callable[[str], float | Decimal]) -> Any:  # noqa: ANN401
    """Read every digit: three to five times as slow.

    It takes what `dumps` does not write, too: half characters, and numbers of too many digits.

    Args:
        text: JSON.
        number: Reads one that is not whole.

    Raises:
        InvalidJson: It is not JSON.
        RecursionError: It is nested too deep for Python.
    """
    try:
        return json.loads(text, parse_int=_integer, parse_float=number, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"not JSON: {error.msg}") from error


def _with_room(read: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Read, if need be with room for more levels: Python 3.11 counts them among its frames."""
    try:
        return read()
    except RecursionError:
        pass
    with _recursion_limit:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(before + _ANSWER_DEPTH)
        try:
            return read()
        finally:
            sys.setrecursionlimit(before)


def _integer(digits: str) -> int | Decimal:
    if len(digits) <= _SHORT:
        value = int(digits)
        if _INT64 <= value <= _UINT64:
            return value
    return _Beyond(digits) if _is_too_long(digits) else Decimal(digits)


def _number(digits: str) -> float | Decimal:
    """One that is not whole; also one that no float reaches: Elasticsearch holds such."""
    if _is_too_long(digits):
        return _Beyond(digits)
    value = float(digits)
    if value == 0:
        return value
    try:
        exact = Decimal(digits)
    except InvalidOperation:
        return _Beyond(digits)
    return exact if math.isinf(value) or Decimal(repr(value)) != exact else value


def _finite(digits: str) -> float | Decimal:
    value = _number(digits)
    if math.isinf(value) and not _is_too_long(digits):
        _refuse("infinity")
    return value


def _is_too_long(digits: str) -> bool:
    """Known before anything is computed, which takes a square of their number."""
    return len(digits) > MAX_DIGITS + _AROUND_DIGITS


def _refuse(name: str) -> None:
    raise InvalidJson(f"not JSON: {name} is no number")


def written(value: object) -> orjson.Fragment:
    """How to write what orjson does not know: its `default`."""
    if isinstance(value, _Beyond) and _is_too_long(value.digits):
        raise InvalidJson(_TOO_MANY_DIGITS)
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")
