"""What a run does, as JSON Lines on standard error: for log collectors in place of people."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime

import orjson

from ingest.run.counts import Observer, Tally
from xlrec_es import exact_json
from xlrec_es.visible_text import visible

logger = logging.getLogger(__name__)

FIGURES_EVERY_S = 10.0
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        try:
            line = orjson.dumps(entry, default=str).decode()
        except TypeError:  # such as half a character, in the name of a file that is not UTF-8
            line = exact_json.as_text(entry)
        return visible(line)


@contextmanager
def json_log() -> Iterator[Observer]:
    """Write it, for as long as this lasts; other libraries' warnings too.

    Yields:
        An observer that logs each phase, and the figures now and then.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root, ours = logging.getLogger(), logging.getLogger("ingest")
    before = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield _Observer()
    finally:
        root.removeHandler(handler)
        ours.setLevel(before)


class _Observer:
    def __init__(self) -> None:
        self._phase = ""
        self._logged_at = 0.0

    def __call__(self, phase: str, tally: Tally, fraction: float | None) -> None:
        now = time.monotonic()
        if phase != self._phase:
            logger.info("phase", extra={"phase": phase})
        elif now - self._logged_at < FIGURES_EVERY_S:
            return
        else:
            logger.info("figures", extra=figures(tally, fraction))
        self._phase, self._logged_at = phase, now


def figures(tally: Tally, fraction: float | None) -> dict[str, object]:
    """How far a run is.

    Args:
        tally: What has happened so far.
        fraction: How much of the source has been read, 0..1.
    """
    return {
        **tally.as_json(),
        "tokens": tally.tokens,
        "seconds": {stage: round(spent, 2) for stage, spent in dict(tally.seconds).items()},
        "queues": {stage: asdict(fill) for stage, fill in tally.queues.items()},
        "read": fraction,
    }
