"""A search for words in the order of a user, on a real node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from elasticsearch import AsyncElasticsearch, Elasticsearch

from catalogue import DIMS, LANGUAGES, TOPICS, document, topics_of, work_vector, write_catalogue
from xlrec_es import AsyncRecommender, Boost, History, Options, Recommender, SearchOptions
from xlrec_es.errors import (
    ClusterUnreachable,
    FingerprintMismatch,
    UnknownLanguage,
    UsageError,
)
from xlrec_es.recommend.calls import ENCODE, SEARCH, Call, Outcome
from xlrec_es.recommend.recommendations import Recommendations

CHESS = History.of(["chess-3", "chess-6"])


class TopicEncoder:
    """Encodes a text as the topic that it names; claims what the catalogue's fingerprint says."""

    model, revision, dims, pooling, prefix, max_tokens = "test catalogue", "1", DIMS, "none", "", 9

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        named = [next((t for t in TOPICS if t in text), "chess") for text in texts]
        return np.stack([work_vector(topic, 0) for topic in named])


def searching(client: Elasticsearch, name: str, **options: object) -> Recommender:
    return Recommender(client, name, options=Options(**options), encoder=TopicEncoder())  # type: ignore[arg-type]


def test_words_and_meaning_find_in_every_language(
    catalogue: Elasticsearch, index_name: str
) -> None:
    found = searching(catalogue, index_name).search("cooking word7", size=8)
    assert found.items[0].work == "cooking-7", "it has both words"
    assert topics_of([item.work for item in found.items]) == ["cooking"] * 8
    assert {item.language for item in found.items} == set(LANGUAGES)
    assert set(found.items[0].retrievers) == {"lexical", "dense"}
    assert [(r.item, r.share) for r in found.items[0].reasons] == [
        ("cooking word7", pytest.approx(1))
    ]
    assert found.items[0].title == "Cooking 7"
    assert found.notes == found.degraded == ()
    assert len({item.work for item in found.items}) == 8


def test_without_an_encoder_words_are_alone(catalogue: Elasticsearch, index_name: str) -> None:
    found = Recommender(catalogue, index_name).search("painting word7", CHESS)
    assert {"painting-7", "chess-7", "cooking-7", "astronomy-7"} <= {i.work for i in found.items}
    assert found.items[0].work == "painting-7"
    assert all("dense" not in item.retrievers for item in found.items)
    assert found.notes[0].startswith("BM25 alone")


