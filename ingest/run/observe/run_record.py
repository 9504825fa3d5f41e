"""A run as documents of an index, for Kibana: its summary, and why records were rejected."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.run.counts import INDEXING
from ingest.run.job import RunJob
from ingest.run.reject_file import default_path
from xlrec_es import exact_json
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.cluster.result_index import Row, add, prepare, row_id
from xlrec_es.errors import ConfigError, InvalidJson, XlrecError

REJECTS = "{}-rejects"
"""Name of the index of rejected records, by that of runs."""

RUN_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("@timestamp", "started", "ended"), "date"),
    **dict.fromkeys(("run", "outcome", "index", "version", "fingerprint", "source"), "keyword"),
}
REJECT_TYPES: Mapping[str, str] = {
    "@timestamp": "date",
    **dict.fromkeys(("run", "index", "stage", "reason", "document", "file"), "keyword"),
    "line": "long",
}
"""Of the fields by which documents are told apart."""

COMPLETE, STOPPED, FAILED = "complete", "stopped", "failed"

MOST_REJECTS = 1000
"""Rejected records of a run that become documents; the reject file has all."""
_REASONS = 20
_LONGEST = 300

_COUNTS = (
    *("documents", "indexed", "unchanged", "superseded", "deleted", "late_deletions"),
    *("encoded", "tokens", "rejected", "unwrapped", "retries"),
)
_TOLD = ("index", "version", "fingerprint", "resumed_after", "encoder", "languages", "warnings")

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|(?<!parse field )(?<!of type )\[[^\]]*\]")
_PREVIEW = re.compile(r"(Preview of field's value:).*", re.DOTALL)
_DIGITS = re.compile(r"\d+")


@contextlib.contextmanager
def recorded(
    job: RunJob, connection: Connection, *, index: str | None, tell: Callable[[str], None]
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Add a run to an index, however it ends.

    What cannot be added at the end is a warning: the run has done its work.

    Args:
        job: What is run within.
        connection: To the cluster.
        index: Of the runs; None: nothing is added.
        tell: Is given the warning.

    Yields:
        What takes the run's summary at its end.

    Raises:
        ClusterError: Nothing can be added to the index; before the run.
        ConfigError: It is the one of the items.
    """
    if index is None:
        yield lambda _: None
        return
    if index == job.index:
        raise ConfigError(f"--write-to {index} is the index of the items; name another for the run")
    with connect(connection) as client:
        job.patience.call(client, lambda: prepare(client, index, RUN_TYPES))
    record = _Record(job, connection, index, tell, datetime.now(UTC))
    try:
        yield record.ended
    except XlrecError as error:
        record.failed(error)
        raise


@dataclass(frozen=True, slots=True)
class _Record:
    job: RunJob
    connection: Connection
    index: str
    tell: Callable[[str], None]
    started: datetime

    def ended(self, summary: Mapping[str, Any]) -> None:
        """Add a run that came to its end, or was stopped."""
        self._add({"outcome": COMPLETE if summary["complete"] else STOPPED, **_numbers(summary)})

    def failed(self, error: XlrecError) -> None:
        """Add a run that could not be done."""
        seconds = (datetime.now(UTC) - self.started).total_seconds()
        self._add(
            {
                "outcome": FAILED,
                "index": self.job.index,
                "error": {"kind": type(error).__name__, "text": str(error)},
                "seconds": {"total": round(seconds, 2)},
            }
        )

    def _add(self, fields: Mapping[str, Any]) -> None:
        run, ended = uuid.uuid4().hex, datetime.now(UTC).isoformat()
        try:
            found = _Rejected(run, self.job.index)
            found.read(self._reject_file(), since=None if self.job.resume else self.started)
            row = {
                "@timestamp": ended,
                "run": run,
                "started": self.started.isoformat(),
                "ended": ended,
                "source": self.job.source,
                "shard": str(self.job.shard),
                **fields,
                **found.as_json(),
            }
            with connect(self.connection) as client:
                add(client, self.index, [Row(run, _readable(row))], types=RUN_TYPES)
                if found.rows:
                    add(client, REJECTS.format(self.index), found.rows, types=REJECT_TYPES)
        except (XlrecError, OSError) as error:
            self.tell(f"Warning: the run is not, or not wholly, in {self.index}: {error}.")

    def _reject_file(self) -> Path:
        return self.job.rejects or default_path(self.job.source, self.job.index, self.job.shard)


def _numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What Kibana draws of a summary; not what has a field for each value of the records."""
    seconds = summary["seconds"]
    spent = seconds.get(INDEXING) or seconds["total"]
    return {
        **{name: summary[name] for name in (*_TOLD, *_COUNTS)},
        "seconds": seconds,
        "bottleneck": summary["bottleneck"],
        "documents_per_second": summary["documents"] / spent if spent else None,
    }


class _Rejected:
    """The rejected records of a run: all are counted, and the first become documents."""

    def __init__(self, run: str, index: str) -> None:
        self._run = run
        self._index = index
        self._stages: Counter[str] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()
        self.rows: list[Row] = []

    def read(self, path: Path, *, since: datetime | None) -> None:
        """Read a reject file, if there is one.

        Args:
            path: The file.
            since: Earlier entries are of another run; None: all count.

        Raises:
            OSError: It cannot be read.
        """
        if not path.is_file():
            return
        # The times of entries have no parts of a second.
        first = since.replace(microsecond=0).isoformat() if since else ""
        with path.open("rb") as file:
            for line in file:
                with contextlib.suppress(InvalidJson):  # a line that a kill has cut
                    entry = exact_json.loads(line)
                    if isinstance(entry, dict) and str(entry.get("time", "")) >= first:
                        self._take(entry)

    def _take(self, entry: Mapping[str, Any]) -> None:
        stage, reason = str(entry.get("stage")), kind_of(str(entry.get("reason")))
        self._stages[stage] += 1
        self._reasons[stage, reason] += 1
        if len(self.rows) < MOST_REJECTS:
            fields = {
                "@timestamp": entry.get("time"),
                "run": self._run,
                "index": self._index,
                "stage": stage,
                "reason": reason,
                "line": entry.get("line"),
                "file": entry.get("file"),
                "document": entry.get("document"),
            }
            self.rows.append(Row(row_id(self._run, len(self.rows)), _readable(fields)))

    def as_json(self) -> dict[str, Any]:
        """The counts, by stage and of the most frequent reasons."""
        return {
            "rejected_by_stage": dict(self._stages),
            "reasons": [
                {"stage": stage, "reason": reason, "records": count}
                for (stage, reason), count in self._reasons.most_common(_REASONS)
            ],
        }


def kind_of(reason: str) -> str:
    """A reason without what it quotes of the record, so that equal ones are counted together."""
    without = _PREVIEW.sub(r"\1 …", reason)
    without = _DIGITS.sub("#", _QUOTED.sub("…", without))
    return without[:_LONGEST]


def _readable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields without half characters, such as of the name of a file that is not UTF-8."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, str)
        else value
        for name, value in fields.items()
    }
