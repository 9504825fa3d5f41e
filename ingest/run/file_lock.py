"""A lock on a file that a run writes, so that no second run writes it, too."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from xlrec_es.errors import ConfigError


@contextlib.contextmanager
def locked(path: Path, *, advice: str) -> Iterator[None]:
    """Have a file to oneself.

    The lock (`flock`) is on an empty file beside it, for the file itself may be replaced or may not
    be there. It is the system's, which takes it back when a process ends, however it ends: what a
    killed run leaves there holds nobody up.

    Args:
        path: The file, which need not exist.
        advice: What who cannot have it may do besides waiting.

    Raises:
        ConfigError: Another run has it; there can be no lock; or a file of something else has its
            name.
    """
    lock = path.resolve()
    lock = lock.with_name(f"{lock.name}.lock")
    try:
        file = _acquire(lock)
    except BlockingIOError as error:
        raise ConfigError(
            f"another run is writing {path}; wait until it has ended, or {advice}"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot lock {path}: {error.strerror}; {advice}") from error
    if os.fstat(file).st_size:  # such as `uv.lock`; a lock is empty, and removed in the end
        os.close(file)
        raise ConfigError(f"cannot lock {path}: {lock} is of another program; {advice}")
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # while it is held, so that it is nobody else's
        os.close(file)


def _acquire(lock: Path) -> int:
    while True:
        file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(file, lock):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # whoever held it has removed it meanwhile


def _is(file: int, path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
