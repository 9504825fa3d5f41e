"""What a node's folder tells about the node."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.node import security
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
        username: Who may do everything, if the settings switch security on.
        password: Theirs.
        ca_certs: The certificate to trust (PEM), if the settings switch TLS on.
    """

    url: str
    folder: Path
    version: str
    pid: int
    java: Path
    language_analyzers: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_certs: Path | None = None

    @property
    def connection(self) -> Connection:
        """For `xlrec_es.cluster.connection.connect`."""
        return Connection(
            self.url,
            username=self.username,
            password=self.password,
            ca_certs=str(self.ca_certs) if self.ca_certs else None,
        )


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
    address = node.ports.read_text("utf-8").strip() if node.ports.exists() else ""
    record = node.read()
    if record is None or not address:
        return None
    servers = node.processes(node.server_mark)
    if not servers:  # it has ended, and left the file
        return None
    tls = security.wants_certificate(record.settings)
    return NodeInfo(
        url=f"{'https' if tls else 'http'}://{address.splitlines()[0]}",
        folder=node.path,
        version=record.version,
        pid=servers[0].pid,
        java=Path(record.java),
        language_analyzers=record.language_analyzers,
        username=security.USERNAME if record.password else None,
        password=record.password,
        ca_certs=node.path / "config" / security.CERTIFICATE if tls else None,
    )


def answers(info: NodeInfo) -> bool:
    """Whether the node serves requests and its primary shards are there."""
    import elasticsearch  # slow to import, and commands need names from here for their help

    connection = replace(info.connection, timeout_s=10.0)
    with contextlib.closing(connect(connection, max_retries=0)) as client:
        try:
            client.cluster.health(wait_for_status="yellow", timeout="5s")
            client.license.get()  # 404 until the node has made itself one, a moment later
        except (elasticsearch.ApiError, elasticsearch.TransportError):
            return False
    return True
