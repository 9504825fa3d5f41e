"""Which Elasticsearch servers the tests can run on this machine, and how they are started."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from xlrec_es.node import running
from xlrec_es.node.distribution import SERVERS
from xlrec_es.node.info import NodeInfo
from xlrec_es.node.java import find_javas

HEAP = "512m"
_SHARED_MEMORY = Path("/dev/shm")
_ROOM = 4 * 1024**3

JAVA = ("-XX:TieredStopAtLevel=1",)
"""Most of these nodes live for seconds: Java's second compiler would cost more than it brings."""


def testable_versions() -> list[str]:
    """The servers that this machine's Javas can run, newest first."""
    newest = max((java.release for java in find_javas()), default=0)
    able = [server.version for server in SERVERS if newest >= server.java]
    # Without Java the tests try all the same, and fail.
    return able or [SERVERS[0].version]


VERSIONS = testable_versions()
LEFT_OUT = [server.version for server in SERVERS if server.version not in VERSIONS]


@contextlib.contextmanager
def small_node(
    version: str = VERSIONS[0],
    *,
    folder: Path | None = None,
    port: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[NodeInfo]:
    """A node for as long as the `with` block lasts; without a folder its data are in memory."""
    with contextlib.ExitStack() as stack:
        with _temporary_folders_in(_memory()):
            node = stack.enter_context(
                running(
                    folder,
                    port=port,
                    version=version,
                    heap=HEAP,
                    settings=settings,
                    java_options=JAVA,
                )
            )
        yield node


def _memory() -> Path | None:
    """Where files are kept in memory, if the data of some nodes have room there.

    A disk is waited for at every change of the cluster: to create and to delete an index took 190
    ms on a disk, and takes 120 in memory.
    """
    with contextlib.suppress(OSError):
        found = os.statvfs(_SHARED_MEMORY)
        # The server loads libraries out of its folder, which containers often forbid.
        if found.f_bavail * found.f_frsize >= _ROOM and not found.f_flag & os.ST_NOEXEC:
            return _SHARED_MEMORY
    return None


@contextlib.contextmanager
def _temporary_folders_in(folder: Path | None) -> Iterator[None]:
    """Have temporary folders made there; None: where they usually are."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder) if folder else before
    try:
        yield
    finally:
        tempfile.tempdir = before
