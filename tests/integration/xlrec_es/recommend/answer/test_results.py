"""What is said of a recommendation: fields, and who spoke for it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, topics_of, write_catalogue
from xlrec_es import History, Options, Recommender, SearchOptions


def test_source_fields_come_back(catalogue: Elasticsearch, index_name: str) -> None:
    options = Options(search=SearchOptions(source=("brand",)))
    result = Recommender(catalogue, index_name, options=options).recommend(
        History.of(["chess-3"]), languages=["ja"], size=1
    )
    assert set(result.items[0].source) == {"brand", "title"}


def test_collaborative_retriever_follows_the_indicators_and_names_who_spoke(
    catalogue: Elasticsearch, index_name: str
) -> None:
    options = Options(weights={"collaborative": 1.0})
    result = Recommender(catalogue, index_name, options=options).recommend(
        History.of(["painting-1", "painting-8", "chess-3"]), languages=["en"], size=5
    )
    assert topics_of([item.work for item in result.items])[:4] == ["painting"] * 4
    # Indicator weights are 2 for painting-1 and 9 for painting-8; chess-3 says nothing here.
    [eight, one] = result.items[0].reasons
    assert (eight.item, one.item) == ("painting-8", "painting-1")
    assert eight.share == pytest.approx(9 / 11, abs=0.01)
    assert one.share == pytest.approx(2 / 11, abs=0.01)


@pytest.mark.parametrize("fusion", ["weighted", "cascade"])
def test_a_short_list_says_how_much_passes_the_filters(
    catalogue: Elasticsearch, index_name: str, fusion: str
) -> None:
    narrow = SearchOptions(filters=({"term": {"price": 8}},))
    options = Options(search=narrow, fusion=fusion)
    recommender = Recommender(catalogue, index_name, options=options)
    result = recommender.recommend(History.of(["chess-3"]), languages=["ja", "en"], size=6)
    # Number 8 of each topic is in Japanese.
    assert [item.language for item in result.items] == ["ja"] * 4
    assert "the list is short: of all documents, the filters leave 4 in ja, 0 in en" in result.notes
    enough = recommender.recommend(History.of(["chess-3"]), languages=["ja"], size=4)
    assert not any("short" in note for note in enough.notes)


def test_places_are_kept_for_items_that_nobody_has_liked(
    es_each: Elasticsearch, index_name: str
) -> None:
    new = {f"new-{n}": document("chess", 100 + n, "ja") for n in range(4)}
    for id_, body in new.items():
        body["xlrec"].update(work=id_, evidence=0.0)  # type: ignore[attr-defined]
    write_catalogue(es_each, index_name, new, learned=20.0)
    options = Options(explore=0.5, search=SearchOptions(caps={"brand": 4}))
    recommender = Recommender(es_each, index_name, options=options)
    for _ in range(5):
        result = recommender.recommend(History.of(["chess-3"]), languages=["ja", "en"], size=6)
        drawn = [item for item in result.items if item.propensity < 1]
        assert len(result.items) == 6
        assert {item.work for item in drawn} <= new.keys()
        assert len(drawn) in (2, 3)
        assert {item.propensity for item in drawn} == {0.75}, "three of four"
        assert all(set(item.retrievers) == {"explore"} and item.reasons for item in drawn)
    rows = result.impressions(user="ann", variant="a", time=datetime.now(UTC))
    assert [row["propensity"] for row in rows] == [item.propensity for item in result.items]
