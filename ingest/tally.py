"""What a run has done so far, and who is told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One of those found.

    Attributes:
        id: The document.
        of: The one before it.
        similarity: 1 if equal.
    """

    id: str
    of: str
    similarity: float


@dataclass(slots=True)
class Found:
    """The duplicates that were found in one pass over the source.

    Attributes:
        exact: Texts equal to one before.
        near: Texts like one before.
        examples: The first of both.
    """

    exact: int = 0
    near: int = 0
    examples: list[Duplicate] = field(default_factory=list)

    def add(self, duplicate: Duplicate) -> None:
        """Count it."""
        if duplicate.similarity == 1:
            self.exact += 1
        else:
            self.near += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(duplicate)


@dataclass(slots=True)
class Tally:
    """What has happened so far.

    Attributes:
        documents: Made out of the records that have been read.
        indexed: Acknowledged by Elasticsearch.
        unchanged: In the index already.
        rejected: Records or documents set aside.
        languages: Documents by language.
        detected: Documents by language, where it was not declared.
        duplicates: What the builder found; None if nobody looked.
        seconds: By stage.
    """

    documents: int = 0
    indexed: int = 0
    unchanged: int = 0
    rejected: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    detected: Counter[str] = field(default_factory=Counter)
    duplicates: Found | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time that this takes to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


Observer = Callable[[str, Tally, float | None], None]
"""Is told the phase, the tally, and how much of the source has been read (0..1, or None)."""
