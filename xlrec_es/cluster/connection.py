"""The one place where an Elasticsearch client is made, and what the cluster behind it can do."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import elasticsearch
from elasticsearch import AsyncElasticsearch, Elasticsearch

from xlrec_es import exact_json
from xlrec_es.errors import (
    AuthenticationFailed,
    ClusterError,
    ClusterUnreachable,
    ConfigError,
    IndexNotFound,
    PermissionDenied,
)
from xlrec_es.languages import CANDIDATE_ANALYZERS

MINIMUM_VERSION = (8, 19, 0)

INSECURE = (
    "the cluster's certificate is not checked: whoever sits in between can read and change "
    "everything, the credentials too. Give --ca-certs (XLREC_CA_CERTS) in place of --insecure"
)


class InsecureConnectionWarning(UserWarning):
    """A certificate is not checked because somebody asked for that."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the cluster is and who is asking.

    Attributes:
        url: Scheme, host and port.
        api_key: Encoded API key; excludes username and password.
        username: For basic authentication, with `password`.
        password: For basic authentication.
        ca_certs: Path of the certificate authority's certificate (PEM).
        ca_fingerprint: SHA-256 of the certificate authority, hexadecimal, in place of `ca_certs`.
        timeout_s: Seconds that one request may take.
        insecure: Do not check the cluster's certificate, which is for trials alone.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_certs: str | None = None
    ca_fingerprint: str | None = None
    timeout_s: float = 30.0
    insecure: bool = False

    def as_environment(self) -> dict[str, str]:
        """The `XLREC_*` variables that make another process of ours connect alike."""
        values = {
            "XLREC_URL": self.url,
            "XLREC_API_KEY": self.api_key,
            "XLREC_USERNAME": self.username,
            "XLREC_PASSWORD": self.password,
            "XLREC_CA_CERTS": self.ca_certs,
            "XLREC_CA_FINGERPRINT": self.ca_fingerprint,
            "XLREC_TIMEOUT": str(self.timeout_s),
            "XLREC_INSECURE": "1" if self.insecure else None,
        }
        return {name: value for name, value in values.items() if value is not None}


def connect(connection: Connection, *, max_retries: int = 2) -> Elasticsearch:
    """Make a client. Nothing is sent yet.

    Args:
        connection: Where and who.
        max_retries: Repeats of a request after a connection error, 429, 502, 503 or 504; 0 for
            whoever repeats requests itself.

    Raises:
        ConfigError: The options contradict each other, or the client refuses them.
    """
    _check(connection)
    c = connection
    options: dict[str, object] = {
        "request_timeout": c.timeout_s,
        "max_retries": max_retries,
        "retry_on_timeout": False,
        "serializer": exact_json.Serializer(),
    }
    if c.api_key:
        options["api_key"] = c.api_key
    if c.username and c.password:
        # Not `basic_auth`: the client cannot encode letters outside of ASCII.
        credentials = f"{c.username}:{c.password}".encode()
        options["headers"] = {"authorization": "Basic " + base64.b64encode(credentials).decode()}
    if c.ca_certs:
        options["ca_certs"] = c.ca_certs
    if c.ca_fingerprint:
        options["ssl_assert_fingerprint"] = c.ca_fingerprint
    if c.insecure and c.url.startswith("https:"):
        # The client's own warning would come once for every request.
        options |= {"verify_certs": False, "ssl_show_warn": False}
        warnings.warn(INSECURE, InsecureConnectionWarning, stacklevel=2)
    try:
        return Elasticsearch(c.url, **options)  # type: ignore[arg-type]
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"cannot connect to {c.url!r}: {error}") from error


def _check_secrets(connection: Connection) -> None:
    """Refuse what would show a secret in a later message, without showing it here."""
    if "@" in connection.url:
        raise ConfigError(
            "the address has a user name or a password in it, where logs would show it; give "
            "--username and --password (XLREC_USERNAME, XLREC_PASSWORD)"
        )
    key = connection.api_key
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(
            "the API key has characters that no key has, such as spaces or line ends; "
            "give what Elasticsearch calls `encoded`"
        )


