"""Elasticsearch's reasons, with what to do."""

from __future__ import annotations

import re

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, ConnectionError, Elasticsearch

from xlrec_es.cluster.client_errors import explained, friendly_errors
from xlrec_es.errors import ClusterError, ClusterUnreachable, UsageError


@pytest.mark.parametrize(
    ("reason", "what_to_do"),
    [
        ("index [i] blocked by: [FORBIDDEN/5/index read-only (api)];", '"index.blocks.read_only"'),
        ("index [i] blocked by: [FORBIDDEN/7/index read (api)];", '"index.blocks.read"'),
        ("index [i] blocked by: [FORBIDDEN/8/index write (api)];", '"index.blocks.write"'),
        ("index [i] blocked by: [FORBIDDEN/9/index metadata (api)];", '"index.blocks.metadata"'),
        (
            "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage "
            "watermark, index has read-only-allow-delete block];",
            "make room on the disks",
        ),
    ],
)
def test_a_block_says_how_it_comes_off(reason: str, what_to_do: str) -> None:
    sentence = explained({"type": "cluster_block_exception", "reason": reason})
    assert sentence.startswith(reason)
    assert what_to_do in sentence


@pytest.mark.parametrize(
    ("breaker", "what_to_do"), [("request", "simpler filters"), ("parent", "short of memory")]
)
def test_a_lack_of_memory_says_whose_it_is(breaker: str, what_to_do: str) -> None:
    reason = f"[{breaker}] Data too large, which is larger than the limit of [322122547/307.1mb]"
    told = f"{reason}; for more information, see https://www.elastic.co/docs"
    sentence = explained({"type": "circuit_breaking_exception", "reason": told})
    assert sentence.startswith(f"{reason}: ")
    assert what_to_do in sentence
    assert "https" not in sentence


def test_other_reasons_stay() -> None:
    assert explained({"type": "query_shard_exception", "reason": "no field"}) == "no field"
    unknown = "blocked by: [FORBIDDEN/99/something]"
    assert explained({"type": "cluster_block_exception", "reason": unknown}) == unknown
    assert explained({}) == ""


def test_a_request_that_is_too_large_is_a_sentence() -> None:
    node = NodeConfig("http", "localhost", 9200)
    meta = ApiResponseMeta(413, "1.1", HttpHeaders(), 0.1, node)
    client = Elasticsearch("http://localhost:9200")
    too_large = pytest.raises(ClusterError, match="as large as this one")
    with too_large, friendly_errors(client):
        raise ApiError("None", meta, None)
    client.close()


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "Connection error caused by: NewConnectionError(HTTPConnection(host='127.0.0.1', "
            "port=1): Failed to establish a new connection: [Errno 111] Connection refused)",
            "(connection refused)",
        ),
        (
            "Connection error caused by: NameResolutionError(HTTPConnection(host='nowhere', "
            "port=80): Failed to resolve 'nowhere' ([Errno -2] Name or service not known))",
            "(name or service not known)",
        ),
        ("Remote end closed connection\nand more", "(Remote end closed connection)"),
    ],
)
def test_no_connection_is_told_in_the_systems_own_words(message: str, told: str) -> None:
    client = Elasticsearch("http://127.0.0.1:1")
    nowhere = pytest.raises(ClusterUnreachable, match=re.escape(f"at http://127.0.0.1:1 {told};"))
    with nowhere, friendly_errors(client):
        raise ConnectionError(message)
    client.close()


def test_an_index_without_a_name_is_a_sentence_and_other_faults_stay() -> None:
    client = Elasticsearch("http://localhost:9200")
    with pytest.raises(UsageError, match="the name of an index is empty"), friendly_errors(client):
        client.indices.get(index="")
    with pytest.raises(ValueError, match=r"^no such number$"), friendly_errors(client):
        raise ValueError("no such number")
