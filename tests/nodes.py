"""Which Elasticsearch servers the tests can run on this machine."""

from __future__ import annotations

from xlrec_es.node.distribution import SERVERS
from xlrec_es.node.java import find_javas

HEAP = "512m"


def testable_versions() -> list[str]:
    """The servers that this machine's Javas can run, newest first."""
    newest = max((java.release for java in find_javas()), default=0)
    able = [server.version for server in SERVERS if newest >= server.java]
    # Without Java the tests try all the same, and fail.
    return able or [SERVERS[0].version]


VERSIONS = testable_versions()
LEFT_OUT = [server.version for server in SERVERS if server.version not in VERSIONS]