def _check(c: Connection) -> None:
    _check_secrets(c)
    if c.insecure and (c.ca_certs or c.ca_fingerprint):
        raise ConfigError("a certificate authority and insecure contradict each other; give one")
    if c.api_key and (c.username or c.password):
        raise ConfigError("give an API key or a user name and password, not both")
    if bool(c.username) != bool(c.password):
        raise ConfigError("basic authentication needs both a user name and a password")
    if c.ca_certs and not Path(c.ca_certs).is_file():
        raise ConfigError(f"there is no certificate file {c.ca_certs}")


@contextmanager
def friendly_errors(client: Elasticsearch | AsyncElasticsearch) -> Iterator[None]:
    """Turn the client's exceptions into this project's, with the next step.

    Raises:
        ClusterError: Or one of its subclasses, in place of whatever the client raised.
        IndexNotFound: In place of a 404.
    """
    nodes = ", ".join(node.base_url for node in client.transport.node_pool.all())
    try:
        yield
    except elasticsearch.AuthenticationException as error:
        raise AuthenticationFailed(
            f"{nodes} does not accept these credentials; give --api-key (XLREC_API_KEY), "
            "or --username and --password (XLREC_USERNAME, XLREC_PASSWORD)"
        ) from error
    except elasticsearch.AuthorizationException as error:
        reason = reason_of(error)
        hint = "; what a key needs is printed by: xlrec-es role" if "unauthorized" in reason else ""
        raise PermissionDenied(f"{nodes} refused: {reason}{hint}") from error
    except elasticsearch.NotFoundError as error:
        raise IndexNotFound(
            f"{reason_of(error)} at {nodes}; make it with: xlrec-ingest run"
        ) from error
    except elasticsearch.UnsupportedProductError as error:
        raise ClusterUnreachable(f"{nodes} answers, but it is not Elasticsearch") from error
    except elasticsearch.ApiError as error:
        raise ClusterError(
            f"{nodes} answered {error.status_code}: {reason_of(error)}", status=error.status_code
        ) from error
    except elasticsearch.ConnectionTimeout as error:
        raise ClusterUnreachable(
            f"{nodes} did not answer in time; give it more (--timeout, XLREC_TIMEOUT), "
            "or see what keeps it busy"
        ) from error
    except elasticsearch.SSLError as error:
        raise ClusterUnreachable(
            f"no secure connection to {nodes} ({error.message.split(chr(10))[0]}); if the cluster "
            "has an authority of its own, give it: --ca-certs (XLREC_CA_CERTS)"
        ) from error
    except elasticsearch.TransportError as error:
        raise ClusterUnreachable(
            f"no Elasticsearch at {nodes} ({error.message.split(chr(10))[0]}); "
            "check --url (XLREC_URL), or start one with: xlrec-es node start"
        ) from error


def reason_of(error: elasticsearch.ApiError) -> str:
    """The sentence that Elasticsearch gives as the cause of an error."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        cause = root_cause(body["error"])
        return str(cause.get("reason") or body["error"].get("reason") or error.message)
    return str(error.message)


def root_cause(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first cause of an error as Elasticsearch writes it, or the error itself."""
    causes: list[Mapping[str, Any]] = error.get("root_cause") or [error]
    return causes[0]


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


def available_analyzers(client: Elasticsearch) -> frozenset[str]:
    """The language analyzers that the cluster has; each is tried, for there is no list to read."""
    found = set()
    for name in sorted(CANDIDATE_ANALYZERS):
        try:
            client.indices.analyze(analyzer=name, text="")
        except elasticsearch.BadRequestError:
            continue
        found.add(name)
    return frozenset(found)


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
