"""From answers, whole or not, to one scored list."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue
from xlrec_es import Boost, History, Options, Recommender, SearchOptions
from xlrec_es.errors import SearchFailed
from xlrec_es.recommend.answer.ranking import rank
from xlrec_es.recommend.answer.results import finish
from xlrec_es.recommend.request.queries import to_msearch


def test_a_document_that_somebody_else_wrote_is_named(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    body = document("chess", 5, "ja")
    assert "id" not in body["xlrec"]  # type: ignore[operator]
    es.index(index=index_name, id="foreign", document=body, refresh=True)
    with pytest.raises(SearchFailed, match=f"{index_name}.* has a document without xlrec.id"):
        Recommender(es, index_name).recommend(History.of(["chess-0"]), languages=["ja"])


def test_a_boost_reorders_and_keeps_scores_of_retrievers(
    catalogue: Elasticsearch, index_name: str
) -> None:
    boost = Boost({"term": {"brand": "brand1"}}, 10_000.0)
    search = SearchOptions(boosts=(boost,), source=("brand",))
    result = Recommender(
        catalogue, index_name, options=Options(search=search, mix="auto")
    ).recommend(History.of(["chess-3"]), languages=["ja"], size=4)
    assert [item.source["brand"] for item in result.items] == ["brand1"] * 4
    assert all(
        -1 <= item.retrievers["dense"].score <= 1
        for item in result.items
        if "dense" in item.retrievers
    )


def test_rrf_is_offered(catalogue: Elasticsearch, index_name: str) -> None:
    options = Options(fusion="rrf", weights={"dense": 1.0})
    result = Recommender(catalogue, index_name, options=options).recommend(
        History.of(["chess-3"]), languages=["ja"], size=2
    )
    assert [item.score for item in result.items] == pytest.approx([1, 61 / 62])


def test_searches_that_fail_are_named(catalogue: Elasticsearch, index_name: str) -> None:
    no_range_of_vectors = SearchOptions(filters=({"range": {"xlrec.embedding": {"gte": 1}}},))
    recommender = Recommender(catalogue, index_name, options=Options(search=no_range_of_vectors))
    with pytest.raises(SearchFailed, match=r"the \w+ search for de failed: .*dense_vector"):
        recommender.recommend(History.of(["chess-2"]), languages=["de"])


def test_one_search_that_failed_degrades_the_answer(
    catalogue: Elasticsearch, index_name: str
) -> None:
    plan = Recommender(catalogue, index_name).plan(History.of(["chess-3"]), languages=["ja"])
    searches = to_msearch(plan.requests, plan.live.name, timeout_s=10)
    assert [request.retriever for request in plan.requests] == ["dense", "collaborative"]
    searches[1]["query"]["bool"]["must"][0]["knn"]["query_vector"] = [1.0]  # type: ignore[index]
    answers = catalogue.msearch(searches=searches)["responses"]
    result = finish(rank(plan, answers, Options()), plan, Options(), size=5)
    assert [list(item.retrievers) for item in result.items] == [["collaborative"]] * 5
    [sentence] = result.degraded
    assert sentence.startswith("the dense search for ja failed: ")
    assert "dimension" in sentence
