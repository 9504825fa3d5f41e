"""What is left of an answer when a part of the cluster fails or is slow, on a real node."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import (
    LANGUAGES,
    TOPICS,
    WORKS_PER_TOPIC,
    document,
    topics_of,
    write_catalogue,
)
from fault_proxy import Fault, fault_proxy
from xlrec_es import (
    Connection,
    History,
    Interaction,
    Options,
    Recommendations,
    Recommender,
    SearchOptions,
    connect,
)
from xlrec_es.doctor.examination import Patient, examine
from xlrec_es.errors import ClusterUnreachable, SearchFailed
from xlrec_es.index.indicators import show
from xlrec_es.interactions.weighting import WeightRules
from xlrec_es.recommend.options import OF_EVERY_INDEX
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.status import measure

HISTORY = History.of(["chess-3", "chess-6"])
EACH_WAY = pytest.mark.parametrize("learned", [None, 20.0], ids=["mixture", "cascade"])
"""How many users associations rest on. With some, a cascade is the default."""
PRICED = {
    "function_score": {
        "query": {"match_all": {}},
        "field_value_factor": {"field": "price"},
        "min_score": 0,
    }
}
"""A filter that ends in an error where it meets a document without a price."""


def every_retriever(learned: float | None) -> Options:
    """In a mixture; in a cascade, each has its turn anyway."""
    return Options(weights=dict.fromkeys(OF_EVERY_INDEX, 1.0)) if learned is None else Options()


@EACH_WAY
def test_a_shard_that_fails_degrades_the_answer(
    es_each: Elasticsearch, index_name: str, learned: float | None
) -> None:
    unpriced = document("chess", 50, "ja")
    del unpriced["price"]
    write_catalogue(es_each, index_name, {"unpriced": unpriced}, shards=3, learned=learned)
    options = Options(search=SearchOptions(filters=(PRICED,), exact=True))
    recommender = Recommender(es_each, index_name, options=options)
    result = recommender.recommend(HISTORY, languages=["en", "ja"])
    assert set(topics_of([item.work for item in result.items[:2]])) == {"chess"}
    assert {item.language for item in result.items} == {"en", "ja"}
    assert result.degraded == tuple(
        f"the {retriever} search for ja reached only 2 of 3 shards"
        for retriever in ("dense", "collaborative")
    )
    for number in range(30):  # one at least on each shard
        es_each.index(index=index_name, id=f"unpriced{number}", document=unpriced)
    es_each.indices.refresh(index=index_name)
    with pytest.raises(SearchFailed, match=r"the dense search for ja failed: .*price"):
        recommender.recommend(HISTORY, languages=["ja"])


@EACH_WAY
def test_a_shard_that_is_away_makes_nothing_unknown(
    es_each: Elasticsearch, index_name: str, learned: float | None
) -> None:
    live = write_catalogue(es_each, index_name, shards=3, learned=learned)
    items = [f"{topic}-{number}" for topic in TOPICS for number in range(3, WORKS_PER_TOPIC)]
    options = every_retriever(learned)
    there = Recommender(es_each, index_name, options=options).recommend(History.of(items[:20]))
    assert there.degraded == ()
    # The third shard of a copy finds no place.
    away = f"{index_name}-xlrec-v2"
    es_each.indices.add_block(index=live.name, block="write")
    one_less = {"index.routing.allocation.total_shards_per_node": 2}
    es_each.indices.clone(index=live.name, target=away, settings=one_less, wait_for_active_shards=0)
    es_each.cluster.health(index=away, wait_for_no_initializing_shards=True)
    recommender = Recommender(es_each, away, options=options)
    for history in (
        History.of(items[:20]),
        History((*map(Interaction, items[:20]), Interaction("nobody-knows"))),
    ):
        found = recommender.recommend(history, size=30)
        assert found.unknown_items == ()
        assert not {item.work for item in found.items} & set(items[:20])
        sentence = "the search for the history reached only 2 of 3 shards: [0-9]+ of its items"
        assert re.match(sentence, found.degraded[0])
    for ask in (recommender.recommend, lambda history: recommender.similar(*history.items)):
        with pytest.raises(SearchFailed, match="reached only 2 of 3 shards"):
            ask(History.of(["nobody-knows"]))
    for refused in (
        lambda: show(es_each, away, "nobody-knows"),
        lambda: measure(es_each, read_versions(es_each, index_name)),
    ):
        with pytest.raises(SearchFailed, match="reached only 2 of 3 shards"):
            refused()
    told = {finding.topic: finding for finding in examine(Patient(es_each, away))}
    assert told["documents"].level == "problem"
    assert "reached only 2 of 3 shards" in told["documents"].message


def halved(responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As if a shard had failed that has every other document."""
    for answer in responses:
        del answer["hits"]["hits"][::2]
        answer["_shards"] |= {"total": 2, "successful": 1, "failed": 1}
    return responses


