"""What is good enough for a new version to be swapped in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is good enough.

    Attributes:
        missing: Largest share of a language's documents that may be missing.
        recall: Smallest share of the exact nearest ten that an approximate search finds, in each
            language.
        overlap: Smallest share of recommendations that stay the same.
        queries: Searches a language that recall is measured on.
        histories: Sampled histories a language that the overlap is measured on.
    """

    missing: float = 0.0
    recall: float = 0.9
    overlap: float = 0.5
    queries: int = 20
    histories: int = 5
