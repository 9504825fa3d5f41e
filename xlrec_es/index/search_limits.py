"""What an index allows in one search, and lists that are kept within it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xlrec_es.index.fields import MAX_HITS, MAX_TERMS


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """What an index allows in one search.

    Attributes:
        hits: How many hits (`index.max_result_window`), as far as this program makes use of it.
        terms: How many values in one `terms` query (`index.max_terms_count`).
    """

    hits: int = MAX_HITS
    terms: int = MAX_TERMS

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> SearchLimits:
        """Out of an index's settings, flat or not; what nobody set is Elasticsearch's own."""
        own = settings.get("index", {})

        def setting(name: str, default: int) -> int:
            return int(own.get(name) or settings.get(f"index.{name}") or default)

        return cls(
            hits=min(setting("max_result_window", MAX_HITS), MAX_HITS),
            terms=setting("max_terms_count", MAX_TERMS),
        )

    @property
    def ids(self) -> int:
        """How many values an `ids` query beside a `terms` query may have.

        Elasticsearch 9.5 takes no more of them than a search may have hits.
        """
        return min(self.hits, self.terms)


DEFAULT_LIMITS = SearchLimits()


def parts(values: Sequence[str], most: int) -> list[list[str]]:
    """The values in lists of at most so many; of none, one empty list."""
    return [list(values[start : start + most]) for start in range(0, len(values) or 1, most)]