@EACH_WAY
def test_what_was_not_found_in_time_is_not_recommended(
    es: Elasticsearch, es_url: str, index_name: str, learned: float | None
) -> None:
    """The shard fails for the history alone, and answers the searches that follow."""
    write_catalogue(es, index_name, learned=learned)
    liked = [f"chess-{number}" for number in range(3, WORKS_PER_TOPIC)]
    silent = ["cooking-0@en", "cooking-1@de", *(f"cooking-{n}" for n in range(2, WORKS_PER_TOPIC))]
    history = History((*map(Interaction, liked), *(Interaction(item, "seen") for item in silent)))
    rules = WeightRules(events={"view": 1.0, "seen": 0.0})
    options = replace(every_retriever(learned), rules=rules)
    size = 40 if learned is None else 3  # a longer one of a cascade reads the history once more
    with fault_proxy(es_url, "_msearch") as proxy, connect(Connection(proxy.url)) as client:
        recommender = Recommender(client, index_name, options=options)
        whole = recommender.recommend(history, languages=LANGUAGES, size=size)
        assert (whole.degraded, whole.unknown_items) == ((), ())
        proxy.faults = [Fault(edit=halved)]
        found = recommender.recommend(history, languages=LANGUAGES, size=size)
        assert found.unknown_items == ()
        assert "the search for the history reached only 1 of 2 shards: " in found.degraded[0]
        shown = {name for item in found.items for name in (item.id, item.work)}
        assert shown
        assert not shown & {*liked, *silent}
        proxy.faults = [Fault(edit=halved)]
        [many] = recommender.recommend_many([history], languages=LANGUAGES, size=size)
        assert isinstance(many, Recommendations)
        assert (many.items, many.degraded) == (found.items, found.degraded)


@EACH_WAY
def test_details_that_are_read_in_part_are_said(
    es: Elasticsearch, es_url: str, index_name: str, learned: float | None
) -> None:
    write_catalogue(es, index_name, learned=learned)
    with fault_proxy(es_url, "_search") as proxy, connect(Connection(proxy.url)) as client:

        def of_details(body: bytes) -> Fault | None:
            if b'{"query":{"ids"' not in body:
                return None
            shards = {"total": 2, "successful": 1, "failed": 1, "skipped": 0}
            answer = {"timed_out": False, "_shards": shards, "hits": {"hits": []}}
            return Fault(status=200, body=json.dumps(answer).encode())

        proxy.when = of_details
        found = Recommender(client, index_name).recommend(HISTORY, languages=["ja"], size=3)
        assert found.items
        # Titles of reasons, too, are read in a cascade.
        assert len(found.degraded) == (1 if learned is None else 2)
        for sentence in found.degraded:
            assert sentence.endswith("the search for them reached only 1 of 2 shards")


def timed_out(which: int) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    def edited(responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
        responses[which]["timed_out"] = True
        return responses

    return edited


@EACH_WAY
def test_a_slow_cluster_ends_in_time(
    es: Elasticsearch, es_url: str, index_name: str, learned: float | None
) -> None:
    write_catalogue(es, index_name, learned=learned)
    with fault_proxy(es_url, "_msearch") as proxy, connect(Connection(proxy.url)) as client:
        size = 10 if learned is None else 3
        patient = Recommender(client, index_name)
        # A cascade reads the history in the same request, first.
        proxy.faults = [Fault(edit=timed_out(0 if learned is None else 1))]
        result = patient.recommend(HISTORY, languages=["ja"], size=size)
        assert len(result.items) == size
        retriever = "dense" if learned is None else "collaborative"
        assert result.degraded == (
            f"the {retriever} search for ja ran out of time and saw only a part of the index",
        )
        hasty = Recommender(client, index_name, timeout_s=2)
        hasty.recommend(HISTORY, languages=["ja"], size=size)
        proxy.faults = [Fault(wait_s=6)]
        started = time.monotonic()
        with pytest.raises(ClusterUnreachable, match="did not answer"):
            hasty.recommend(HISTORY, languages=["ja"], size=size)
        assert time.monotonic() - started < 5
        proxy.path = "_search"
        proxy.when = lambda body: Fault(wait_s=6) if b'{"query":{"ids"' in body else None
        started = time.monotonic()
        late = hasty.recommend(HISTORY, languages=["ja"], size=size)
        assert time.monotonic() - started < 5
        assert [item.id for item in late.items] == [item.id for item in result.items]
        sentence = late.degraded[0]
        assert sentence.startswith("titles and fields are missing, and reasons are guessed: ")
        # Titles of reasons, too, are read in a cascade.
        assert len(late.degraded) == (1 if learned is None else 2)
