"""What a run has done so far, and who is told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


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
        seconds: By stage.
    """

    documents: int = 0
    indexed: int = 0
    unchanged: int = 0
    rejected: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    detected: Counter[str] = field(default_factory=Counter)
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
