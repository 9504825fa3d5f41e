"""What answers lack, as sentences."""

from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.cluster.answers import documents_lost, hits_of, whole
from xlrec_es.errors import IndexNotFound, SearchFailed

WHOLE: dict[str, Any] = {
    "timed_out": False,
    "_shards": {"total": 2, "successful": 2, "failed": 0},
    "hits": {"hits": [{"_id": "a"}]},
}


def failed(kind: str, reason: str) -> dict[str, Any]:
    cause = {"type": kind, "reason": reason, "index": "i"}
    return {"error": {"type": kind, "reason": "all shards failed", "root_cause": [cause]}}


def test_a_part_is_no_whole() -> None:
    assert hits_of(whole(WHOLE, "it")) == [{"_id": "a"}]
    with pytest.raises(SearchFailed, match="it ran out of time"):
        whole({**WHOLE, "timed_out": True}, "it")
    with pytest.raises(SearchFailed, match="it reached only 1 of 2 shards"):
        whole({**WHOLE, "_shards": {"total": 2, "successful": 1, "failed": 1}}, "it")


@pytest.mark.parametrize(
    ("kind", "reason", "error", "said"),
    [
        ("index_not_found_exception", "no such index [i]", IndexNotFound, "xlrec-ingest run"),
        ("index_closed_exception", "closed", SearchFailed, "i is closed; open it .* i/_open"),
        ("query_shard_exception", "no field", SearchFailed, "a search failed: no field"),
    ],
)
def test_a_failure_is_an_error(kind: str, reason: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        whole(failed(kind, reason), "it")


def test_documents_that_could_not_be_read_are_counted() -> None:
    docs = [{"_id": "a"}, {"_id": "b", **failed("no_shard_available_action_exception", "away")}]
    assert documents_lost({"docs": docs[:1]}) == []
    assert documents_lost({"docs": docs}) == ["1 documents could not be read: away"]
