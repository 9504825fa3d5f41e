"""The server's configuration, written into the node's folder at every start."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from xlrec_es.errors import ConfigError
from xlrec_es.node.folder import NodeFolder

# Where the node lives and listens, and with which certificate, is for this program to say.
_OURS = {
    "path.data",
    "path.logs",
    "network.host",
    "network.bind_host",
    "network.publish_host",
    "http.host",
    "http.bind_host",
    "http.port",
    "transport.host",
    "transport.bind_host",
    "node.portsfile",
    "xpack.security.http.ssl.certificate",
    "xpack.security.http.ssl.key",
    "xpack.security.http.ssl.keystore.path",
}

_DEFAULTS = {
    "cluster.name": "xlrec",
    "node.name": "xlrec",
    "discovery.type": "single-node",
    # A laptop's disk is often fuller than the 85% at which Elasticsearch stops placing shards.
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    "xpack.security.enabled": "false",
}

_PORTS = "9200-9299"
"""The server takes the first that is free."""


def check(heap: str, settings: Mapping[str, str]) -> None:
    """Refuse what the server would only refuse after seconds, or what would move the node.

    Raises:
        ConfigError: The heap is no size, or a setting is not the caller's to make.
    """
    if not re.fullmatch(r"[1-9]\d*[mgMG]", heap):
        raise ConfigError(f"{heap!r} is not a heap size; write it as 512m or 2g")
    if taken := sorted(_OURS.intersection(settings)):
        raise ConfigError(
            f"{', '.join(taken)} cannot be set for a local node: "
            "choose --folder and --port, and it listens on this machine only"
        )


def heap_options(heap: str) -> list[str]:
    """The Java options of a heap that does not grow."""
    return [f"-Xms{heap}", f"-Xmx{heap}"]


def write(
    node: NodeFolder,
    *,
    port: int | None,
    settings: Mapping[str, str],
    java_options: Sequence[str],
) -> None:
    """Write the settings and the Java options into `<folder>/config`.

    Args:
        node: The node's folder, with a copy of the server's own configuration.
        port: The HTTP port; None leaves the choice to the server.
        settings: Elasticsearch settings that go before the defaults.
        java_options: What the server's Java is started with, besides the server's own options.
    """
    lines = {
        **_DEFAULTS,
        **settings,
        "network.host": "127.0.0.1",
        "http.port": str(port or _PORTS),
        # Makes the server write the ports that it took into its logs folder.
        "node.portsfile": "true",
    }
    config = node.path / "config"
    # JSON strings are YAML strings.
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in lines.items())
    (config / "elasticsearch.yml").write_text(text, "utf-8")
    _write_java_options(node, java_options)


def _write_java_options(node: NodeFolder, options: Sequence[str]) -> None:
    """Keep the server's options, but write nothing into its home, which nodes share."""
    path = node.path / "config" / "jvm.options"
    kept = [
        line
        for line in path.read_text("utf-8").splitlines()
        if not re.search(r"-Xlog:gc|HeapDump|ErrorFile", line)
    ]
    kept += [
        f"-XX:ErrorFile={node.path / 'logs' / 'hs_err_pid%p.log'}",
        *options,
        node.server_mark,
    ]
    path.write_text("\n".join(kept) + "\n", "utf-8")
