"""How far a run over units is: one tally, one reject file and one summary over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.on_ray.unit_worker import UnitDone
from ingest.run.counts import INDEXING, STAGES, Counts, Observer, Tally
from ingest.run.job import RunJob
from ingest.run.observe.summary import detected, warnings_of
from ingest.run.reject_file import RejectFile
from ingest.write.target_index import Target
from xlrec_es.errors import TooManyRejects


class Progress:
    """Counts and rejects of units that are done.

    Args:
        job: What is to be done.
        rejects: Their file.
        observe: Is told how far the run is.

    Attributes:
        rejects: The file.
        tally: Of all units that are done.
    """

    def __init__(self, job: RunJob, rejects: RejectFile, observe: Observer) -> None:
        self.rejects = rejects
        self.tally = Tally()
        self._job = job
        self._observe = observe
        self._summaries: dict[int, Mapping[str, Any]] = {}
        self._lines: dict[int, tuple[int, int]] = {}  # where those of a unit are in the file
        self._resumed = 0

    def tell(self, phase: str, fraction: float | None = None) -> None:
        """Tell the observer."""
        self._observe(phase, self.tally, fraction)

    def add(self, done: UnitDone, *, earlier: bool = False) -> None:
        """Take in a unit.

        Args:
            done: What became of it.
            earlier: Whether a run before this one has done it.

        Raises:
            IngestError: The reject file cannot be written.
        """
        counts = Counts()
        counts.set_from(done.counts)
        self.tally.add(counts)
        self._resumed += earlier
        if done.summary:
            self._summaries[done.number] = done.summary
            self.tally.tokens += done.summary["tokens"]
            self.tally.unwrapped += done.summary["unwrapped"]
            if not earlier:
                self._add_seconds(done.summary["seconds"])
        self.add_rejects(done.number, done.rejects)

    def add_rejects(self, number: int, lines: bytes) -> None:
        """Write down rejects of a unit, in the place of those that it had.

        Raises:
            IngestError: The reject file cannot be written.
        """
        if lines:
            start = self.rejects.size
            self.rejects.write_lines(lines)
            self._lines[number] = (start, self.rejects.size)
            self.rejects.sync()

    def correct(self, first: UnitDone, again: UnitDone) -> None:
        """Take in a unit once more, whose documents others have written or deleted meanwhile.

        Args:
            first: What became of it.
            again: What became of it now; of what it wrote before, nothing is to be done.
        """
        written = again.counts["indexed"]
        older = again.counts["superseded"] - first.counts["superseded"]
        self.tally.indexed += written
        self.tally.superseded += older
        self.tally.unchanged -= written + older
        self.tally.encoded += again.counts["encoded"]
        self.add_rejects(first.number, again.rejects)

    def check(self) -> None:
        """See that not more is rejected than the job allows.

        Raises:
            TooManyRejects: It is.
        """
        most = self._job.max_rejects
        if most is not None and self.tally.rejected > most:
            raise TooManyRejects(
                f"{self.tally.rejected} records are rejected, more than --max-rejects {most}; "
                f"{self.rejects.path} says why. What is in the index stays"
            )

    def sort_rejects(self) -> None:
        """Have them in the order of the input.

        Raises:
            IngestError: The reject file cannot be written.
        """
        if self._lines:
            self.rejects.arrange([self._lines[number] for number in sorted(self._lines)])

    def summary(
        self, target: Target, *, complete: bool, threads: int, seconds: float
    ) -> dict[str, Any]:
        """The summary of all units; see `ingest.run.observe.summary.summarize`.

        Args:
            target: The index that was written.
            complete: Whether all of the input is settled.
            threads: How many actors worked.
            seconds: Of all of the run.
        """
        tally, summaries = self.tally, list(self._summaries.values())
        first = summaries[0] if summaries else {}
        slowest = tally.bottleneck(dict.fromkeys((*STAGES, "write"), threads))
        meta = target.live.meta
        return {
            "index": self._job.index,
            "version": target.live.name,
            "fingerprint": meta.fingerprint.digest,
            "complete": complete,
            "resumed_after": self._resumed,
            **{name: getattr(tally, name) for name in _COUNTED},
            "tokens": tally.tokens,
            "rejected": tally.rejected,
            "rejects": str(self.rejects.path) if tally.rejected else None,
            "unwrapped": tally.unwrapped,
            "duplicates": None,
            **{name: dict(getattr(tally, name).most_common()) for name in _BY_VALUE},
            "analyzers": {language: meta.analyzers[language] for language in meta.languages},
            "centering": meta.centering.method,
            "encoder": first.get(
                "encoder", {"model": self._job.model, "device": None, "dtype": None}
            ),
            "retries": sum(one["retries"] for one in summaries),
            "bottleneck": slowest and {"stage": slowest[0], "busy": round(slowest[1], 2)},
            "seconds": {stage: round(spent, 2) for stage, spent in tally.seconds.items()}
            | {"total": round(seconds, 2)},
            "warnings": [
                *warnings_of(target),
                *detected(tally.read_as),
                *dict.fromkeys(warning for one in summaries for warning in one["warnings"]),
            ],
        }

    def _add_seconds(self, seconds: Mapping[str, float]) -> None:
        for stage, spent in seconds.items():
            if stage not in (INDEXING, "total"):
                self.tally.seconds[stage] = self.tally.seconds.get(stage, 0.0) + spent


_COUNTED: Sequence[str] = (
    *("documents", "indexed", "unchanged", "superseded", "deleted", "late_deletions", "encoded"),
)
_BY_VALUE: Sequence[str] = ("languages", "detected", "read_as")
