"""Events are read whole, also in the moment in which their index is made."""

from __future__ import annotations

from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, ObjectApiResponse
from elasticsearch import ApiError, Elasticsearch

from xlrec_es.errors import ClusterError
from xlrec_es.interactions import event_source
from xlrec_es.interactions.event_source import EventSource, KnownSource, read_history

SOURCE = KnownSource(EventSource("events"), True)
NO_SHARD: dict[str, Any] = {
    "error": {
        "root_cause": [{"type": "no_shard_available_action_exception", "reason": "no copy"}],
        "type": "search_phase_execution_exception",
        "reason": "all shards failed",
    }
}
ANSWER = {"hits": {"hits": [{"_id": "1", "fields": {"item": ["apple"]}}]}}


def meta(status: int) -> ApiResponseMeta:
    return ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "localhost", 1))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited."""
    waited: list[float] = []
    monkeypatch.setattr(event_source.time, "sleep", waited.append)
    return waited


def client_that_fails(times: int, status: int, monkeypatch: pytest.MonkeyPatch) -> Elasticsearch:
    client = Elasticsearch("http://localhost:1")
    left = times

    def search(**_arguments: object) -> ObjectApiResponse[Any]:
        nonlocal left
        left -= 1
        if left >= 0:
            raise ApiError("all shards failed", meta(status), NO_SHARD)
        return ObjectApiResponse(ANSWER, meta(200))

    monkeypatch.setattr(client, "search", search)
    return client


def test_an_index_that_is_being_made_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    client = client_that_fails(1, 503, monkeypatch)
    assert read_history(client, "ann", SOURCE).items == ("apple",)
    assert pauses == [event_source.MADE_S]


@pytest.mark.parametrize(("times", "status", "waits"), [(2, 503, 1), (1, 429, 0)])
def test_other_lacks_are_told(
    times: int, status: int, waits: int, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    client = client_that_fails(times, status, monkeypatch)
    with pytest.raises(ClusterError, match=f"answered {status}"):
        read_history(client, "ann", SOURCE)
    assert len(pauses) == waits