def test_taste_orders_what_the_query_finds(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = searching(catalogue, index_name, search_weights={"lexical": 1, "taste": 0.3})
    alike = recommender.search("word7", size=4)
    mine = recommender.search("word7", CHESS, size=4)
    # Nothing that the query does not find, and nothing of it lost.
    assert {item.work for item in mine.items} == {item.work for item in alike.items}
    assert mine.items[0].work == "chess-7"
    assert [r.item for r in mine.items[0].reasons] == ["word7", "chess-6", "chess-3"]
    assert sum(r.share for r in mine.items[0].reasons) == pytest.approx(1)
    assert mine.items[0].retrievers["taste"].rank == 1
    other = recommender.search("word7", History.of(["cooking-1"]), size=4)
    assert other.items[0].work == "cooking-7"


def test_all_words_stay_above_some_for_whatever_taste(
    catalogue: Elasticsearch, index_name: str
) -> None:
    weights = {"lexical": 0.5, "dense": 0.2, "taste": 100.0}
    recommender = searching(catalogue, index_name, search_weights=weights)
    found = recommender.search("cooking word7", CHESS, size=30)
    assert found.items[0].work == "cooking-7"
    assert "chess-7" in {item.work for item in found.items}


def test_the_language_of_a_query_is_not_guessed(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    everywhere = recommender.search("word3 word4 word5", size=36)
    assert {item.language for item in everywhere.items} == set(LANGUAGES)
    german = recommender.search("word3 word4 word5", size=36, query_language="de-CH")
    assert {item.language for item in german.items} == {"de"}
    to_japanese = searching(catalogue, index_name).search(
        "cooking", languages=["ja"], query_language="de"
    )
    assert topics_of([item.work for item in to_japanese.items])[:5] == ["cooking"] * 5
    assert {item.language for item in to_japanese.items} == {"ja"}
    assert to_japanese.notes == ("no BM25 search: the query is in de, no target language is",)
    for arguments in ({"languages": ["ko"]}, {"query_language": "no tag"}):
        with pytest.raises(UnknownLanguage):
            recommender.search("word0", **arguments)  # type: ignore[arg-type]


def test_seen_items_are_found_unless_they_are_not_wanted(
    catalogue: Elasticsearch, index_name: str
) -> None:
    recommender = searching(catalogue, index_name)
    history = History.of(["chess-0@ja"])
    assert "chess-0" in {i.work for i in recommender.search("chess word0", history).items}
    found = recommender.search("chess word0", history, size=50, exclude_seen=True)
    assert found.items
    assert "chess-0" not in {item.work for item in found.items}


def test_filters_caps_boosts_and_slots_apply(catalogue: Elasticsearch, index_name: str) -> None:
    search = SearchOptions(
        filters=({"range": {"price": {"gte": 3}}},), caps={"brand": 2}, source=("price",)
    )
    recommender = searching(catalogue, index_name, search=search)
    found = recommender.search("painting", CHESS, size=9)
    assert len(found.items) == 4
    assert all(item.source["price"] >= 3 for item in found.items)
    boost = SearchOptions(boosts=(Boost({"term": {"brand": "brand1"}}, 5.0),))
    boosted = searching(catalogue, index_name, search=boost).search("painting", CHESS, size=5)
    assert {int(item.work[-1]) % 2 for item in boosted.items} == {1}
    equally = searching(catalogue, index_name, mix="equal").search("painting", CHESS, size=6)
    assert {share.language: share.filled for share in equally.languages} == dict.fromkeys(
        LANGUAGES, 2
    )
    varied = searching(catalogue, index_name, diversity=0.9).search("painting", CHESS, size=6)
    assert len(varied.items) == 6
    assert all(item.title for item in (*varied.items, *equally.items))


def test_an_unknown_user_gets_an_answer(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = searching(catalogue, index_name)
    plain = recommender.search("chess")
    for history in (History.of(["nobody"]), History()):
        found = recommender.search("chess", history)
        assert [item.id for item in found.items] == [item.id for item in plain.items]
        assert found.unknown_items == history.items
    assert recommender.search("chess", History.of(["nobody"])).notes[0].startswith("nothing is")
    nothing = recommender.search("zzz", query_language="de", languages=["de"])
    assert nothing.items, "the dense retriever always finds something"
    assert Recommender(catalogue, index_name).search("zzz").items == ()


def test_what_is_no_query_is_refused(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = searching(catalogue, index_name)
    with pytest.raises(UsageError, match="the query is empty"):
        recommender.search(" \n")
    with pytest.raises(UsageError, match="500 are the most"):
        recommender.search("x" * 501)
    with pytest.raises(UsageError, match="size is 0"):
        recommender.search("chess", size=0)
    # The longest, of as many terms as it can have in a language without spaces.
    assert not recommender.search("日本語" * 166, CHESS).degraded
    assert not recommender.search("a " * 249, CHESS).degraded
    other = TopicEncoder()
    other.revision = "2"
    with pytest.raises(FingerprintMismatch):
        Recommender(catalogue, index_name, encoder=other).search("chess")


class WithoutDetails(Recommender):
    """Loses what the results hold."""

    def _send(self, call: Call, deadline: float) -> Outcome:
        if call.method == SEARCH and "ids" in call.arguments["body"]["query"]:
            return ClusterUnreachable("too late")
        return super()._send(call, deadline)


def test_without_what_results_hold_they_are_by_the_query_alone(
    catalogue: Elasticsearch, index_name: str
) -> None:
    plain = searching(catalogue, index_name).search("cooking word7")
    found = WithoutDetails(catalogue, index_name, encoder=TopicEncoder()).search(
        "cooking word7", CHESS
    )
    assert [item.id for item in found.items] == [item.id for item in plain.items]
    assert {item.title for item in found.items} == {None}
    [sentence] = found.degraded
    assert sentence == "titles, fields and the user's taste are missing: too late"


class Counting(Recommender):
    """Counts requests."""

    sent = 0

    def _send(self, call: Call, deadline: float) -> Outcome:
        self.sent += call.method != ENCODE
        return super()._send(call, deadline)


def test_two_requests_are_enough(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Counting(catalogue, index_name, encoder=TopicEncoder())
    recommender.search("chess", CHESS)
    recommender.sent = 0
    recommender.search("chess", CHESS)
    assert recommender.sent == 2


def test_asynchronous_results_are_the_same(catalogue: Elasticsearch, index_name: str) -> None:
    async def ask() -> Recommendations:
        async with AsyncElasticsearch(Recommender(catalogue, index_name).url) as client:
            recommender = AsyncRecommender(client, index_name, encoder=TopicEncoder())
            return await recommender.search("chess word1", CHESS, languages=["ja", "de"])

    own = searching(catalogue, index_name).search("chess word1", CHESS, languages=["ja", "de"])
    assert asyncio.run(ask()) == own


def test_a_swapped_alias_is_noticed(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = searching(catalogue, index_name)
    recommender.search("chess", CHESS)
    extra = {"new": document("chess", 99, "de")}
    write_catalogue(catalogue, f"{index_name}-second", extra)
    second = f"{index_name}-second-xlrec-v1"
    catalogue.indices.update_aliases(
        actions=[
            {"remove_index": {"index": f"{index_name}-xlrec-v1"}},
            {"add": {"index": second, "alias": index_name}},
        ]
    )
    for history in (CHESS, None):
        found = recommender.search("word99", history)
        assert found.index == second
        assert "new" in {item.id for item in found.items}
