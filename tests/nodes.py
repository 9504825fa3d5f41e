"""Which Elasticsearch servers the tests can run on this machine, and how they are started."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from xlrec_es.node import running
from xlrec_es.node.distribution import SERVERS
from xlrec_es.node.info import NodeInfo
from xlrec_es.node.java import find_javas

HEAP = "512m"

# Most of these nodes live for seconds: Java's second compiler would cost more than it brings.
_JAVA = ("-XX:TieredStopAtLevel=1",)


def testable_versions() -> list[str]:
    """The servers that this machine's Javas can run, newest first."""
    newest = max((java.release for java in find_javas()), default=0)
    able = [server.version for server in SERVERS if newest >= server.java]
    # Without Java the tests try all the same, and fail.
    return able or [SERVERS[0].version]


VERSIONS = testable_versions()
LEFT_OUT = [server.version for server in SERVERS if server.version not in VERSIONS]


def small_node(
    version: str = VERSIONS[0],
    *,
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> contextlib.AbstractContextManager[NodeInfo]:
    """A node for as long as the `with` block lasts; see `running`."""
    return running(folder, version=version, heap=HEAP, settings=settings, java_options=_JAVA)
