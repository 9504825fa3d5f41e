"""Look at a cluster and an index, and say what is well, what is not, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.cluster.analyzers import available_analyzers
from xlrec_es.cluster.capabilities import node_versions
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.roles import ROLES, index_names
from xlrec_es.doctor import checks, retention
from xlrec_es.doctor.capacity import DataNode, Need, Watermarks
from xlrec_es.doctor.checks import Finding
from xlrec_es.errors import NotAnXlrecIndex, PermissionDenied, SearchFailed
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.mapping import vector_options
from xlrec_es.vectors.vector_index import DEFAULT, VectorIndex
from xlrec_es.versions.inventory import Version, Versions, read_versions
from xlrec_es.versions.status import measure_version

MILLION = 1_000_000
DEFAULT_DIMS = 384
"""Of the default encoder, multilingual-e5-small."""

_NO_SUCH_ENDPOINT = frozenset((400, 404, 405))


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at.

    Attributes:
        client: Of the cluster.
        name: Alias of an index; None for the cluster alone.
        purpose: One of `roles.ROLES`: what the credentials are meant for.
        documents: How many there must be room for; None for a million, or for those of the index.
        logs: Indices of what users did and were shown, by `events` and `impressions`.
    """

    client: Elasticsearch
    name: str | None = None
    purpose: str = "reader"
    documents: int | None = None
    logs: Mapping[str, str] = field(default_factory=dict)


def examine(patient: Patient) -> list[Finding]:
    """Look at everything; nothing is changed.

    Raises:
        ClusterUnreachable: There is nothing to look at.
        AuthenticationFailed: The credentials are wrong.
        ClusterError: Elasticsearch fails.
    """
    client = patient.client
    findings = _tolerant("version", lambda: _versions_and_modules(client))
    findings += _tolerant("licence", lambda: _license(client))
    findings += _privileges(patient)
    live: Version | None = None
    described: LiveIndex | None = None
    if patient.name is not None:
        try:
            versions = read_versions(client, patient.name)
            live = versions.named(patient.name) if versions.is_concrete else versions.live
            described, found = _index(versions, live)
            findings += found
        except PermissionDenied as error:
            findings.append(_unseen("index", error))
    findings += _tolerant("analyzers", lambda: _analyzers(client, described))
    if live is not None and described is not None:
        findings += _tolerant("documents", lambda: _documents(client, versions, live))
    findings += _tolerant(retention.TOPIC, lambda: retention.examine_logs(client, patient.logs))
    return findings + _tolerant("disk", lambda: _capacity(patient, live, described))


