"""Indicators first: what is sent, when texts are asked, and what becomes of odd histories."""

from __future__ import annotations

from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, topics_of, write_catalogue
from xlrec_es import History, Options, Recommender, SearchOptions
from xlrec_es.errors import UnknownItems
from xlrec_es.recommend.calls import MSEARCH, Call, Outcome
from xlrec_es.recommend.recommendations import Recommendations


class Recording(Recommender):
    """Keeps the searches of each request, without headers."""

    def __init__(
        self, client: Elasticsearch, index: str, *, options: Options | None = None
    ) -> None:
        super().__init__(client, index, options=options)
        self.sent: list[list[dict[str, Any]]] = []

    def _send(self, call: Call, deadline: float) -> Outcome:
        if call.method == MSEARCH:
            self.sent.append(list(call.arguments["searches"][1::2]))
        elif "body" in call.arguments:
            self.sent.append([call.arguments["body"]])
        return super()._send(call, deadline)

    @property
    def text_searches(self) -> list[dict[str, Any]]:
        """Those of the dense and the lexical retriever."""
        sent = [body for request in self.sent for body in request]
        return [body for body in sent if "knn" in str(body) or "more_like_this" in str(body)]


@pytest.fixture
def learned(es_each: Elasticsearch, index_name: str) -> Elasticsearch:
    write_catalogue(es_each, index_name, learned=20.0)
    return es_each


def found(result: Recommendations) -> list[tuple[str, str]]:
    return [(item.work, item.language) for item in result.items]


def test_a_history_of_items_takes_three_requests_and_no_search_of_texts(
    learned: Elasticsearch, index_name: str
) -> None:
    recommender = Recording(learned, index_name)
    result = recommender.recommend(History.of(["chess-3", "chess-4"]), languages=["ja"], size=3)
    # The history and the indicators; what is shown; titles of reasons.
    assert [len(request) for request in recommender.sent] == [2, 1, 1]
    assert not recommender.text_searches
    assert "embedding" not in str(recommender.sent)
    assert topics_of([item.work for item in result.items]) == ["chess"] * 3
    assert {retriever for item in result.items for retriever in item.retrievers} == {
        "collaborative"
    }
    assert {reason.title for item in result.items for reason in item.reasons} == {
        "Chess 3",
        "Chess 4",
    }
    assert result.items[0].score == 1
    assert not result.degraded


@pytest.mark.parametrize("languages", [None, ["en", "ja"], ["de"]])
@pytest.mark.parametrize("mix", ["auto", "equal"])
def test_lists_are_those_of_the_collaborative_retriever_alone_where_it_finds_enough(
    learned: Elasticsearch, index_name: str, languages: list[str] | None, mix: str
) -> None:
    history = History.of(["chess-3", "astronomy-6"])
    alone = Options(weights={"collaborative": 1.0}, mix=mix)
    usual = Recommender(learned, index_name, options=Options(mix=mix))
    expected = Recommender(learned, index_name, options=alone).recommend(
        history, languages=languages, size=4
    )
    assert found(usual.recommend(history, languages=languages, size=4)) == found(expected)


def test_texts_fill_what_indicators_leave_open(learned: Elasticsearch, index_name: str) -> None:
    recommender = Recording(learned, index_name)
    history = History.of(["chess-3"])
    result = recommender.recommend(history, languages=["ja"], size=8)
    own, filled = result.items[:5], result.items[5:]
    assert all("collaborative" in item.retrievers for item in own)
    assert {"chess"} == set(topics_of([item.work for item in own]))
    assert len(filled) == 3
    assert all(set(item.retrievers) <= {"dense", "lexical"} for item in filled)
    assert max(item.score for item in filled) < min(item.score for item in own)
    asked = [body for request in recommender.sent for body in request]
    assert sum("sparse_vector" in str(body) for body in asked) == 1, "it is not asked again"


def test_a_language_that_indicators_do_not_reach_is_filled_by_texts(
    es_each: Elasticsearch, index_name: str
) -> None:
    new = {f"new-{n}": document("chess", 100 + n, "fr") for n in range(3)}
    for id_, body in new.items():
        body["xlrec"].update(work=id_, indicators={})  # type: ignore[attr-defined]
    languages = ("de", "en", "fr", "ja")
    write_catalogue(es_each, index_name, new, languages=languages, learned=20.0)
    recommender = Recommender(es_each, index_name, options=Options(mix="equal"))
    result = recommender.recommend(History.of(["chess-3"]), languages=["fr", "ja"], size=4)
    assert sorted(item.language for item in result.items) == ["fr", "fr", "ja", "ja"]


def test_whose_items_hardly_anybody_knows_gets_texts_places(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name, learned=0.5)  # one item: 1 - 0.5 / 1.5 of the places
    recommender = Recording(es_each, index_name)
    result = recommender.recommend(History.of(["chess-3"]), languages=["ja"], size=3)
    assert recommender.text_searches
    assert sum("dense" in item.retrievers for item in result.items) >= 2
    assert result.items[0].reasons[0].title == "Chess 3"


def test_a_document_or_an_item_that_is_gone_is_the_history_of_what_is_left(
    learned: Elasticsearch, index_name: str
) -> None:
    recommender = Recording(learned, index_name)
    by_item = recommender.recommend(History.of(["chess-0"]), languages=["ja"], size=3)
    requests = len(recommender.sent)
    by_document = recommender.recommend(History.of(["chess-0@de"]), languages=["ja"], size=3)
    assert found(by_document) == found(by_item)
    assert len(recommender.sent) > 2 * requests, "its item has to be looked up first"
    # An item that has left the index stands in indicators still.
    with_gone = recommender.recommend(History.of(["chess-0", "gone"]), languages=["ja"], size=3)
    assert found(with_gone) == found(by_item)
    assert with_gone.unknown_items == ("gone",)
    with pytest.raises(UnknownItems):
        recommender.recommend(History.of(["gone"]), languages=["ja"])


def test_filters_caps_and_diversity_hold(learned: Elasticsearch, index_name: str) -> None:
    search = SearchOptions(
        filters=({"range": {"price": {"gte": 2}}},), caps={"brand": 2}, source=("brand", "price")
    )
    for diversity in (0.0, 0.5):
        options = Options(search=search, diversity=diversity)
        recommender = Recommender(learned, index_name, options=options)
        result = recommender.recommend(History.of(["chess-3"]), languages=["ja", "en"], size=4)
        assert len(result.items) == 4
        assert all(item.source["price"] >= 2 for item in result.items)
        assert (
            sorted(item.source["brand"] for item in result.items) == ["brand0"] * 2 + ["brand1"] * 2
        )


def test_a_user_who_likes_nothing_gets_what_is_popular_in_one_round(
    learned: Elasticsearch, index_name: str
) -> None:
    recommender = Recording(learned, index_name)
    result = recommender.recommend(History(), languages=["ja"], size=2)
    assert [item.retrievers.keys() for item in result.items] == [{"popularity"}] * 2
    assert len(recommender.sent) == 2
    assert not recommender.text_searches


def test_free_texts_and_weights_of_ones_own_ask_all_at_once(
    learned: Elasticsearch, index_name: str
) -> None:
    recommender = Recording(learned, index_name, options=Options(weights={"dense": 1.0}))
    recommender.recommend(History.of(["chess-3"]), languages=["ja"], size=2)
    assert "sparse_vector" not in str(recommender.sent)
    mixed = Recording(learned, index_name, options=Options(fusion="weighted"))
    mixed.recommend(History.of(["chess-3"]), languages=["de"], size=2)
    assert [len(request) for request in mixed.sent] == [1, 3, 1]
