"""Which of the best are shown: each work once, slots of languages, caps, diversity."""

from __future__ import annotations

from collections import Counter

from elasticsearch import Elasticsearch

from catalogue import LANGUAGES, topics_of
from xlrec_es import History, Options, Recommender, SearchOptions


def test_renditions_of_a_work_appear_once(catalogue: Elasticsearch, index_name: str) -> None:
    result = Recommender(catalogue, index_name).recommend(
        History.of(["cooking-3"]), languages=LANGUAGES, size=30
    )
    works = [item.work for item in result.items]
    assert len(works) == len(set(works)) == 30


def test_quotas_are_seats(catalogue: Elasticsearch, index_name: str) -> None:
    options = Options(mix={"ja": 0.75, "en": 0.25})
    result = Recommender(catalogue, index_name, options=options).recommend(
        History.of(["chess-3"]), languages=["ja", "en"], size=8
    )
    languages = [item.language for item in result.items]
    assert (languages.count("ja"), languages.count("en")) == (6, 2)


def test_the_lexical_retriever_does_not_draw_seats_to_the_historys_language(
    catalogue: Elasticsearch, index_name: str
) -> None:
    def slots(**weights: float) -> Counter[str]:
        options = Options(weights=weights, mix="auto")
        result = Recommender(catalogue, index_name, options=options).recommend(
            History.of(["chess-3", "chess-6"]), languages=LANGUAGES, size=8
        )
        return Counter(item.language for item in result.items)

    assert slots(dense=0.5, lexical=0.5) == slots(dense=1.0)


def test_caps_and_threshold(catalogue: Elasticsearch, index_name: str) -> None:
    search = SearchOptions(caps={"brand": 2}, source=("brand",))
    capped = Recommender(
        catalogue, index_name, options=Options(search=search, mix="auto")
    ).recommend(History.of(["chess-3"]), languages=["ja"], size=10)
    brands = [item.source["brand"] for item in capped.items]
    assert sorted(brands) == ["brand0", "brand0", "brand1", "brand1"]
    near = Recommender(
        catalogue,
        index_name,
        options=Options(weights={"dense": 1.0}, search=SearchOptions(min_similarity=0.6)),
    ).recommend(History.of(["chess-3"]), languages=["ja"], size=20)
    assert 1 <= len(near.items) < 10
    assert set(topics_of([item.work for item in near.items])) == {"chess"}


def test_diversity_mixes_topics(catalogue: Elasticsearch, index_name: str) -> None:
    def topics(diversity: float) -> int:
        options = Options(weights={"dense": 1.0}, diversity=diversity)
        result = Recommender(catalogue, index_name, options=options).recommend(
            History.of(["chess-3"]), languages=["ja"], size=4
        )
        return len(set(topics_of([item.work for item in result.items])))

    assert topics(0.0) == 1
    assert topics(0.9) > 1
