"""The reject file: what was set aside, and why, so that it can be mended and read again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

import orjson

from ingest.source import INDEX_SCHEME
from ingest.types import Rejection
from xlrec_es.errors import ConfigError, IngestError

_SUFFIX = ".rejects.jsonl"


def default_path(source: str) -> Path:
    """Beside the input, or here if that folder is not ours to write in.

    Args:
        source: The input as given on the command line; `-` is standard input.
    """
    if source.startswith(INDEX_SCHEME):
        return Path(f"{source.removeprefix(INDEX_SCHEME)}{_SUFFIX}")
    if source == "-":
        return Path(f"xlrec{_SUFFIX}")
    beside = Path(f"{Path(source)}{_SUFFIX}")  # a folder may be named with a slash at the end
    return beside if os.access(beside.parent, os.W_OK) else Path(beside.name)


class RejectFile:
    """JSON Lines, one rejection each; there is no file if nothing is rejected.

    Entering the context removes the file of an earlier run.

    Args:
        path: The file.

    Raises:
        ConfigError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[bytes] | None = None
        try:  # fails now rather than at the first rejection
            is_new = not path.exists()
            with path.open("ab"):
                pass
            if is_new:
                path.unlink()
        except OSError as error:
            raise ConfigError(
                f"cannot write the reject file {path}: {error.strerror}; name one with --rejects"
            ) from error

    def __enter__(self) -> RejectFile:
        self.path.unlink(missing_ok=True)  # of an earlier run
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def write(self, rejection: Rejection) -> None:
        """Set one aside.

        Raises:
            IngestError: The file cannot be written (further).
        """
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "line": rejection.position,
            "stage": rejection.stage,
            "reason": rejection.reason,
            "document": rejection.document,
            "record": rejection.record,
        }
        try:
            if self._file is None:
                self._file = self.path.open("wb")
            self._file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()
        except OSError as error:
            raise IngestError(
                f"cannot write the reject file {self.path}: {error.strerror}"
            ) from error
        self.count += 1
