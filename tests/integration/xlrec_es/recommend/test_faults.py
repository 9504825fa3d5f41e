"""What is left of an answer when a part of the cluster fails or is slow, on a real node."""

from __future__ import annotations

import time
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, topics_of, write_catalogue
from fault_proxy import Fault, fault_proxy
from xlrec_es import Connection, History, Options, Recommender, SearchOptions, connect
from xlrec_es.errors import ClusterUnreachable, SearchFailed

HISTORY = History.of(["chess-3", "chess-6"])
PRICED = {
    "function_score": {
        "query": {"match_all": {}},
        "field_value_factor": {"field": "price"},
        "min_score": 0,
    }
}
"""A filter that ends in an error where it meets a document without a price."""


def test_a_shard_that_fails_degrades_the_answer(es_each: Elasticsearch, index_name: str) -> None:
    unpriced = document("chess", 50, "ja")
    del unpriced["price"]
    write_catalogue(es_each, index_name, {"unpriced": unpriced}, shards=3)
    options = Options(search=SearchOptions(filters=(PRICED,), exact=True))
    recommender = Recommender(es_each, index_name, options=options)
    result = recommender.recommend(HISTORY, languages=["en", "ja"])
    assert set(topics_of([item.work for item in result.items[:2]])) == {"chess"}
    assert {item.language for item in result.items} == {"en", "ja"}
    assert result.degraded == tuple(
        f"the {leg} search for ja reached only 2 of 3 shards" for leg in ("dense", "collaborative")
    )
    for number in range(30):  # one at least on each shard
        es_each.index(index=index_name, id=f"unpriced{number}", document=unpriced)
    es_each.indices.refresh(index=index_name)
    with pytest.raises(SearchFailed, match=r"the dense search for ja failed: .*price"):
        recommender.recommend(HISTORY, languages=["ja"])


def timed_out(responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**responses[0], "timed_out": True}, *responses[1:]]


def test_a_slow_cluster_ends_in_time(es: Elasticsearch, es_url: str, index_name: str) -> None:
    write_catalogue(es, index_name)
    with fault_proxy(es_url, "_msearch") as proxy, connect(Connection(proxy.url)) as client:
        patient = Recommender(client, index_name)
        proxy.faults = [Fault(edit=timed_out)]
        result = patient.recommend(HISTORY, languages=["ja"])
        assert len(result.items) == 10
        assert result.degraded == (
            "the dense search for ja ran out of time and saw only a part of the index",
        )
        hasty = Recommender(client, index_name, timeout_s=2)
        hasty.recommend(HISTORY, languages=["ja"])
        proxy.faults = [Fault(wait_s=6)]
        started = time.monotonic()
        with pytest.raises(ClusterUnreachable, match="did not answer"):
            hasty.recommend(HISTORY, languages=["ja"])
        assert time.monotonic() - started < 5
        proxy.path = "_search"
        proxy.when = lambda body: Fault(wait_s=6) if b'{"query":{"ids"' in body else None
        started = time.monotonic()
        late = hasty.recommend(HISTORY, languages=["ja"])
        assert time.monotonic() - started < 5
        assert [item.id for item in late.items] == [item.id for item in result.items]
        [sentence] = late.degraded
        assert sentence.startswith("titles and fields are missing, and reasons are guessed: ")
