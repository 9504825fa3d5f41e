"""Recommendations of one index, by either recommender."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch, Elasticsearch

from catalogue import topics_of
from xlrec_es import AsyncRecommender, History, Recommendations, Recommender
from xlrec_es.errors import UnknownItems
from xlrec_es.recommend.request.plan import Plan


def test_taste_crosses_the_border(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    result = recommender.recommend(History.of(["chess-3", "chess-6"]), size=6)
    assert {item.language for item in result.items} == {"en", "ja"}
    assert topics_of([item.work for item in result.items]) == ["chess"] * 6
    assert not {"chess-3", "chess-6"} & {item.work for item in result.items}
    for item in result.items:
        assert {reason.item for reason in item.reasons} == {"chess-3", "chess-6"}
        assert item.title.startswith("Chess ")
        assert sum(reason.share for reason in item.reasons) == pytest.approx(1)
        assert sum(retriever.share for retriever in item.retrievers.values()) == pytest.approx(1)


def test_asynchronous_answers_are_the_same(catalogue: Elasticsearch, index_name: str) -> None:
    history = History.of(["chess-0@ja", "cooking-1"])
    url = Recommender(catalogue, index_name).url

    people = [history, History.of(["nobody knows me"]), History.of(["chess-3"])]

    async def ask() -> tuple[Recommendations, Recommendations, Plan, list[Any]]:
        async with AsyncElasticsearch(url) as client:
            recommender = AsyncRecommender(client, index_name)
            return (
                await recommender.recommend(history),
                await recommender.similar("chess-3", measure="cosine"),
                await recommender.plan(history),
                [result async for result in recommender.recommend_many(people, batch=1)],
            )

    recommended, similar, plan, many = asyncio.run(ask())
    recommender = Recommender(catalogue, index_name)
    assert plan.requests == recommender.plan(history).requests
    assert (many[0], many[2]) == (recommended, recommender.recommend(people[2]))
    assert isinstance(many[1], UnknownItems)
    assert recommended == recommender.recommend(history)
    assert similar == recommender.similar("chess-3", measure="cosine")
