"""Given documents in the order of a user, on a real node."""

from __future__ import annotations

import asyncio

import pytest
from elasticsearch import AsyncElasticsearch, Elasticsearch

from catalogue import documents, topics_of, work_vector, write_catalogue
from xlrec_es import AsyncRecommender, Boost, History, Options, Recommender, SearchOptions
from xlrec_es.errors import UnknownItems, UnknownLanguage, UsageError
from xlrec_es.recommend.calls import Call, Outcome
from xlrec_es.recommend.recommendations import Recommendations

CHESS = History.of(["chess-3", "chess-6"])
SHELF = ["cooking-5", "chess-4", "painting-7", "chess-3", "chess-9", "astronomy-8"]


def test_every_document_comes_once_in_the_order_of_the_user(
    catalogue: Elasticsearch, index_name: str
) -> None:
    found = Recommender(catalogue, index_name).rank(CHESS, [*SHELF, "nobody", "chess-4"])
    assert sorted(item.id for item in found.items) == sorted(SHELF)
    assert topics_of([item.work for item in found.items])[:3] == ["chess"] * 3
    assert found.unknown_items == ("nobody",)
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)
    assert scores[2] > 0.5 >= scores[3]
    by_id = {item.id: item for item in found.items}
    four = by_id["chess-4"]
    assert set(four.retrievers) == {"collaborative", "dense"}
    assert (four.retrievers["collaborative"].share, four.retrievers["dense"].share) == (1, 0)
    assert {reason.item for reason in four.reasons} == {"chess-3", "chess-6"}
    assert four.title == "Chess 4"
    other = by_id["cooking-5"]
    assert set(other.retrievers) == {"dense"}
    assert other.retrievers["dense"].share == 1
    filled = {share.language: share.filled for share in found.languages}
    assert filled == {"de": 2, "en": 2, "ja": 2}
    assert found.notes == found.degraded == ()


def test_scores_are_those_of_the_searches(catalogue: Elasticsearch, index_name: str) -> None:
    """What is computed here is what Elasticsearch computes for a list."""
    weights = {"collaborative": 1.0, "dense": 1.0}
    options = Options(weights=weights, search=SearchOptions(exact=True))
    recommender = Recommender(catalogue, index_name, options=options)
    listed = recommender.recommend(CHESS, size=40).items
    ranked = {item.id: item for item in recommender.rank(CHESS, [i.id for i in listed]).items}
    assert len(ranked) == len(listed) > 20
    for item in listed:
        mine = ranked[item.id].retrievers
        for name, said in item.retrievers.items():
            # The search compares vectors of int8, which on 8.19 are far off where little is alike.
            if name == "collaborative" or said.score > 0.5:
                assert mine[name].score == pytest.approx(said.score, abs=0.02)


def test_a_work_is_one_of_its_language_versions(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    works = ["cooking-1", "chess-0", "chess-4"]
    for languages, expected in (
        (["ja"], {"chess-0@ja", "cooking-1@ja", "chess-4"}),
        (["ko", "de-AT", "en"], {"chess-0@en", "cooking-1@en", "chess-4"}),
        (None, {"chess-0@en", "cooking-1@en", "chess-4"}),  # equally good: as most documents are
    ):
        found = recommender.rank(CHESS, works, languages=languages)
        assert {item.id for item in found.items} == expected
        assert not found.unknown_items
    both = recommender.rank(CHESS, ["chess-0", "chess-0@ja", "chess-0@en"], languages=["en"])
    assert sorted(item.id for item in both.items) == ["chess-0@en", "chess-0@ja"]


def test_nobody_gets_the_order_given(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    for history in (History(), History.of(["chess-3"])):
        found = recommender.rank(history, [])
        assert found.items == ()
    found = recommender.rank(History(), ["chess-1", "nobody", *SHELF])
    assert [item.work for item in found.items] == ["chess-1", *SHELF]
    assert found.unknown_items == ("nobody",)
    assert found.notes[0].startswith("nothing is known of this user")
    assert {item.score for item in found.items} == {0.0}
    with pytest.raises(UnknownItems):
        recommender.rank(History.of(["nobody"]), SHELF)
    with pytest.raises(UnknownLanguage):
        recommender.rank(CHESS, SHELF, languages=["no tag"])
    with pytest.raises(UsageError, match="'' is no id"):
        recommender.rank(CHESS, ["chess-1", ""])


def test_what_is_worth_the_same_stays_in_the_order_given(
    es: Elasticsearch, index_name: str
) -> None:
    alike = documents()
    for body in alike.values():
        body["xlrec"] |= {"embedding": work_vector("chess", 1).tolist(), "indicators": {}}  # type: ignore[operator]
    write_catalogue(es, index_name, instead=alike)
    recommender = Recommender(es, index_name)
    for shelf in (SHELF, SHELF[::-1]):
        assert [item.id for item in recommender.rank(CHESS, shelf).items] == shelf


def test_boosts_apply_and_filters_do_not(catalogue: Elasticsearch, index_name: str) -> None:
    odd = Boost({"term": {"brand": "brand1"}}, 3.0)
    search = SearchOptions(
        boosts=(odd,), filters=({"term": {"brand": "brand0"}},), source=("price",)
    )
    plain = {i.id: i.score for i in Recommender(catalogue, index_name).rank(CHESS, SHELF).items}
    options = Options(search=search)
    found = Recommender(catalogue, index_name, options=options).rank(CHESS, SHELF)
    assert len(found.items) == len(SHELF)
    for item in found.items:
        number = int(item.work[-1])
        assert item.score == pytest.approx(plain[item.id] * (3 if number % 2 else 1))
        assert item.source["price"] == number


class Counting(Recommender):
    """Counts requests."""

    sent = 0

    def _send(self, call: Call, deadline: float) -> Outcome:
        self.sent += 1
        return super()._send(call, deadline)


def test_one_request_is_enough(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Counting(catalogue, index_name)
    recommender.rank(CHESS, SHELF)
    recommender.sent = 0
    recommender.rank(CHESS, SHELF)
    assert recommender.sent == 1


def test_as_many_as_an_index_has_are_read_in_pages(
    catalogue: Elasticsearch, index_name: str
) -> None:
    catalogue.indices.put_settings(
        index=index_name, settings={"max_result_window": 7, "max_terms_count": 5}
    )
    recommender = Recommender(catalogue, index_name)
    everything = list(documents())
    found = recommender.rank(History.of(["chess-3"]), everything)
    assert sorted(item.id for item in found.items) == sorted(everything)
    by_work = recommender.rank(History.of(["chess-3"]), [f"cooking-{n}" for n in range(10)])
    assert len(by_work.items) == 10


def test_asynchronous_order_is_the_same(catalogue: Elasticsearch, index_name: str) -> None:
    async def ask() -> Recommendations:
        async with AsyncElasticsearch(Recommender(catalogue, index_name).url) as client:
            return await AsyncRecommender(client, index_name).rank(CHESS, SHELF)

    assert asyncio.run(ask()) == Recommender(catalogue, index_name).rank(CHESS, SHELF)


def test_a_swapped_alias_is_noticed(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    recommender.rank(CHESS, SHELF)
    write_catalogue(catalogue, f"{index_name}-second")
    second = f"{index_name}-second-xlrec-v1"
    catalogue.indices.update_aliases(
        actions=[
            {"remove_index": {"index": f"{index_name}-xlrec-v1"}},
            {"add": {"index": second, "alias": index_name}},
        ]
    )
    found = recommender.rank(CHESS, SHELF)
    assert found.index == second
    assert len(found.items) == len(SHELF)
