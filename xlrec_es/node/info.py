"""What a node's folder tells about the node."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import elasticsearch

from xlrec_es.client import Connection, connect
from xlrec_es.node.folder import NodeFolder


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A local node.

    Attributes:
        url: Its address.
        folder: Where it lives.
        version: Elasticsearch's version.
        pid: The server's process.
        java: The folder of the Java that runs it.
        language_analyzers: Whether it has `german`, `cjk` and the other language analyzers; they
            are missing where Java came without a compiler.
    """

    url: str
    folder: Path
    version: str
    pid: int
    java: Path
    language_analyzers: bool

    @property
    def connection(self) -> Connection:
        """For `xlrec_es.client.connect`."""
        return Connection(self.url)


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What a folder's node does.

    Attributes:
        state: `running` (it answers), `starting` (or stopping) or `stopped`.
        info: The node, if it is running.
    """

    state: Literal["running", "starting", "stopped"]
    info: NodeInfo | None = None


def describe(node: NodeFolder) -> NodeInfo | None:
    """The node, once it listens; None before."""
    record = node.read()
    servers = node.processes(node.server_mark)
    if record is None or not servers or not node.ports.exists():
        return None
    address = node.ports.read_text("utf-8").strip()
    if not address:  # the server has made the file and not yet filled it
        return None
    return NodeInfo(
        url=f"http://{address.splitlines()[0]}",
        folder=node.path,
        version=record.version,
        pid=servers[0].pid,
        java=Path(record.java),
        language_analyzers=record.language_analyzers,
    )


def answers(info: NodeInfo) -> bool:
    """Whether the node serves requests and its primary shards are there."""
    connection = replace(info.connection, timeout_s=10.0)
    with contextlib.closing(connect(connection, max_retries=0)) as client:
        try:
            client.cluster.health(wait_for_status="yellow", timeout="5s")
        except (elasticsearch.ApiError, elasticsearch.TransportError):
            return False
    return True
