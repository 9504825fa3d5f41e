"""Searches as Elasticsearch understands them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import EVERYTHING, LANGUAGES, ODD_IDS, document, topics_of, write_catalogue
from xlrec_es import History, Interaction, Options, Recency, Recommender, SearchOptions
from xlrec_es.cluster.capabilities import probe
from xlrec_es.errors import UsageError
from xlrec_es.index.hits import id_of
from xlrec_es.index.live_index import find_live, update_meta
from xlrec_es.recommend.answer.ranking import Searched
from xlrec_es.recommend.options import OF_EVERY_INDEX
from xlrec_es.recommend.request.queries import lexical_body
from xlrec_es.recommend.request.query_forms import render


def test_the_lexical_retriever_reads_the_renditions_in_the_target_language(
    catalogue: Elasticsearch, index_name: str
) -> None:
    result = Recommender(
        catalogue, index_name, options=Options(weights={"lexical": 1.0})
    ).recommend(History.of(["painting-0"]), languages=["ja"], size=3)
    assert set(topics_of([item.work for item in result.items[:2]])) == {"painting"}
    assert all(list(item.retrievers) == ["lexical"] for item in result.items)
    assert [reason.item for reason in result.items[0].reasons] == ["painting-0"]


def test_bm25_finds_the_same_by_texts_and_by_ids(es_each: Elasticsearch, index_name: str) -> None:
    write_catalogue(es_each, index_name)
    recommender = Recommender(es_each, index_name, options=Options(weights={"lexical": 1.0}))
    history = History.of(["painting-0", "chess-0", "cooking-0"])

    def bodies() -> tuple[dict[str, Any], dict[str, Any]]:
        plan = recommender.plan(history, languages=["ja"])
        unread = replace(plan.profile, words={})
        index, search = plan.live.searched, SearchOptions()
        return plan.requests[0].body, lexical_body(unread, "ja", index, search)

    def found(body: dict[str, Any]) -> list[tuple[str, float]]:
        hits = es_each.search(index=index_name, body=body)["hits"]["hits"]
        return [(id_of(hit), hit["_score"]) for hit in hits]

    by_texts, by_ids = bodies()
    assert "chess chessclub ja word0" in str(by_texts)
    assert "chess-0" in str(by_ids["query"]["bool"]["must"])
    assert found(by_texts) == found(by_ids) != []
    # A text that changes is searched by as it is, and so is one without a word.
    for text in ("painting", ""):
        changed = {"xlrec": {"text": {"ja": text}}}
        liked = recommender.plan(history, languages=["ja"]).profile.texts["ja"]
        [chess] = [id_ for id_, work in liked.items() if work == "chess-0"]
        es_each.update(index=index_name, id=chess, doc=changed, refresh=True)
        by_texts, by_ids = bodies()
        assert "chessclub" not in str(by_texts)
        assert found(by_texts) == found(by_ids) != []


@pytest.mark.parametrize("odd", ODD_IDS)
def test_odd_ids_are_found_and_never_misread(
    catalogue: Elasticsearch, index_name: str, odd: str
) -> None:
    result = Recommender(catalogue, index_name).recommend(History.of([odd]), languages=["de"])
    assert result.unknown_items == ()
    assert odd not in {item.work for item in result.items}
    assert [reason.item for reason in result.items[0].reasons] == [odd]


def test_every_printed_body_runs_as_printed(catalogue: Elasticsearch, index_name: str) -> None:
    plan = Recommender(catalogue, index_name, options=EVERYTHING).plan(
        History.of(["chess-0", 'quo"te'])
    )
    assert {request.retriever for request in plan.requests} == set(OF_EVERY_INDEX)
    text = render(plan.requests, index=plan.live.name, url="http://es")
    searches = re.findall(r"^POST /(\S+)/_search\n(.+)$", text, re.MULTILINE)
    assert len(searches) == len(plan.requests) > 2
    for index, body in searches:
        assert catalogue.search(index=index, body=json.loads(body))["hits"]["hits"]


def test_vectors_are_sent_as_bytes_where_they_are_read(
    catalogue: Elasticsearch, index_name: str
) -> None:
    printed = Recommender(catalogue, index_name, options=EVERYTHING)
    history = History.of(["chess-0", 'quo"te'])
    [sent] = printed.search_many([history])
    assert isinstance(sent, Searched)
    numbers, bodies = printed.plan(history).requests, sent.plan.requests
    newest = sent.plan.live.has_binary_vectors
    assert newest == (probe(catalogue).version >= (9, 5, 0))
    assert (json.dumps([r.body for r in bodies]) != json.dumps([r.body for r in numbers])) == newest
    for request, answer in zip(numbers, sent.answers, strict=True):
        same = catalogue.search(index=sent.plan.live.name, body=request.body)["hits"]["hits"]
        assert [id_of(hit) for hit in answer["hits"]["hits"]] == [id_of(hit) for hit in same]


def test_filters_hold_in_every_retriever(catalogue: Elasticsearch, index_name: str) -> None:
    for retriever in OF_EVERY_INDEX:
        options = Options(
            weights={retriever: 1.0},
            search=SearchOptions(filters=({"range": {"price": {"gte": 7}}},), source=("price",)),
        )
        result = Recommender(catalogue, index_name, options=options).recommend(
            History.of(["chess-0"]), languages=LANGUAGES
        )
        assert result.items or retriever == "lexical"
        assert all(item.source["price"] >= 7 for item in result.items)


def test_popularity_fades_with_age(catalogue: Elasticsearch, index_name: str) -> None:
    now = datetime.now(UTC)
    aged = {"new": 1, "old": 60, "older": 90}
    extra = {id_: document("cooking", 0, "ja") for id_ in ("undated", *aged)}
    for id_, body in extra.items():
        body["xlrec"] |= {  # type: ignore[operator]
            "work": id_,
            "popularity": {"new": 0.5, "old": 2.0}.get(id_, 9.0),
            "market_popularity": {"JP": {"new": 0.5, "old": 2.0}.get(id_, 9.0)},
        }
        if id_ in aged:
            body["published"] = (now - timedelta(days=aged[id_])).isoformat()
    write_catalogue(catalogue, f"{index_name}-dated", instead=extra)
    found = find_live(catalogue, f"{index_name}-dated")
    markets = {"origin": "given", "names": ["JP"]}
    update_meta(catalogue, found, replace(found.meta, indicators={"markets": markets}))
    for market in (None, "JP"):
        options = Options(search=SearchOptions(recent=Recency("published", "10d"), market=market))
        recommender = Recommender(catalogue, f"{index_name}-dated", options=options)
        result = recommender.recommend(History(), languages=["ja"])
        assert [item.id for item in result.items] == ["new", "old", "older", "undated"]
        scores = [item.retrievers["popularity"].score for item in result.items]
        # 60 days are six half-lives, 90 are nine.
        assert scores == pytest.approx([0.5 * 0.5**0.1, 2 / 64, 9 / 512, 0], rel=0.03)
    nowhere = SearchOptions(recent=Recency("nowhere"))
    with pytest.raises(UsageError, match="nowhere"):
        Recommender(catalogue, index_name, options=Options(search=nowhere)).recommend(History())


def test_what_many_like_speaks_for_a_user_who_likes_another_work_more(
    es_each: Elasticsearch, index_name: str
) -> None:
    """Elasticsearch's token pruning would leave it out."""
    everywhere, liked_more = "cooking-0", "cooking-5"
    extra = {f"cooking-{number}": document("cooking", number, "ja") for number in range(60)}
    for number, body in enumerate(extra.values()):
        speaks = {everywhere: 1 + number / 64, f"cooking-{number + 1}": 1.0}
        body["xlrec"]["indicators"] = speaks  # type: ignore[index]
    write_catalogue(es_each, index_name, instead=extra)
    recommender = Recommender(es_each, index_name, options=Options(weights={"collaborative": 1.0}))
    history = History((Interaction(everywhere, weight=1.0), Interaction(liked_more, weight=5.0)))
    [first, *others] = recommender.recommend(history, languages=["ja"], size=4).items
    assert first.id == "cooking-4"
    assert [item.id for item in others] == [f"cooking-{number}" for number in (59, 58, 57)]
    assert others[0].retrievers["collaborative"].score == pytest.approx((1 + 59 / 64) / 6)
