"""Catch up with an index that people write to, in rounds, until another can take its place.

    round, round ... -> block writes -> last round -> alias

Each round has what was written during the one before, and so less. Writes are refused (403
`cluster_block_exception`) from before the last round until after the swap, so that none is lost; as
a rule for less than a second.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from elasticsearch import Elasticsearch

from xlrec_es.versions.copier import Copier
from xlrec_es.versions.write_block import writes_refused

FEW = 1000
"""Documents in a round after which the next is the last: it takes about a second."""
MAX_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class CatchUpReport:
    """What it took to catch up.

    Attributes:
        index: The version that caught up.
        source: The one that people wrote to.
        copied: Documents written, those twice that changed meanwhile.
        deleted: Documents removed, because they were deleted meanwhile.
        blocked_s: Seconds that writes were refused.
        seconds: All of it.
    """

    index: str
    source: str
    copied: int
    deleted: int
    blocked_s: float
    seconds: float


@dataclass(slots=True)
class CatchUp:
    """The rounds.

    Attributes:
        client: Of the cluster.
        copier: From the index that people write to into the one that catches up.
        done: By shard, the number up to which every operation was copied; of a shard that is not
            there, all is to be copied.
        before_copying: Is called in each round when it is settled how far it goes.
        after_copying: Is called at the end of each round with how far it went.
        rounds: How many documents each round had.
        blocked_s: Seconds that writes were refused.
    """

    client: Elasticsearch
    copier: Copier
    done: Mapping[str, int] = field(default_factory=dict)
    before_copying: Callable[[], None] = lambda: None
    after_copying: Callable[[Mapping[str, int]], object] = lambda _done: None
    rounds: list[int] = field(default_factory=list)
    blocked_s: float = 0.0

    def next_round(self) -> int:
        """Copy what was written since the round before.

        Returns:
            How many documents.

        Raises:
            ClusterError: The cluster does not answer, or refuses.
        """
        now = self.copier.checkpoint()
        self.before_copying()
        copied = self.copier.copy_after(self.done, list(now))
        self.rounds.append(copied)
        self.done = now
        self.after_copying(now)
        return copied

    def until_few(self, at_least: int = 1) -> None:
        """Rounds until one has few documents, or `MAX_ROUNDS` if people write too fast for that.

        Args:
            at_least: Rounds that there are to be then, those before this call included.

        Raises:
            ClusterError: The cluster does not answer, or refuses.
        """
        for _ in range(MAX_ROUNDS):
            if self.next_round() < FEW and len(self.rounds) >= at_least:
                return

    @contextlib.contextmanager
    def last_round(self) -> Iterator[None]:
        """Refuse writes, do a last round, and go on refusing them while the alias is moved.

        Raises:
            IndexUnusable: Some copies of the index lack what was written into others.
            ClusterError: The cluster does not answer, or refuses.
        """
        with writes_refused(self.client, self.copier.source) as block:
            self.copier.wait_for_copies()
            self.next_round()
            yield
        self.blocked_s = time.monotonic() - block.since

    def report(self, start: float) -> CatchUpReport:
        """What it took.

        Args:
            start: When all began, by `time.monotonic`.
        """
        tally = self.copier.tally
        return CatchUpReport(
            index=self.copier.target,
            source=self.copier.source,
            copied=tally.copied,
            deleted=tally.deleted,
            blocked_s=round(self.blocked_s, 3),
            seconds=round(time.monotonic() - start, 3),
        )
