"""What is new counts more: a half-life for popularity. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from xlrec_es.errors import UsageError

_DURATION = re.compile(r"[1-9]\d*(d|h|m|s)")


@dataclass(frozen=True, slots=True)
class Recency:
    """Popularity fades with age: after each half-life, half of it is left.

    A document without a date comes after all that have one. A date in the future fades like one
    that is as far in the past.

    Attributes:
        field: A date field of the user's: when the document was published, added, last sold ...
        half_life: In Elasticsearch's units of time: `30d`, `12h`, `90m`, `45s`.
    """

    field: str
    half_life: str = "30d"

    def __post_init__(self) -> None:
        if not self.field:
            raise UsageError("recency needs the name of a date field of yours")
        if not _DURATION.fullmatch(self.half_life):
            raise UsageError(
                f"the half-life {self.half_life!r} is none; give a whole number above zero and d, "
                "h, m or s, such as 30d"
            )

    def functions(self) -> list[dict[str, Any]]:
        """Factors for a `function_score` query that multiplies.

        Elasticsearch's own decay gives a document without a date the full score, so that is said
        separately.

        Source: https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-function-score-query
        """
        dated = {"exists": {"field": self.field}}
        fading = {self.field: {"origin": "now", "scale": self.half_life, "decay": 0.5}}
        return [
            {"filter": dated, "exp": fading},
            {"filter": {"bool": {"must_not": [dated]}}, "weight": 0.0},
        ]
