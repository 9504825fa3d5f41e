from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from fault_proxy import DROPPED_AFTER, fault_proxy
from xlrec_es import Connection, connect
from xlrec_es.cluster.result_index import Row, add, row_id
from xlrec_es.errors import ClusterError

TYPES = {"@timestamp": "date", "kind": "keyword", "pair.source": "keyword"}
ROWS = [
    Row(row_id("a", n), {"@timestamp": "2026-01-01T00:00:00Z", "kind": "pair", "value": 0.1})
    for n in range(1200)
]


def test_rows_are_there_once_after_a_lost_answer(es_url: str, index_name: str) -> None:
    """The client sends a request again whose answer it does not get."""
    with fault_proxy(es_url) as proxy, connect(Connection(proxy.url)) as client:
        proxy.faults = [DROPPED_AFTER]
        add(client, index_name, ROWS, types=TYPES)
        assert len(proxy.bulk_sizes) == 4, "three batches, one of them twice"
        assert client.count(index=index_name)["count"] == len(ROWS)


def test_numbers_are_kept_to_the_last_digit(es: Elasticsearch, index_name: str) -> None:
    add(es, index_name, ROWS[:1], types=TYPES)
    found = es.search(index=index_name, aggs={"it": {"max": {"field": "value"}}}, size=0)
    assert found["aggregations"]["it"]["value"] == 0.1


def test_an_index_of_an_earlier_version_gets_the_fields_that_it_lacks(
    es: Elasticsearch, index_name: str
) -> None:
    es.indices.create(index=index_name, mappings={"properties": {"kind": {"type": "keyword"}}})
    add(es, index_name, ROWS[:1], types=TYPES)
    known = es.indices.get_mapping(index=index_name)[index_name]["mappings"]["properties"]
    assert known["pair"]["properties"]["source"] == {"type": "keyword"}
    assert known["value"] == {"type": "double"}


def test_a_text_that_no_keyword_holds_is_cut(es: Elasticsearch, index_name: str) -> None:
    add(es, index_name, [Row("1", {"kind": "\N{WAVE DASH}" * 40_000})], types=TYPES)
    [hit] = es.search(index=index_name)["hits"]["hits"]
    assert len(hit["_source"]["kind"]) == 8191


def test_an_index_of_something_else_is_named(es: Elasticsearch, index_name: str) -> None:
    es.indices.create(index=index_name, mappings={"properties": {"kind": {"type": "text"}}})
    with pytest.raises(ClusterError, match=r"fields of other types .* name another index"):
        add(es, index_name, ROWS[:1], types=TYPES)
    assert es.count(index=index_name)["count"] == 0


def test_a_catalog_is_no_index_of_results(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    before = es.indices.get_mapping(index=index_name).body
    with pytest.raises(ClusterError, match="is an index of items"):
        add(es, index_name, ROWS[:1], types=TYPES)
    assert es.indices.get_mapping(index=index_name).body == before


@pytest.mark.parametrize("name", ["Upper", "_hidden"])
def test_a_name_that_no_index_can_have_is_refused(es: Elasticsearch, name: str) -> None:
    with pytest.raises(ClusterError, match=f"cannot make the index {name}"):
        add(es, name, ROWS[:1], types=TYPES)


def test_an_index_that_takes_no_documents_says_so(es: Elasticsearch, index_name: str) -> None:
    settings = {"index.blocks.write": True}
    es.indices.create(index=index_name, settings=settings)
    with pytest.raises(ClusterError, match="does not take the results"):
        add(es, index_name, ROWS[:1], types=TYPES)
