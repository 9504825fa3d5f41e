"""Periods that are compared: a recent one, and as many earlier ones. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from xlrec_es.errors import UsageError
from xlrec_es.interactions.impressions import duration_s

MOST_PAST = 26
MOST_DAYS = 366
_LONGEST = 12  # of a text; digits without end are no number
_WEEK_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Periods:
    """The recent period, and earlier ones that begin whole weeks before it.

    So the same weekdays and hours are compared, and what is bought on Saturdays is no trend on a
    Saturday.

    Attributes:
        length: Of each: `7d`, `12h`, `90m`.
        past: How many earlier ones.
    """

    length: str = "7d"
    past: int = 4

    def __post_init__(self) -> None:
        if len(self.length) > _LONGEST or self.seconds > MOST_DAYS * 86_400:
            raise UsageError(
                f"a period has {MOST_DAYS} days at most; give a shorter one, such as 7d"
            )
        if not 2 <= self.past <= MOST_PAST:
            raise UsageError(
                f"a period is compared with {self.past} earlier ones; use 2 to {MOST_PAST}"
            )

    @property
    def seconds(self) -> int:
        """Of one period."""
        return duration_s("period", self.length)

    def before(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """From when (inclusive) till when each is, the recent one first, which ends now."""
        step = timedelta(seconds=math.ceil(self.seconds / _WEEK_S) * _WEEK_S)
        length = timedelta(seconds=self.seconds)
        ends = (now - number * step for number in range(self.past + 1))
        return [(end - length, end) for end in ends]
