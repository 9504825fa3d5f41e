"""Searches that are sent, and what is said of those that do not work."""

from __future__ import annotations

from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import ClusterUnreachable
from xlrec_es.kibana.check import Checked, check
from xlrec_es.kibana.searches import Search, fields_of


def checked(client: Elasticsearch, index: str, body: dict[str, Any]) -> Checked:
    [found] = check(client, [Search("Board", "Panel", index, body, tuple(fields_of(body)))])
    return found


def test_hits_and_seconds_are_told_of_a_search_that_works(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name)
    found = checked(es_each, index_name, {"query": {"term": {"xlrec.language": "de"}}})
    assert (
        found.hits
        == es_each.count(index=index_name, query={"term": {"xlrec.language": "de"}})["count"]
    )
    assert (found.failed, found.why) == (False, "")
    assert 0 < found.seconds < 30


def test_why_a_search_does_not_work_is_told(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name)
    gone = {"aggs": {"x": {"terms": {"field": "no.such"}}}}
    wrong = {"aggs": {"x": {"terms": {"field": "title"}}}}
    unknown = {"aggs": {"x": {"no_such_aggregation": {}}}}
    missing, of_text, of_nothing = (checked(es_each, index_name, b) for b in (gone, wrong, unknown))
    assert missing.why == f"{index_name} has no field no.such"
    assert (missing.hits is not None, of_text.hits, of_nothing.hits) == (True, None, None)
    assert "title" in of_text.why
    assert "no_such_aggregation" in of_nothing.why
    assert all(one.failed for one in (missing, of_text, of_nothing))
    absent = checked(es_each, f"{index_name}-absent", {"size": 0})
    assert absent.why == f"there is no index {index_name}-absent"


def test_a_cluster_that_is_gone_is_no_fault_of_a_search() -> None:
    with connect(Connection("http://127.0.0.1:9")) as client, pytest.raises(ClusterUnreachable):
        checked(client, "shop", {"size": 0})
