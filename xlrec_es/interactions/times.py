"""Times of interactions, as people and programs write them, in seconds since 1970. Pure.

A number's unit is known by its size: the ranges of seconds, milliseconds, microseconds, nanoseconds
and of dates such as 20240131 do not overlap between 1971 and 2100. What is outside of them all is
counted as implausible, and is no time.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import SourceError, UsageError

UNITS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
"""How many of each are a second."""

DATES = "yyyymmdd"
"""Eight digits for a day, or fourteen for a second of it."""

UNREADABLE = "unreadable time"
IMPLAUSIBLE = "implausible time"
NULL = "null time"
"""Reasons for which a row has no time; the row itself still counts."""

_FIRST_S, _LAST_S = 31_536_000.0, 4_102_444_800.0  # 1971 and 2100
_DIGITS = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}
_YEARS = ("1971", "2100")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_NULLS = frozenset(("\\n", "nat", "nan", "null", "none", "nil", "n/a", "-"))
_ZERO = re.compile(r"0000-00-00\b.*")
_ZONE = re.compile(r" ?(UTC|GMT)$", re.IGNORECASE)


class TimeReader:
    """Reads a column of times, and counts how they are written.

    Args:
        written: One of `UNITS`, `DATES`, or a pattern of `datetime.strptime` such as
            `%d/%m/%Y %H:%M`; None: recognized.

    Attributes:
        report: How many times are in which unit, and how many are none, by reason.

    Raises:
        UsageError: Not a known unit, nor a pattern.
    """

    def __init__(self, written: str | None = None) -> None:
        if written is not None and "%" not in written and written not in (*UNITS, DATES):
            raise UsageError(
                f"{written!r} is no way to write times; there are {', '.join((*UNITS, DATES))}, or "
                "a pattern such as %d/%m/%Y %H:%M"
            )
        self._written = written
        self.report: Counter[str] = Counter()
        self._read = 0
        self._example = ""

    def text(self, text: str | None) -> float:
        """Seconds since 1970 of one cell; NaN where there is no time."""
        return self._text(text.strip()) if text else math.nan

    def texts(self, texts: Iterable[str | None]) -> NDArray[np.float64]:
        """The same, of a column of texts, shape (n,)."""
        return np.array([self.text(text) for text in texts], float)

    def numbers(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same, of a column of numbers; NaN is no time."""
        seconds = np.full(len(numbers), np.nan)
        there = ~np.isnan(numbers)
        if self._written in UNITS:
            seconds[there] = numbers[there] / UNITS[self._written]
            left = there & ~np.isfinite(seconds)
        else:
            left = there
            for unit, many in UNITS.items():
                found = left & (numbers >= _FIRST_S * many) & (numbers < _LAST_S * many)
                seconds[found] = numbers[found] / many
                self._count(f"times in {unit}", int(found.sum()))
                left = left & ~found
        self._read += int((there & ~left).sum())
        for place in np.flatnonzero(left):  # few: days written as numbers, or nonsense
            seconds[place] = self._text(f"{numbers[place]:.15g}")
        return seconds

    def refuse_nothing(self, where: str) -> None:
        """Refuse a column that has times, of which none can be read.

        Args:
            where: What the column is of, for people.

        Raises:
            SourceError: It is so.
        """
        unread = self.report[UNREADABLE] + self.report[IMPLAUSIBLE]
        if unread and not self._read:
            raise SourceError(
                f"none of the {unread} times of {where} can be read, such as {self._example!r}, "
                "which is neither ISO 8601 nor a number of seconds, milliseconds, microseconds or "
                "nanoseconds; say how they are written: --time-format '%d/%m/%Y %H:%M', say"
            )

    def _count(self, what: str, many: int = 1) -> None:
        if many:
            self.report[what] += many

    def _text(self, text: str) -> float:
        if not text or text.lower() in _NULLS or _ZERO.fullmatch(text):
            self._count(NULL)
            return math.nan
        try:
            seconds = self._as_told(text) if self._written else self._recognized(text)
        except (ValueError, OverflowError):
            self._example = self._example or text
            self._count(UNREADABLE)
            return math.nan
        if math.isfinite(seconds):
            self._read += 1
            return seconds
        self._example = self._example or text
        self._count(IMPLAUSIBLE)
        return math.nan

    def _as_told(self, text: str) -> float:
        written = str(self._written)
        if written in UNITS:
            return float(text) / UNITS[written]
        if written == DATES:
            return _in_utc(datetime.strptime(text, _DIGITS[len(text)]))
        return _in_utc(datetime.strptime(text, written))

    def _recognized(self, text: str) -> float:
        if text[:4].isdigit() and text[4:5] == "-":  # by far the most frequent
            return _in_utc(datetime.fromisoformat(_ZONE.sub("+00:00", text)))
        if not _NUMBER.fullmatch(text):
            return _in_utc(datetime.fromisoformat(text))
        if len(text) in _DIGITS and text.isdigit() and _YEARS[0] <= text[:4] < _YEARS[1]:
            seconds = _in_utc(datetime.strptime(text, _DIGITS[len(text)]))
            self._count(f"times as {DATES}")
            return seconds
        number = float(text)
        for unit, many in UNITS.items():
            if _FIRST_S * many <= number < _LAST_S * many:
                self._count(f"times in {unit}")
                return number / many
        return math.nan


def _in_utc(time: datetime) -> float:
    """Seconds since 1970; what names no time zone is in UTC."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
