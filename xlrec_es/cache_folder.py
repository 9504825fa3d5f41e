"""Where this program keeps what it downloads or builds, and how processes take turns in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """The user's cache: XLREC_CACHE, else `xlrec-es` in XDG_CACHE_HOME or in ~/.cache."""
    if folder := os.environ.get("XLREC_CACHE"):
        return Path(folder).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "xlrec-es"


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock file, and wait until no other process holds it.

    The kernel frees the lock when its holder dies, so none is ever stale. The file stays: deleting
    it would let two processes lock two files of one name.

    Args:
        lock: The file; its folder is made.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
