"""Queries that callers may send, and those that they may not."""

from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.service.api.query_check import check_query

TERM = {"term": {"brand": "acme"}}
SCRIPT = {"script": {"script": "while (true) {}"}}


@pytest.mark.parametrize(
    "query",
    [
        TERM,
        {"range": {"price": {"gte": 1, "lte": 20}}},
        {"terms": {"brand": ["acme", "other"]}},
        {"bool": {"filter": TERM, "must_not": [TERM, TERM], "minimum_should_match": 1}},
        {"constant_score": {"filter": TERM, "boost": 1.2}},
        {"nested": {"path": "offers", "query": TERM}},
        {"geo_distance": {"distance": "5km", "place": {"lat": 1, "lon": 2}}},
    ],
)
def test_plain_queries_are_taken(query: dict[str, Any]) -> None:
    check_query(query)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (SCRIPT, "'script' are not taken"),
        ({"bool": {"must": [TERM, {"bool": {"should": SCRIPT}}]}}, "'script'"),
        ({"constant_score": {"filter": SCRIPT}}, "'script'"),
        ({"function_score": {"query": TERM}}, "'function_score'"),
        ({"query_string": {"query": "*:*"}}, "'query_string'"),
        ({"has_child": {"type": "x", "query": TERM}}, "'has_child'"),
        ({"percolate": {"field": "q", "index": "secret", "id": "1"}}, "'percolate'"),
        ({"more_like_this": {"like": [{"_index": "secret", "_id": "1"}]}}, "'more_like_this'"),
        ({"terms": {"id": {"index": "secret", "id": "1", "path": "ids"}}}, "another index"),
        ({"terms_set": {"a": {"terms": ["x"], "minimum_should_match_script": {}}}}, "scripts"),
        ({"nested": {"path": "a", "query": TERM, "inner_hits": {}}}, "'inner_hits'"),
        ({"bool": {"filter": {"term": TERM, "range": {}}}}, "one key"),
        ([TERM], "one key"),
        ({"term": "acme"}, "is an object"),
        ({}, "one key"),
    ],
)
def test_others_are_refused_by_name(query: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_query(query)


def test_no_depth_is_too_deep() -> None:
    query: dict[str, Any] = TERM
    for _ in range(20):
        query = {"bool": {"filter": [query]}}
    check_query(query)
    with pytest.raises(UsageError, match="20 levels"):
        check_query({"bool": {"filter": [query]}})
