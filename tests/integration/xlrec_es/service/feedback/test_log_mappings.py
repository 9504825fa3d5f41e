"""Index templates for logs, put into real clusters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from elasticsearch import BadRequestError, Elasticsearch

from nodes import VERSIONS, small_node
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.kibana.check import fields_there
from xlrec_es.privacy.traces import Trace, delete, look_up
from xlrec_es.recommend.recommendations import Recommendation, Recommendations, RetrieverScore
from xlrec_es.service.feedback.log_mappings import LogTemplate, templates


@pytest.fixture
def put(es_each: Elasticsearch) -> Iterator[list[LogTemplate]]:
    """Templates that are deleted after the test."""
    made: list[LogTemplate] = []
    yield made
    for one in made:
        es_each.options(ignore_status=404).indices.delete_index_template(name=name_of(one))


def name_of(one: LogTemplate) -> str:
    return one.path.rpartition("/")[2]


def send(client: Elasticsearch, one: LogTemplate) -> None:
    client.perform_request(
        "PUT",
        one.path,
        headers={"content-type": "application/json", "accept": "application/json"},
        body=dict(one.body),
    )


def rows(index: str) -> list[dict[str, object]]:
    found_by = {"dense": RetrieverScore(rank=1, score=1.0, share=1.0)}
    item = Recommendation("1", "w", "de", 1.0, None, found_by, ())
    answer = Recommendations((item,), index, "f")
    return answer.impressions(user="ann", variant="a", time=datetime.now(UTC), query_id="list-1")


def test_rows_of_a_team_that_writes_them_itself_have_the_types_of_dashboards(
    es_each: Elasticsearch, index_name: str, put: list[LogTemplate]
) -> None:
    put += templates(EventSource(f"{index_name}-c"), f"{index_name}-s")
    for one in put:
        send(es_each, one)
    [row] = rows(index_name)
    click = {"user": "ann", "item": "1", "event": "click", "impression": "list-1-1", "place": 1}
    for index, body in ((f"{index_name}-s", row), (f"{index_name}-c", click)):
        es_each.index(index=index, document=body, refresh=True)
    by = {
        "variants": {"terms": {"field": "variant"}},
        "n": {"cardinality": {"field": "impression"}},
    }
    found = es_each.search(index=f"{index_name}-s,{index_name}-c", aggs=by)["aggregations"]
    assert [(one["key"], one["doc_count"]) for one in found["variants"]["buckets"]] == [("a", 1)]
    assert found["n"]["value"] == 1
    assert {"retrievers.dense", "propensity", "action_name", "timestamp"} <= fields_there(
        es_each, f"{index_name}-s"
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_days_to_keep_are_a_lifecycle_of_a_data_stream(version: str) -> None:
    """On a node of its own: without their module, as here, data streams cannot be deleted."""
    [template] = templates(None, "shown", keep_days=90)
    [row] = rows("shop")
    assert row["@timestamp"] == row["time"]
    with small_node(version) as node, Elasticsearch(node.url) as client:
        send(client, template)
        [known] = client.indices.get_index_template(name=name_of(template))["index_templates"]
        assert known["index_template"]["template"]["lifecycle"]["data_retention"] == "90d"
        with pytest.raises(BadRequestError, match="creates data streams only"):
            client.indices.create(index="shown")
        client.create(index="shown", id="1", document=row, refresh=True)
        [backing] = client.indices.get(index="shown").body.values()
        assert backing["data_stream"] == "shown"
        known_trace = look_up(client, Trace("impressions", "shown"), ["ann"])
        assert [delete(client, one, ["ann"]) for one in known_trace] == [1]