def _tolerant(topic: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """A key that may not look at one thing may still look at others."""
    try:
        return look()
    except PermissionDenied as error:
        return [_unseen(topic, error)]


def _unseen(topic: str, error: PermissionDenied) -> Finding:
    advice = "give doctor a key of the kind admin: xlrec-es role admin"
    return Finding(topic, "warning", f"cannot be looked at: {error}", advice)


def _versions_and_modules(client: Elasticsearch) -> list[Finding]:
    with friendly_errors(client):
        versions, modules = node_versions(client)
    return checks.check_versions(versions) + checks.check_modules(modules)


def _license(client: Elasticsearch) -> list[Finding]:
    with friendly_errors(client):
        return checks.check_license(client.license.get()["license"])


def _privileges(patient: Patient) -> list[Finding]:
    name = patient.name or "xlrec"
    cluster = {privilege for role in ROLES.values() for privilege in role.cluster}
    index = {privilege for role in ROLES.values() for privilege in role.index}
    asked = {"names": index_names(name), "privileges": sorted(index)}
    try:
        answer = patient.client.security.has_privileges(cluster=sorted(cluster), index=[asked])
    except elasticsearch.ApiError as error:
        if error.status_code in _NO_SUCH_ENDPOINT:
            message = "security is off: anyone who reaches this cluster may do everything"
            advice = "set xpack.security.enabled to true before others can reach it"
            return [Finding("privileges", "warning", message, advice)]
        with friendly_errors(patient.client):
            raise
    except elasticsearch.TransportError:
        with friendly_errors(patient.client):
            raise
    if patient.name is None:
        message = "security is on; --index NAME shows which commands the key is enough for"
        return [Finding("privileges", "ok", message)]
    return checks.check_privileges(answer.body, name, patient.purpose)


def _index(versions: Versions, live: Version | None) -> tuple[LiveIndex | None, list[Finding]]:
    """What the live version says of itself, and whether its fields fit that."""
    name = versions.name
    if live is None:
        advice = f"make it with: xlrec-ingest run INPUT --index {name}"
        if versions.found:
            advice = f"put a version behind the alias: xlrec-es index swap {name}"
        return None, [Finding("index", "warning", f"nothing is live as {name}", advice)]
    try:
        described = live.described()
    except NotAnXlrecIndex as error:
        message, _, advice = str(error).partition("; ")
        return None, [Finding("index", "problem", message, advice)]
    if not live.is_open:
        advice = f"open it: POST {live.index}/_open"
        message = f"{live.index} is closed, so that nothing can be read"
        return None, [Finding("index", "problem", message, advice)]
    found = [Finding("index", "ok", f"{name} is {live.index}")]
    found += checks.check_mapping(described.meta, live.body["mappings"])
    found += checks.check_writes(live.body["settings"])
    found += checks.check_limits(live.body["settings"])
    found += checks.check_refresh(live.body["settings"].get("index.refresh_interval"))
    return described, found


def _analyzers(client: Elasticsearch, described: LiveIndex | None) -> list[Finding]:
    with friendly_errors(client):
        available = available_analyzers(client)
    return checks.check_analyzers(available, described.meta.analyzers if described else None)


def _documents(client: Elasticsearch, versions: Versions, live: Version) -> list[Finding]:
    with friendly_errors(client):
        stats = client.indices.stats(index=live.searched(versions.name), metric="store,segments")
    primaries = stats["_all"]["primaries"]
    shards = int(live.body["settings"]["index.number_of_shards"])
    found = checks.check_shards(primaries["store"]["size_in_bytes"], shards)
    found += checks.check_segments(primaries["segments"]["count"], shards)
    try:
        return found + checks.check_documents(measure_version(client, versions, live))
    except SearchFailed as error:
        message, _, advice = str(error).partition("; ")
        return [*found, Finding("documents", "problem", message, advice)]


def _capacity(patient: Patient, live: Version | None, described: LiveIndex | None) -> list[Finding]:
    client = patient.client
    with friendly_errors(client):
        stats = client.nodes.stats(metric="fs,jvm,os")["nodes"].values()
        settings = client.cluster.get_settings(include_defaults=True, flat_settings=True)
        documents = patient.documents
        if documents is None and patient.name and live is not None and live.is_open:
            documents = client.count(index=live.searched(patient.name))["count"]
    nodes = [DataNode.from_stats(node) for node in stats if _holds_indices(node["roles"])]
    replicas = int(live.body["settings"]["index.number_of_replicas"]) if live else 1
    need = Need(
        documents or MILLION,
        described.meta.fingerprint.dims if described else DEFAULT_DIMS,
        # A single node has no place for replicas.
        min(1 + replicas, len(nodes)),
        _vector_index(live),
        described.meta.images.get("fingerprint", {}).get("dims", 0) if described else 0,
    )
    marks = Watermarks.from_settings(settings.body)
    return checks.check_disks(nodes, marks, need) + checks.check_memory(nodes, need)


def _vector_index(live: Version | None) -> VectorIndex:
    """How vectors are indexed; a kind that is not known is taken for the default one."""
    options = vector_options(live.body["mappings"]) if live else None
    return VectorIndex.of(options or {}) or DEFAULT


def _holds_indices(roles: list[str]) -> bool:
    return bool({"data", "data_content", "data_hot"} & set(roles))
