"""Recommendations of one index, by either recommender."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from elasticsearch import AsyncElasticsearch, Elasticsearch

from catalogue import FINGERPRINT, topics_of, work_vector
from xlrec_es import (
    AsyncRecommender,
    History,
    Options,
    Recommendations,
    Recommender,
    SearchOptions,
)
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


def test_other_options_by_the_same_recommender(
    catalogue: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender = Recommender(catalogue, index_name)
    history = History.of(["chess-3"])
    usual = recommender.recommend(history)
    german = Options(exclude=("en", "ja"), search=SearchOptions(caps={"brand": 1}))
    expected = Recommender(catalogue, index_name, options=german).recommend(history)

    def asked_again(**_arguments: object) -> None:
        raise AssertionError("what the index says of itself is known")

    monkeypatch.setattr(catalogue.indices, "get", asked_again)
    found = recommender.by(german).recommend(history)
    assert found == expected != usual
    assert recommender.recommend(history) == usual


def test_the_event_loop_goes_on_while_an_encoder_runs(
    catalogue: Elasticsearch, index_name: str
) -> None:
    url = Recommender(catalogue, index_name).url

    async def ask() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        async with AsyncElasticsearch(url) as client:
            recommender = AsyncRecommender(client, index_name, encoder=SlowEncoder())
            ticking = asyncio.create_task(tick())
            found = await recommender.recommend(History(texts=("chess",)), size=3)
            ticking.cancel()
        assert len(found.items) == 3
        return ticks

    assert asyncio.run(ask()) > 20


class SlowEncoder:
    """The catalogue's encoder, half a second for each call."""

    model, revision, dims = FINGERPRINT.model, FINGERPRINT.revision, FINGERPRINT.dims
    pooling, prefix, max_tokens = FINGERPRINT.pooling, FINGERPRINT.prefix, 512

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        time.sleep(0.5)
        return np.stack([work_vector("chess", 0) for _ in texts])
