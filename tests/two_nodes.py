"""A cluster of two nodes with security: `a` is its master, `b` holds copies of its shards."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from nodes import small_node
from secured_node import SETTINGS
from xlrec_es.cluster.connection import connect

_BETWEEN_NODES = {
    "discovery.type": "multi-node",
    "xpack.security.transport.ssl.enabled": "true",
    # Each has a certificate of its own, signed by itself.
    "xpack.security.transport.ssl.key": "http.key",
    "xpack.security.transport.ssl.certificate": "http.crt",
    "xpack.security.transport.ssl.verification_mode": "none",
    "xpack.security.transport.ssl.client_authentication": "none",
}


@dataclass(frozen=True)
class TwoNodes:
    """The cluster: a client of the superuser, who speaks to `a`."""

    client: Elasticsearch

    @property
    def other(self) -> str:
        """The id of `b`."""
        [id_] = self.client.nodes.info(node_id="b", metric="_none")["nodes"]
        return str(id_)

    def make_index(self, name: str) -> None:
        """One shard, whose primary is on `a` and whose replica is on `b`."""
        here = {"number_of_shards": 1, "number_of_replicas": 0}
        require = "routing.allocation.require._name"
        self.client.indices.create(index=name, settings={**here, require: "a"})
        self.client.indices.put_settings(
            index=name, settings={f"index.{require}": None, "index.number_of_replicas": 1}
        )
        self.client.cluster.health(index=name, wait_for_status="green", timeout="60s")


@contextlib.contextmanager
def two_nodes(version: str) -> Iterator[TwoNodes]:
    """Start it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {**SETTINGS, **_BETWEEN_NODES}
    a = {"node.name": "a", "cluster.initial_master_nodes": "a", "transport.port": port}
    b = {"node.name": "b", "node.roles": "data", "discovery.seed_hosts": f"127.0.0.1:{port}"}
    with (
        small_node(version, settings={**common, **a}) as first,
        small_node(version, settings={**common, **b}),
        connect(first.connection) as client,
    ):
        yield TwoNodes(client)
