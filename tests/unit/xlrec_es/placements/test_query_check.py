"""Queries that callers may send, and those that they may not."""

from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.placements.query_check import MOST_FUZZY, check_fuzzy_terms, check_query, fields_of

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


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (TERM, {"brand"}),
        ({"exists": {"field": "price"}}, {"price"}),
        ({"match_all": {}}, set()),
        ({"ids": {"values": ["1"]}}, set()),
        ({"multi_match": {"query": "tea", "fields": ["title^3", "text_*"]}}, {"title"}),
        ({"geo_distance": {"distance": "5km", "place": {"lat": 1, "lon": 2}}}, {"place"}),
        ({"terms": {"brand": ["a"], "boost": 2}}, {"brand"}),
        ({"bool": {"filter": TERM, "must_not": [{"exists": {"field": "x"}}]}}, {"brand", "x"}),
        (
            {"nested": {"path": "offers", "query": {"term": {"offers.id": 1}}}},
            {"offers", "offers.id"},
        ),
    ],
)
def test_the_fields_of_a_query_are_known(query: dict[str, Any], fields: set[str]) -> None:
    check_query(query)
    assert fields_of(query) == fields


FUZZY = {"fuzzy": {"title": {"value": "word"}}}
WORDS = {"match": {"title": {"query": "many such words", "fuzziness": "AUTO"}}}
FIELDS = {"multi_match": {"query": "two words", "fields": ["a", "b"], "fuzziness": 1}}


@pytest.mark.parametrize(
    ("query", "terms"), [(FUZZY, 1), (WORDS, 3), (FIELDS, 4), ({"bool": {"should": [FUZZY]}}, 1)]
)
def test_fuzzy_terms_of_all_queries_are_bounded(query: dict[str, Any], terms: int) -> None:
    most = MOST_FUZZY // terms
    check_fuzzy_terms([query] * most)
    check_fuzzy_terms([TERM] * 5000)
    with pytest.raises(UsageError, match=f"use at most {MOST_FUZZY}"):
        check_fuzzy_terms([query] * (most + 1))
    with pytest.raises(UsageError, match="fuzzy terms"):
        check_fuzzy_terms([{"bool": {"filter": [query] * (most + 1)}}])
