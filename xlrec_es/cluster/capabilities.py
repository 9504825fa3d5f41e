"""What a cluster can do, found by asking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.cluster.analyzers import available_analyzers
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ClusterError, ClusterUnreachable

MINIMUM_VERSION = (8, 19, 0)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a cluster can do, found by asking it.

    Attributes:
        version: The oldest node's version.
        license: `basic`, `trial`, `enterprise` ...
        modules: Modules and plugins that every node has.
        analyzers: Language analyzers that the node asked has.
    """

    version: tuple[int, int, int]
    license: str
    modules: frozenset[str]
    analyzers: frozenset[str]

    @property
    def hides_vectors(self) -> bool:
        """Whether vectors are left out of `_source` unless they are asked for (from 9.2)."""
        return self.version >= (9, 2, 0)

    @property
    def packed_vectors(self) -> bool:
        """Whether vectors may be written as base64 of big-endian float32 (from 9.3)."""
        return self.version >= (9, 3, 0)


def probe(client: Elasticsearch) -> Capabilities:
    """Ask the cluster what it can do.

    `GET /` is missing on stripped servers and `_nodes` needs the `monitor` privilege, so the
    version is taken from whichever of the two answers.

    Raises:
        ClusterError: The cluster does not answer, refuses, or is too old.
    """
    with friendly_errors(client):
        version, modules = _version_and_modules(client)
        if version < MINIMUM_VERSION:
            raise ClusterError(
                f"Elasticsearch {'.'.join(map(str, version))} is too old; "
                f"{'.'.join(map(str, MINIMUM_VERSION))} is the oldest supported"
            )
        try:
            licence = client.license.get()["license"]["type"]
        except elasticsearch.NotFoundError as error:  # in the first seconds of a node
            raise ClusterUnreachable("Elasticsearch is still starting; try again") from error
        return Capabilities(version, licence, modules, available_analyzers(client))


def _version_and_modules(client: Elasticsearch) -> tuple[tuple[int, int, int], frozenset[str]]:
    try:
        versions, modules = node_versions(client)
    except elasticsearch.AuthorizationException:
        return _parse_version(client.info()["version"]["number"]), frozenset()
    return min(versions), modules


def server_version(client: Elasticsearch) -> tuple[int, int, int]:
    """The oldest node's version.

    Raises:
        elasticsearch.ApiError: The cluster refuses; see `friendly_errors`.
    """
    return _version_and_modules(client)[0]


def node_versions(
    client: Elasticsearch,
) -> tuple[list[tuple[int, int, int]], frozenset[str]]:
    """The version of each node, and the modules and plugins that all of them have.

    Raises:
        elasticsearch.ApiError: The cluster refuses; see `friendly_errors`.
    """
    return read_nodes(client.nodes.info(metric="plugins", filter_path=NODES_ANSWER).body)


NODES_ANSWER = "nodes.*.version,nodes.*.modules.name,nodes.*.plugins.name"
"""What `read_nodes` needs of the answer to `GET _nodes/plugins`."""


def read_nodes(
    answer: Mapping[str, Any],
) -> tuple[list[tuple[int, int, int]], frozenset[str]]:
    """As `node_versions`, out of the answer to `GET _nodes/plugins`."""
    nodes = answer["nodes"].values()
    versions = [_parse_version(node["version"]) for node in nodes]
    modules = [
        {part["name"] for part in (*node.get("modules", ()), *node.get("plugins", ()))}
        for node in nodes
    ]
    return versions, frozenset(set.intersection(*modules))


def _parse_version(text: str) -> tuple[int, int, int]:
    major, minor, patch = text.split("-")[0].split(".")[:3]
    return int(major), int(minor), int(patch)
