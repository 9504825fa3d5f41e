"""What is decided of a history whose items an index has, or has not."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from xlrec_es import History, Recommender
from xlrec_es.errors import UnknownItems, UnknownLanguage, UsageError


def test_a_history_may_name_works_or_documents(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    by_work = recommender.recommend(History.of(["chess-0"]), languages=["ja"])
    by_document = recommender.recommend(History.of(["chess-0@en"]), languages=["ja"])
    assert by_work == by_document
    assert "chess-0" not in {item.work for item in by_document.items}


def test_a_lexical_retriever_that_cannot_be_is_said(
    catalogue: Elasticsearch, index_name: str
) -> None:
    result = Recommender(catalogue, index_name).recommend(
        History.of(["chess-3"]), languages=["ja", "en"]
    )
    assert result.notes == (
        "no BM25 search for ja, en: the liked items have no text in these languages",
    )


def test_unknown_ids_are_skipped_and_named(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    result = recommender.recommend(History.of(["chess-3", "nobody knows me"]))
    assert result.unknown_items == ("nobody knows me",)
    assert result.items
    with pytest.raises(UnknownItems, match="'nobody knows me'") as caught:
        recommender.recommend(History.of(["nobody knows me"]))
    assert caught.value.items == ("nobody knows me",)


def test_a_document_that_was_never_ingested_is_unknown(
    catalogue: Elasticsearch, index_name: str
) -> None:
    catalogue.index(index=index_name, id="bare", document={"title": "Left alone"}, refresh=True)
    result = Recommender(catalogue, index_name).recommend(History.of(["chess-3", "bare"]))
    assert result.unknown_items == ("bare",)
    assert result.items


@pytest.mark.parametrize("wrong", ["xx-nonsense-", "ko", 'ja"}}', ""])
def test_languages_are_checked(catalogue: Elasticsearch, index_name: str, wrong: str) -> None:
    with pytest.raises(UnknownLanguage):
        Recommender(catalogue, index_name).recommend(History.of(["chess-3"]), languages=[wrong])


def test_no_language_and_no_place_are_refused(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    with pytest.raises(UsageError, match="no target language"):
        recommender.recommend(History.of(["chess-3"]), languages=[])
    with pytest.raises(UsageError, match="at least 1"):
        recommender.recommend(History.of(["chess-3"]), size=0)


def test_somebody_unknown_gets_what_most_people_like(
    catalogue: Elasticsearch, index_name: str
) -> None:
    result = Recommender(catalogue, index_name).recommend(History(), languages=["ja"], size=3)
    assert [list(item.retrievers) for item in result.items] == [["popularity"]] * 3
    assert {item.work.rpartition("-")[2] for item in result.items} == {"8"}
    assert "popular items are shown" in result.notes[0]
