"""How far the versions of an index are: documents per language, vectors, indicators, size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.answers import whole
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import NotAnXlrecIndex
from xlrec_es.index.fields import BOUGHT_TOGETHER, IMAGE_FIELD, SPARSE_FIELD, TASTE
from xlrec_es.versions.inventory import State, Version, Versions

_MAX_LANGUAGES = 1000
WITHOUT = "none"
"""The language of documents that have none."""


@dataclass(frozen=True, slots=True)
class LanguageCoverage:
    """One language of a version.

    Attributes:
        documents: How many there are.
        vectors: How many of them have a vector.
        indicators: How many of them have indicators.
        bought_together: How many of them have associations of that relation.
        sparse: How many of them have learned sparse weights, or were found to have none; None where
            the version has no field for them.
        images: How many of them have the vector of a picture; None as above.
    """

    documents: int
    vectors: int
    indicators: int
    bought_together: int = 0
    sparse: int | None = None
    images: int | None = None


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """What a version holds.

    Attributes:
        index: Its physical name.
        state: See `Versions.state`.
        model: What made its vectors; None if this program did not make the version.
        fingerprint: Digest of all that made its vectors; None as above.
        documents: All that can be searched now, through the alias if it has a filter or a routing;
            None while it is closed. So are `languages` and `strays`.
        size_bytes: On disk, replicas included; None while it is closed.
        languages: By language; `WITHOUT` are documents without one, such as the user's own.
        strays: Documents that say they have vectors of another fingerprint.
    """

    index: str
    state: State
    model: str | None
    fingerprint: str | None
    documents: int | None = None
    size_bytes: int | None = None
    languages: Mapping[str, LanguageCoverage] = field(default_factory=dict)
    strays: int = 0


def measure(client: Elasticsearch, versions: Versions) -> list[VersionStatus]:
    """Count what is in every version.

    Args:
        client: Of the cluster.
        versions: What there is.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    return [measure_version(client, versions, version) for version in versions.found]


def measure_version(client: Elasticsearch, versions: Versions, version: Version) -> VersionStatus:
    """Count what is in one version.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    state = versions.state(version)
    asked_for: dict[str, str] = {}  # the fields that a version has only so, by attribute
    try:
        meta = version.described().meta
        if meta.fingerprint.sparse is not None:
            asked_for["sparse"] = SPARSE_FIELD
        if meta.images:
            asked_for["images"] = IMAGE_FIELD
        made = meta.fingerprint
        status = VersionStatus(version.index, state, made.model, made.digest)
    except NotAnXlrecIndex:
        status = VersionStatus(version.index, state, None, None)
    if not version.is_open:
        return status
    with friendly_errors(client):
        stats = client.indices.stats(index=version.searched(versions.name), metric="store")
        body = _count_body(status.fingerprint, asked_for)
        answer = client.search(**_count_arguments(versions, version, body)).body
    whole(answer, f"the search that counts what is in {version.index}")
    found = answer["aggregations"]
    return replace(
        status,
        documents=answer["hits"]["total"]["value"],
        size_bytes=stats["_all"]["total"]["store"]["size_in_bytes"],
        languages={
            bucket["key"]: LanguageCoverage(
                documents=bucket["doc_count"],
                vectors=bucket["vectors"]["doc_count"],
                indicators=bucket["indicators"]["doc_count"],
                bought_together=bucket["bought_together"]["doc_count"],
                **{name: bucket[name]["doc_count"] for name in asked_for},
            )
            for bucket in found["languages"]["buckets"]
        },
        strays=found["strays"]["doc_count"],
    )


def _count_arguments(versions: Versions, version: Version, body: dict[str, Any]) -> dict[str, Any]:
    """The search that counts, of what the alias shows or would show of a version."""
    searched = version.searched(versions.name)
    arguments: dict[str, Any] = {"index": searched, "body": body}
    if searched == version.index:
        # What the alias adds goes along in a swap; until then it is said here.
        added = versions.added
        if "filter" in added:
            body["query"] = {"bool": {"filter": added["filter"]}}
        if "search_routing" in added:
            arguments["routing"] = added["search_routing"]
    return arguments


def _count_body(fingerprint: str | None, asked_for: Mapping[str, str]) -> dict[str, Any]:
    """Documents by language, of them those with each of our fields, and strays."""
    others = {name: {"filter": {"exists": {"field": field}}} for name, field in asked_for.items()}
    known = {"terms": {"xlrec.fingerprint": [fingerprint] if fingerprint else []}}
    return {
        "size": 0,
        "track_total_hits": True,
        "aggs": {
            "languages": {
                "terms": {
                    "field": "xlrec.language",
                    "missing": WITHOUT,
                    "size": _MAX_LANGUAGES,
                    "order": {"_key": "asc"},
                },
                "aggs": {
                    "vectors": {"filter": {"exists": {"field": "xlrec.embedding"}}},
                    "indicators": {"filter": {"exists": {"field": TASTE.weights}}},
                    "bought_together": {"filter": {"exists": {"field": BOUGHT_TOGETHER.weights}}},
                    **others,
                },
            },
            "strays": {
                "filter": {
                    "bool": {
                        "filter": {"exists": {"field": "xlrec.fingerprint"}},
                        "must_not": known,
                    }
                }
            },
        },
    }
