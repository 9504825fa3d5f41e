"""Committing: what is settled is noted, window by window, in the order of the source."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.encode import raw_vectors
from ingest.run.checkpoint import Checkpoint, State
from ingest.run.counts import Observer, Tally
from ingest.run.documents_in_flight import DocumentsUnderWay
from ingest.run.job import RunJob
from ingest.run.reading import TRIED
from ingest.run.reject_file import RejectFile
from ingest.run.signals import Stop
from ingest.run.window import Window
from ingest.sources.source import Source
from ingest.write.target_index import Target
from xlrec_es.errors import TooManyRejects
from xlrec_es.vectors.encoder import Encoder

CHECK_LIVE_S = 10.0
"""How long a run may write into a version that is no longer live before it notices."""


@dataclass(slots=True)
class Committer:
    """Notes what is settled: in the reject file, the tally and the checkpoint.

    Attributes:
        job: What is to be done.
        source: Where the records are.
        encoder: Counts its tokens.
        rejects: Where to set aside what cannot be indexed.
        checkpoint: Where to note what is settled.
        state: What is settled already.
        tally: What has happened so far.
        stop: The wish that the run may end.
        observe: Is told after each window.
        complete: Whether all of the source is settled.
    """

    job: RunJob
    source: Source
    encoder: Encoder
    rejects: RejectFile
    checkpoint: Checkpoint
    state: State
    tally: Tally
    stop: Stop
    observe: Observer
    complete: bool = False
    _reasons: Counter[str] = field(default_factory=Counter)  # while everything fails

    def commit_all(
        self, windows: Iterable[Window | None], under_way: DocumentsUnderWay, index: Target
    ) -> None:
        """Commit windows as they come.

        Args:
            windows: What was written; None where the run was stopped: what comes after it is not
                committed.
            under_way: Documents that may not be written by another window yet.
            index: Where they were written, which is to stay the live version.

        Raises:
            TooManyRejects: More was set aside than the job allows, or all that came first.
            AliasMoved: Another version is live now.
            IngestError: The reject file or the checkpoint cannot be written.
        """
        checked_at = time.monotonic()
        for window in windows:
            if window is None:
                return
            self._commit(window, under_way)
            if time.monotonic() - checked_at > CHECK_LIVE_S:
                index.check_is_live(self.job.index)
                checked_at = time.monotonic()
        self.complete = not self.stop.requested.is_set()

    def _commit(self, window: Window, under_way: DocumentsUnderWay) -> None:
        """All of this window is settled, and all before it."""
        self.set_aside(window)
        self.check_first()
        under_way.leave(window.keys)
        self.tally.tokens = raw_vectors.tokens(self.encoder)
        self.observe("index", self.tally, self.source.fraction)
        if self.checkpoint.is_due():
            self.save_checkpoint()
        most = self.job.max_rejects
        if most is not None and self.tally.rejected > most:
            raise TooManyRejects(
                f"{self.tally.rejected} records are rejected, more than --max-rejects {most}; "
                f"{self.rejects.path} says why. What is in the index stays"
            )

    def set_aside(self, window: Window) -> None:
        """Write down why some of its records cannot be indexed, and count all of them.

        Raises:
            IngestError: The reject file cannot be written.
        """
        for rejection in window.rejections:
            self.rejects.write(rejection)
            if not self.tally.settled_well:
                self._reasons[rejection.reason] += 1
        self.tally.add(window.counts)
        self.state = State(window.position, self.rejects.size, self.tally.as_json(), window.digest)

    def check_first(self) -> None:
        """End a run whose first records all fail: what follows will be alike.

        Raises:
            TooManyRejects: So it is.
        """
        if not self.job.tries or self.tally.settled_well or self.tally.rejected < TRIED:
            return
        [(reason, count)] = self._reasons.most_common(1)
        self.rejects.sync()
        raise TooManyRejects(
            f"none of the first {self.tally.rejected} records can be indexed, {count} of them "
            f"because: {reason}. {self.rejects.path} has them all; nothing more was encoded. Mend "
            "the input, say which field is what (--field), or give --max-rejects to go on"
        )

    def save_checkpoint(self) -> None:
        """Note what is settled where a later run finds it.

        Raises:
            IngestError: A file cannot be written.
        """
        self.rejects.sync()
        self.checkpoint.save(self.state)
