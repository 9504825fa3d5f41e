"""For how long indices of events and impressions keep rows of users.

Rows go by a data stream's own lifecycle, or by index lifecycle management (ILM), which deletes
whole indices. A plain index with neither keeps every row until somebody deletes it.

Source: Elasticsearch reference, "Data stream lifecycle" and "Index lifecycle management".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.doctor.checks import Finding
from xlrec_es.errors import IndexNotFound

TOPIC = "retention"
_NO_SUCH_ENDPOINT = frozenset((400, 404, 405))
_ADVICE = (
    "a new index can be emptied by Elasticsearch: xlrec-es log-templates --keep-days DAYS prints "
    "its template; xlrec_es/OPERATIONS.md, Personal data, says more"
)


def examine_logs(client: Elasticsearch, logs: Mapping[str, str]) -> list[Finding]:
    """Look at each log.

    Args:
        client: Of the cluster.
        logs: Indices, aliases or patterns, by what their rows are: `events`, `impressions`.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    findings: list[Finding] = []
    for what, name in logs.items():
        try:
            with friendly_errors(client):
                found = client.indices.get(
                    index=name, expand_wildcards="all", allow_no_indices=False
                ).body
        except IndexNotFound:
            findings.append(Finding(TOPIC, "ok", f"there is no index {name} of {what} yet"))
            continue
        streams = {body["data_stream"] for body in found.values() if "data_stream" in body}
        lifecycles = _lifecycles(client, sorted(streams))
        findings += check_retention(what, found, lifecycles)
    return findings


def check_retention(
    what: str, indices: Mapping[str, Any], lifecycles: Mapping[str, Mapping[str, Any]] | None
) -> Iterator[Finding]:
    """What is said of the physical indices of one log. Pure.

    Args:
        what: Its rows are.
        indices: As Elasticsearch describes them, by name.
        lifecycles: What it says of data streams, by name; None: this cluster does not say it.
    """
    for name in sorted({body.get("data_stream", index) for index, body in indices.items()}):
        own = [body for index, body in indices.items() if body.get("data_stream", index) == name]
        policies = {_policy(body) for body in own}
        stream = None if lifecycles is None else lifecycles.get(name)
        if "data_stream" in own[0] and lifecycles is None:
            message = f"{what} in {name}: this cluster does not say how long a data stream is kept"
            yield Finding(TOPIC, "warning", message, _ADVICE)
        elif stream is not None and (days := kept_of(stream)):
            yield Finding(TOPIC, "ok", f"{what} in {name} are kept for {days} at least")
        elif None not in policies:
            named = ", ".join(sorted(map(str, policies)))
            yield Finding(TOPIC, "ok", f"{what} in {name} are kept as the policy {named} says")
        else:
            message = f"{what} in {name} have no lifecycle: rows of users are kept for ever"
            yield Finding(TOPIC, "warning", message, _ADVICE)


def kept_of(stream: Mapping[str, Any]) -> str | None:
    """How long a data stream keeps rows, such as `90d`; None: no lifecycle of its own says so.

    Args:
        stream: As `GET _data_stream` describes it.
    """
    lifecycle = stream.get("lifecycle") or {}
    if not lifecycle.get("enabled", True):
        return None
    return lifecycle.get("effective_retention") or lifecycle.get("data_retention")


def _policy(body: Mapping[str, Any]) -> str | None:
    """The policy of an index's lifecycle."""
    lifecycle = body.get("settings", {}).get("index", {}).get("lifecycle", {})
    found: str | None = lifecycle.get("name")
    return found


def _lifecycles(client: Elasticsearch, streams: list[str]) -> dict[str, Mapping[str, Any]] | None:
    if not streams:
        return {}
    try:
        told = client.indices.get_data_stream(name=streams)["data_streams"]
    except elasticsearch.ApiError as error:
        if error.status_code in _NO_SUCH_ENDPOINT:
            return None
        with friendly_errors(client):
            raise
    except elasticsearch.TransportError:
        with friendly_errors(client):
            raise
    return {one["name"]: one for one in told}
