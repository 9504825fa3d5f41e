"""What a user was shown and did not take, out of an index of impressions. Pure.

The rows are those of `Recommendations.impressions`, which `xlrec-es compare-logs` reads, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from xlrec_es.errors import ConfigError, UsageError
from xlrec_es.interactions.row_reader import asked_of, date_fields, of_millis, text_of, values_at

COLUMNS = ("user", "item", "time", "clicked")

HALF_LIVES = 7
"""After so many it is as if an item had not been shown: 99% of its score are back."""

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"([1-9]\d{0,8})([dhms])")
_YES = frozenset(("1", "true", "yes"))
_KEYWORD = "{}.keyword"


@dataclass(frozen=True, slots=True)
class Shown:
    """Where it is written what a user was shown, and how long that counts.

    What was shown within the window and was not clicked comes after everything else. Beyond the
    window the score of each such item is lowered, and each half-life gives half of the rest back.
    What was shown several times is lowered as often. A key needs `read` on the index.

    Source of the idea: Lee et al. 2014, "Modeling Impression Discounting in Large-scale Recommender
    Systems" (https://doi.org/10.1145/2623330.2623356).

    Attributes:
        index: Index, alias or pattern of the impressions; see `Recommendations.impressions`.
        user: The user's id, as it stands there.
        window: In units of time: `30d`, `12h`, `90m`, `45s`.
        half_life: Likewise.
        fields: Your names of the fields `user`, `item`, `time` and `clicked`, where they differ.
        limit: Only the latest so many impressions are read, at most 10,000.
    """

    index: str
    user: str
    window: str = "1d"
    half_life: str = "7d"
    fields: Mapping[str, str] = field(default_factory=dict)
    limit: int = 1000

    def __post_init__(self) -> None:
        if not (self.index and self.user):
            raise UsageError("shown needs the index of the impressions and the user's id")
        for name in ("window", "half_life"):
            duration_s(name, getattr(self, name))
        if unknown := set(self.fields) - set(COLUMNS):
            raise UsageError(
                f"impressions have no column {sorted(unknown)[0]!r}; there are {', '.join(COLUMNS)}"
            )
        if not 1 <= self.limit <= 10_000:
            raise UsageError(f"the limit of impressions is {self.limit}; use 1 to 10,000")

    def name_of(self, column: str) -> str:
        """The field of one of `COLUMNS`."""
        return self.fields.get(column, column)

    @property
    def lasts_s(self) -> float:
        """Seconds after which an impression counts no more."""
        window = duration_s("window", self.window)
        return window + HALF_LIVES * duration_s("half_life", self.half_life)

    def factor(self, ages_s: Iterable[float]) -> float:
        """What is left of the score of an item: 0 within the window, up to 1.

        Args:
            ages_s: Seconds since each time that it was shown.
        """
        window, half_life = (
            duration_s("window", self.window),
            duration_s("half_life", self.half_life),
        )
        beyond = [max(0.0, age - window) / half_life for age in ages_s]
        return float(math.prod(1 - 0.5**passed for passed in beyond))


def duration_s(name: str, duration: str) -> int:
    """Seconds of a duration such as `7d`, `12h`, `90m` or `45s`.

    Args:
        name: What it is, for people.
        duration: As it is written.

    Raises:
        UsageError: It is none.
    """
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise UsageError(
            f"the {name} {duration!r} is none; give a whole number above zero and d, h, m or s, "
            "such as 7d"
        )
    return int(found[1]) * _SECONDS[found[2]]


def caps_arguments(shown: Shown) -> dict[str, Any]:
    """What `field_caps` is asked, for `impressions_body`."""
    names = [shown.name_of("user"), shown.name_of("time")]
    return {"index": shown.index, "fields": [*names, _KEYWORD.format(names[0])]}


def impressions_body(
    shown: Shown, known: Mapping[str, Mapping[str, Any]], now: datetime
) -> dict[str, Any]:
    """The search for the latest impressions of a user, as far back as they count.

    Args:
        shown: Where.
        known: The `fields` of the answer to `caps_arguments`.
        now: With a time zone.

    Raises:
        ConfigError: Users cannot be told from each other, or times are no dates.
    """
    user, time = shown.name_of("user"), shown.name_of("time")
    if "text" in known.get(user, {}):
        # Words of a text field are those of others, too.
        user = _KEYWORD.format(user)
        if user not in known:
            raise ConfigError(
                f"the field {shown.name_of('user')!r} of {shown.index} is text, by whose words a "
                "user cannot be told from others; index the id as a keyword, and name that field: "
                "Shown(fields={'user': ...})"
            )
    if time in known and not date_fields(known, [time]):
        raise ConfigError(
            f"the field {time!r} of {shown.index} is no date; index it as a date, and name that "
            "field: Shown(fields={'time': ...})"
        )
    since = int((now.timestamp() - shown.lasts_s) * 1000)
    names = (shown.name_of("item"), shown.name_of("clicked"), time)
    lately = {"range": {time: {"gte": since, "format": "epoch_millis"}}}
    return {
        "query": {"bool": {"filter": [{"term": {user: shown.user}}, lately]}},
        "size": shown.limit,
        "sort": [{time: {"order": "desc", "unmapped_type": "date"}}],
        "_source": False,
        "fields": asked_of(names, [time]),
        "track_total_hits": False,
    }


def read_impressions(
    hits: Sequence[Mapping[str, Any]], shown: Shown, now: datetime
) -> dict[str, list[float]]:
    """Seconds since each time that an item was shown, by item; without those that were clicked.

    Args:
        hits: Of `impressions_body`.
        shown: Where they are from.
        now: With a time zone.
    """
    ages: dict[str, list[float]] = {}
    taken = set()
    for hit in hits:
        fields = hit.get("fields", {})
        times = [of_millis(value) for value in values_at(fields, shown.name_of("time"))]
        moments = [time for time in times if isinstance(time, datetime)]
        clicked = {text_of(v).lower() for v in values_at(fields, shown.name_of("clicked"))}
        for item in map(text_of, values_at(fields, shown.name_of("item"))):
            if clicked & _YES:
                taken.add(item)
            ages.setdefault(item, []).extend(
                max(0.0, (now - moment).total_seconds()) for moment in moments
            )
    return {item: times for item, times in ages.items() if item and item not in taken}
