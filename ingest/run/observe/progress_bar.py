"""A progress bar on standard error, for people."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console  # noqa: TID251 - it shows phases and numbers alone
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ingest.run.counts import Tally

_PHASES = {
    "load": "loading the encoder",
    "sample": "reading the languages",
    "center": "centering",
    "index": "indexing",
}


class ProgressBar:
    """An observer of a run (see `ingest.run.counts.Observer`), shown where there is a terminal."""

    def __init__(self, *, shown: bool) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            disable=not (shown and console.is_terminal),
            transient=True,
        )
        self._phase: str | None = None
        self._task = self._progress.add_task("", total=None, counts="")

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def __call__(self, phase: str, tally: Tally, fraction: float | None) -> None:
        """Show how far it is."""
        if phase != self._phase:  # a new task, for the speed of another phase says nothing
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task(_PHASES[phase], total=None, counts="")
            self._phase = phase
        seconds = self._progress.tasks[0].elapsed or 0
        rate = f" ({tally.documents / seconds:.0f}/s)" if seconds and tally.documents else ""
        shown = [f"{tally.documents} documents{rate}"] if tally.documents else []
        shown += [f"{tally.tokens} tokens"] if tally.tokens else []
        shown += [f"{tally.rejected} rejected"] if tally.rejected else []
        queues = [f"{stage} {q.waiting}/{q.size}" for stage, q in tally.queues.items() if q.size]
        shown += [f"waiting: {', '.join(queues)}"] if queues else []
        total = None if fraction is None else 1.0
        self._progress.update(
            self._task, total=total, completed=fraction or 0, counts=", ".join(shown)
        )
