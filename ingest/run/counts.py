"""What a run has done so far, and who is told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from ingest.documents.deduplication import Found
from ingest.run.pipeline import Fill

MOST_VALUES, OTHERS = 100, "other values"


@dataclass(slots=True)
class Counts:
    """What became of records and documents.

    Each document ends as one of indexed, unchanged, superseded or rejected, and each deletion of
    one that is there as deleted, late or rejected.

    Attributes:
        documents: Made out of the records that have been read.
        indexed: Acknowledged by Elasticsearch.
        unchanged: In the index already.
        superseded: Older than what the index has, or than another state in the source.
        newer_there: Of the superseded, those that are older than what the index has.
        rejected: Records or documents set aside.
        deleted: Documents whose deletion Elasticsearch acknowledged.
        late_deletions: Deletions that are older than what the index has.
        encoded: Texts that the encoder was given; a document whose text is as it was needs none.
        pictures: Documents that got the vector of a picture. One whose picture is set aside is
            indexed with its text, and counts as rejected too.
        pictured: Documents whose record names a picture, good or not.
        languages: Documents by language.
        detected: Documents by language, where it was not declared.
        read_as: Documents by what they have for a language and what that was read as, where it is
            no tag: `English → en`, `xx → fr (detected)`.
    """

    documents: int = 0
    indexed: int = 0
    unchanged: int = 0
    superseded: int = 0
    newer_there: int = 0
    rejected: int = 0
    deleted: int = 0
    late_deletions: int = 0
    encoded: int = 0
    pictures: int = 0
    pictured: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    detected: Counter[str] = field(default_factory=Counter)
    read_as: Counter[str] = field(default_factory=Counter)

    @property
    def settled_well(self) -> int:
        """How many have ended and were not rejected."""
        return self.indexed + self.unchanged + self.superseded + self.deleted

    def add(self, other: Counts) -> None:
        """Take in those of other records."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.read_as = _most(self.read_as)

    def as_json(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {name: getattr(self, name) for name in _COUNTS}

    def set_from(self, stored: Mapping[str, Any]) -> None:
        """Go on from what `as_json` gave."""
        for name in _COUNTS:
            value = stored.get(name, getattr(self, name))  # of an earlier program, without it
            setattr(self, name, Counter(value) if isinstance(value, dict) else value)


def _most(counts: Counter[str]) -> Counter[str]:
    """Not more than people would read; the wrong field has as many values as documents."""
    if len(counts) <= MOST_VALUES:
        return counts
    kept = Counter(dict(counts.most_common(MOST_VALUES - 1)))
    kept[OTHERS] += counts.total() - kept.total()
    return kept


_COUNTS = tuple(one.name for one in fields(Counts))


INDEXING = "indexing"
"""The time in which the stages of the pipeline work side by side."""
STAGES = ("read", "compare", "encode", "write")


@dataclass(slots=True)
class Tally(Counts):
    """What has happened so far; the counts are of records that are settled.

    Attributes:
        duplicates: What the builder found; None if nobody looked.
        unwrapped: Records that came in the envelope of a dump; see `xlrec_es.records.envelope`.
        seconds: By stage. Stages overlap, and several threads may work at one.
        tokens: That were encoded, by encoders that count them.
        queues: By stage, what waits for it or is worked at by it, in windows.
    """

    duplicates: Found | None = None
    unwrapped: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    tokens: int = 0
    queues: dict[str, Fill] = field(default_factory=lambda: {"encode": Fill(), "write": Fill()})
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time that this takes to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + spent

    def bottleneck(self, threads: Mapping[str, int]) -> tuple[str, float] | None:
        """The stage that the others waited for, and which part of the time it was busy.

        Args:
            threads: By stage, where there are more than one.
        """
        wall = self.seconds.get(INDEXING, 0.0)
        if not wall or not self.documents:
            return None
        busy = {
            stage: self.seconds.get(stage, 0.0) / threads.get(stage, 1) / wall for stage in STAGES
        }
        # Reading and comparing are one thread's work.
        busy["read"] += busy["compare"]
        stage = max(busy, key=lambda name: busy[name])
        return stage, min(1.0, busy[stage])


Observer = Callable[[str, Tally, float | None], None]
"""Is told the phase, the tally, and how much of the source has been read (0..1, or None)."""
