"""Histories and lists of more documents than one search has hits, on both servers with security."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch, Elasticsearch

from catalogue import LANGUAGES, document, write_catalogue
from secured_node import Secured, delete_shop, good
from xlrec_es import AsyncRecommender, History, Interaction, Options, Recommender
from xlrec_es.cluster.connection import connect
from xlrec_es.interactions.weighting import WeightRules
from xlrec_es.recommend.options import OF_EVERY_INDEX, SearchOptions
from xlrec_es.recommend.recommendations import Recommendations

WORKS = 4_000
SEEN = [f"chess-{number}" for number in range(3_900)]
SILENT = WeightRules(events={"view": 1.0, "seen": 0.0})
ALL_RETRIEVERS = Options(
    rules=SILENT, weights=dict.fromkeys(OF_EVERY_INDEX, 1.0), search=SearchOptions()
)


def renditions(works: int) -> dict[str, dict[str, object]]:
    """Each work in three languages."""
    return {
        f"chess-{number}@{language}": document("chess", number, language)
        for number in range(works)
        for language in LANGUAGES
    }


@pytest.fixture(scope="module")
def large(secured_server: Secured) -> Iterator[Secured]:
    """12,000 documents as `shop`."""
    every = renditions(WORKS)
    live = write_catalogue(secured_server.client, "shop", instead=renditions(1))
    operations: list[dict[str, Any]] = []
    for id_, body in every.items():
        own: Any = body["xlrec"]
        operations += [{"index": {"_id": id_}}, body | {"xlrec": {"id": id_, **own}}]
    for start in range(0, len(operations), 4_000):
        part = operations[start : start + 4_000]
        answer = secured_server.client.bulk(index=live.name, operations=part)
        assert not answer["errors"]
    secured_server.client.indices.refresh(index=live.name)
    yield secured_server
    delete_shop(secured_server)


@pytest.fixture
def client(large: Secured) -> Iterator[Elasticsearch]:
    """Of whoever may but read."""
    with connect(large.as_("reader")) as client:
        yield client


def all_is_well(found: Any, seen: Sequence[str] = SEEN) -> None:  # noqa: ANN401 - or an error
    """Recommended is what was not seen, and nothing is unknown."""
    assert isinstance(found, Recommendations)
    assert len(found.items) == 100
    assert not {item.work for item in found.items} & set(seen)
    assert found.unknown_items == ()
    assert found.degraded == ()


def test_nothing_of_a_long_history_is_recommended_again(
    large: Secured, client: Elasticsearch
) -> None:
    found = Recommender(client, "shop", options=ALL_RETRIEVERS, timeout_s=120).recommend(
        History.of(SEEN), languages=LANGUAGES, size=100
    )
    all_is_well(found)
    printed = good(
        large.run(
            "reader", "recommend", "-i", "shop", "-n", "100", "--json", "--timeout", "120", *SEEN
        )
    )
    said = json.loads(printed)
    assert not {item["work"] for item in said["items"]} & set(SEEN)
    assert (said["unknown_items"], said["degraded"]) == ([], [])


def test_more_ids_without_weight_than_a_search_has_hits(client: Elasticsearch) -> None:
    """Of which Elasticsearch 9.5 takes no more in a query."""
    ids = [f"{work}@{language}" for work in SEEN for language in LANGUAGES]
    assert len(ids) > 10_000
    silent = tuple(Interaction(id_, "seen") for id_ in ids)
    recommender = Recommender(client, "shop", options=ALL_RETRIEVERS, timeout_s=120)
    for history in (History(silent), History((*silent, Interaction("chess-3950")))):
        found = recommender.recommend(history, languages=LANGUAGES, size=90)
        assert len(found.items) == 90
        assert not {item.work for item in found.items} & set(SEEN)
        assert (found.unknown_items, found.degraded) == ((), ())


def test_a_list_of_more_documents_than_a_search_has_hits(client: Elasticsearch) -> None:
    """Each with what it holds: for diversity, ten times as many as are shown are read."""
    options = replace(ALL_RETRIEVERS, weights={"popularity": 1.0}, diversity=0.1)
    found = Recommender(client, "shop", options=options, timeout_s=120).recommend(
        History.of(["chess-0"]), languages=LANGUAGES, size=1_500
    )
    assert len(found.items) == 1_500
    assert {item.title is None for item in found.items} == {False}
    assert found.degraded == ()


def test_many_users_at_once(client: Elasticsearch) -> None:
    histories = [History.of(SEEN), History.of(["chess-1"]), History.of(SEEN[:-1])]
    recommender = Recommender(client, "shop", options=ALL_RETRIEVERS, timeout_s=120)
    many = list(recommender.recommend_many(histories, languages=LANGUAGES, size=100))
    for found, history in zip(many, histories, strict=True):
        all_is_well(found, history.items)


def test_asyncio_reads_as_many_pages(large: Secured) -> None:
    # Of requests above 1 MB aiohttp warns, so it is not asked for vectors.
    options = replace(ALL_RETRIEVERS, weights={"popularity": 1.0})

    async def ask() -> Recommendations:
        connection = large.as_("reader")
        async with AsyncElasticsearch(
            connection.url, api_key=connection.api_key, ca_certs=connection.ca_certs
        ) as client:
            recommender = AsyncRecommender(client, "shop", options=options, timeout_s=120)
            return await recommender.recommend(History.of(SEEN), languages=LANGUAGES, size=100)

    all_is_well(asyncio.run(ask()))
