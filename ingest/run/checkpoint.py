"""The checkpoint: a small file that says up to where a run is settled.

It is written after the acknowledgement, whole or not at all, so that it never promises too much:
what is done again after a crash is at most what was under way, and doing it again changes nothing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ingest.run.counts import Counts
from xlrec_es import exact_json
from xlrec_es.errors import ConfigError, IngestError, InvalidJson
from xlrec_es.index.live_index import LiveIndex

BEGIN_ANEW = "run without --resume to begin again: what is in the index is passed over"
ADVICE = "name another file with --checkpoint"

_SUFFIX = ".checkpoint.json"
_EVERY_S = 1.0
_SCHEMA = 1
_BEGINNING = re.compile(rb'\{\n  "schema": \d+,\n  "identity": \{')
_BEGINNING_BYTES = 64


@dataclass(frozen=True, slots=True)
class State:
    """Up to where a run is settled.

    Attributes:
        position: Of the last record of the source that is; 0 for none.
        rejects_size: Bytes of the reject file that belong to these records.
        counts: What became of them; see `Counts.as_json`.
        digest: Stands for all of these records; see `ingest.run.reading.digest_with`.
    """

    position: int = 0
    rejects_size: int = 0
    counts: Mapping[str, Any] = field(default_factory=lambda: Counts().as_json())
    digest: str = ""


@dataclass(slots=True)
class Checkpoint:
    """The file.

    Attributes:
        path: Where; None for a source that nobody can go on with.
        identity: What must be the same for a run to go on: source, index, shard ...
    """

    path: Path | None
    identity: dict[str, Any] = field(default_factory=dict)
    _saved_at: float = 0.0

    def bind(self, live: LiveIndex) -> None:
        """The run is for this very index, and no later one of its name."""
        self.identity |= {
            "index": f"{live.name} {live.uuid}",
            "fingerprint": live.meta.fingerprint.digest,
        }

    def load(self) -> State:
        """Where the run before this one got to; the beginning if it came to its end.

        Raises:
            ConfigError: It was another run, or the file is damaged.
        """
        if self.path is None or not self.path.exists():
            return State()
        try:
            stored = exact_json.loads(self.path.read_bytes())
            identity, state = stored["identity"], State(**stored["state"])
            _must_be_whole(identity, state)
        except (OSError, InvalidJson, LookupError, TypeError) as error:
            raise ConfigError(
                f"the checkpoint {self.path} cannot be read ({error}); {BEGIN_ANEW}"
            ) from error
        different = [
            f"{name} was {identity.get(name)!r} and is {mine!r}"
            for name, mine in ({name: None for name in identity} | self.identity).items()
            if identity.get(name) != mine
        ]
        if different:
            raise ConfigError(
                f"the checkpoint {self.path} is of another run: {'; '.join(different)}; "
                f"{BEGIN_ANEW}"
            )
        return state

    def is_due(self) -> bool:
        """Whether the last one is old enough for another."""
        return time.monotonic() - self._saved_at >= _EVERY_S

    def save(self, state: State) -> None:
        """Replace the file.

        Raises:
            IngestError: It cannot be written.
        """
        if self.path is None:
            return
        content = {
            "schema": _SCHEMA,
            "identity": self.identity,
            "state": {
                "position": state.position,
                "rejects_size": state.rejects_size,
                "counts": state.counts,
                "digest": state.digest,
            },
        }
        new = _unfinished(self.path)
        try:
            with new.open("wb") as file:
                file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2))
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave the name without the content
            new.replace(self.path)
        except OSError as error:
            raise IngestError(
                f"cannot write the checkpoint {self.path}: {error.strerror}; {ADVICE}"
            ) from error
        self._saved_at = time.monotonic()

    def remove(self) -> None:
        """The run has come to its end."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _must_be_whole(identity: object, state: State) -> None:
    """Refuse what `Checkpoint.save` does not write.

    Raises:
        TypeError: It is something else.
    """
    numbers = [state.position, state.rejects_size]
    empty = Counts().as_json()
    whole = isinstance(identity, dict) and isinstance(state.counts, dict)
    whole = whole and state.counts.keys() == empty.keys()
    whole = whole and isinstance(state.digest, str) and bool(state.digest) == bool(state.position)
    if whole:
        for name, found in state.counts.items():
            by_language = isinstance(empty[name], dict)
            whole = whole and isinstance(found, dict) == by_language
            numbers += found.values() if isinstance(found, dict) else [found]
    if not whole or any(type(number) is not int or number < 0 for number in numbers):
        raise TypeError("it is no checkpoint")


def default_path(rejects: Path) -> Path:
    """Beside the reject file."""
    return rejects.with_name(rejects.name.removesuffix(".rejects.jsonl") + _SUFFIX)


def check_free(path: Path) -> None:
    """See that a run loses nobody's file: it replaces the checkpoint, and removes it at its end.

    Args:
        path: Where the checkpoint is to be.

    Raises:
        ConfigError: Something else is there, or it cannot be read.
    """
    for there in (path, _unfinished(path)):
        if there.exists() and not (there.is_file() or there.is_dir()):  # a device, say
            raise ConfigError(f"{there} is no regular file, which a checkpoint has to be; {ADVICE}")
        try:
            beginning = _beginning(there) if there.is_file() else b""
        except OSError as error:
            raise ConfigError(
                f"cannot read the checkpoint {there}: {error.strerror}; {ADVICE}"
            ) from error
        if beginning and not _BEGINNING.match(beginning):
            raise ConfigError(f"{there} is no checkpoint of a run, and is not replaced; {ADVICE}")


def _unfinished(path: Path) -> Path:
    """What takes the place of a checkpoint once it is whole."""
    return path.with_name(f"{path.name}.new")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_BEGINNING_BYTES)
