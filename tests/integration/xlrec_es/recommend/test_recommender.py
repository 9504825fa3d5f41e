from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from elasticsearch import AsyncElasticsearch, Elasticsearch

from catalogue import (
    DIMS,
    FINGERPRINT,
    LANGUAGES,
    document,
    documents,
    topics_of,
    work_vector,
    write_catalogue,
)
from xlrec_es import (
    AsyncRecommender,
    Boost,
    Connection,
    History,
    Interaction,
    Options,
    Recency,
    Recommendations,
    Recommender,
    SearchOptions,
    connect,
)
from xlrec_es.cli.query_forms import render
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import (
    ClusterUnreachable,
    FingerprintMismatch,
    IndexNotFound,
    NotAnXlrecIndex,
    SearchFailed,
    UnknownItems,
    UnknownLanguage,
    UsageError,
)
from xlrec_es.index.hits import id_of
from xlrec_es.index.live_index import check_fingerprint, find_live, update_meta
from xlrec_es.recommend.flow import SEARCH, Call, Outcome
from xlrec_es.recommend.options import LEGS
from xlrec_es.recommend.plan import Plan
from xlrec_es.recommend.queries import score_of, to_msearch
from xlrec_es.recommend.ranking import Searched, rank
from xlrec_es.recommend.results import finish
from xlrec_es.recommend.retrievers import one_search_each
from xlrec_es.vectors.fingerprint import Fingerprint

EVERYTHING = Options(
    weights=dict.fromkeys(LEGS, 1.0),
    search=SearchOptions(
        exact=True,
        oversample=2.0,
        min_similarity=-0.9,
        filters=({"range": {"price": {"lte": 200}}},),
        boosts=(Boost({"term": {"brand": "brand1"}}, 1.5),),
        caps={"brand": 3},
        source=("brand", "price"),
    ),
)
ODD_IDS = ['quo"te', "bra}ce", "comma,comma", "sla/sh", "dot.dot", "ünï日本", "x" * 512, "* OR *"]


@pytest.fixture
def catalogue(es_each: Elasticsearch, index_name: str) -> Elasticsearch:
    extra = {odd: document("chess", 100 + n, "de") for n, odd in enumerate(ODD_IDS)}
    for odd, body in extra.items():
        body["xlrec"]["work"] = odd  # type: ignore[index]
    write_catalogue(es_each, index_name, extra)
    return es_each


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
        assert sum(leg.share for leg in item.legs.values()) == pytest.approx(1)


def test_a_history_may_name_works_or_documents(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    by_work = recommender.recommend(History.of(["chess-0"]), languages=["ja"])
    by_document = recommender.recommend(History.of(["chess-0@en"]), languages=["ja"])
    assert by_work == by_document
    assert "chess-0" not in {item.work for item in by_document.items}


def test_the_lexical_leg_reads_the_renditions_in_the_target_language(
    catalogue: Elasticsearch, index_name: str
) -> None:
    result = Recommender(
        catalogue, index_name, options=Options(weights={"lexical": 1.0})
    ).recommend(History.of(["painting-0"]), languages=["ja"], size=3)
    assert set(topics_of([item.work for item in result.items[:2]])) == {"painting"}
    assert all(list(item.legs) == ["lexical"] for item in result.items)
    assert [reason.item for reason in result.items[0].reasons] == ["painting-0"]


def test_a_lexical_leg_that_cannot_be_is_said(catalogue: Elasticsearch, index_name: str) -> None:
    result = Recommender(catalogue, index_name).recommend(
        History.of(["chess-3"]), languages=["ja", "en"]
    )
    assert result.notes == ("no lexical leg for ja, en: the history has no text in them",)


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


def test_of_many_persons_nobody_gets_what_they_have_seen(
    catalogue: Elasticsearch, index_name: str
) -> None:
    draw = np.random.default_rng(7)
    works = sorted({body["xlrec"]["work"] for body in documents().values()})  # type: ignore[index]
    histories = [
        History(
            tuple(
                Interaction(item, weight=float(weight))
                for item, weight in zip(
                    draw.choice(works, count, replace=False),
                    draw.choice([-3, 1, 5], count),
                    strict=True,
                )
            )
        )
        for count in draw.integers(1, 9, 30)
    ]
    recommender = Recommender(
        catalogue, index_name, options=Options(weights=dict.fromkeys(LEGS, 1.0))
    )
    found = recommender.recommend_many(histories, languages=LANGUAGES, size=12)
    for history, result in zip(histories, found, strict=True):
        assert isinstance(result, Recommendations)
        shown = [item.work for item in result.items]
        assert not set(shown) & set(history.items)
        assert len(set(shown)) == len(shown) == 12
        assert {share.language: share.filled for share in result.languages} == dict.fromkeys(
            LANGUAGES, 4
        )
        assert result.degraded == ()


def test_weights_pull_towards_what_weighs_more(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    history = History((Interaction("chess-3", weight=1.0), Interaction("cooking-3", weight=50.0)))
    result = recommender.recommend(history, languages=["ja"], size=3)
    assert topics_of([item.work for item in result.items]) == ["cooking"] * 3


def test_unknown_ids_are_skipped_and_named(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    result = recommender.recommend(History.of(["chess-3", "nobody knows me"]))
    assert result.unknown_items == ("nobody knows me",)
    assert result.items
    with pytest.raises(UnknownItems, match="'nobody knows me'") as caught:
        recommender.recommend(History.of(["nobody knows me"]))
    assert caught.value.items == ("nobody knows me",)


@pytest.mark.parametrize("odd", ODD_IDS)
def test_odd_ids_are_found_and_never_misread(
    catalogue: Elasticsearch, index_name: str, odd: str
) -> None:
    result = Recommender(catalogue, index_name).recommend(History.of([odd]), languages=["de"])
    assert result.unknown_items == ()
    assert odd not in {item.work for item in result.items}
    assert [reason.item for reason in result.items[0].reasons] == [odd]


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


def test_every_printed_body_runs_as_printed(catalogue: Elasticsearch, index_name: str) -> None:
    plan = Recommender(catalogue, index_name, options=EVERYTHING).plan(
        History.of(["chess-0", 'quo"te'])
    )
    assert {request.leg for request in plan.requests} == set(LEGS)
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


def test_a_document_that_somebody_else_wrote_is_named(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    body = document("chess", 5, "ja")
    assert "id" not in body["xlrec"]  # type: ignore[operator]
    es.index(index=index_name, id="foreign", document=body, refresh=True)
    with pytest.raises(SearchFailed, match=f"{index_name}.* has a document without xlrec.id"):
        Recommender(es, index_name).recommend(History.of(["chess-0"]), languages=["ja"])


def test_source_fields_come_back(catalogue: Elasticsearch, index_name: str) -> None:
    options = Options(search=SearchOptions(source=("brand",)))
    result = Recommender(catalogue, index_name, options=options).recommend(
        History.of(["chess-3"]), languages=["ja"], size=1
    )
    assert set(result.items[0].source) == {"brand", "title"}


def chess(**options: object) -> Options:
    return Options(search=SearchOptions(**options), mix="auto")  # type: ignore[arg-type]


def test_filters_hold_in_every_leg(catalogue: Elasticsearch, index_name: str) -> None:
    for leg in LEGS:
        options = Options(
            weights={leg: 1.0},
            search=SearchOptions(filters=({"range": {"price": {"gte": 7}}},), source=("price",)),
        )
        result = Recommender(catalogue, index_name, options=options).recommend(
            History.of(["chess-0"]), languages=LANGUAGES
        )
        assert result.items or leg == "lexical"
        assert all(item.source["price"] >= 7 for item in result.items)


def test_a_boost_reorders_and_keeps_scores_of_legs(
    catalogue: Elasticsearch, index_name: str
) -> None:
    boost = Boost({"term": {"brand": "brand1"}}, 10_000.0)
    result = Recommender(
        catalogue, index_name, options=chess(boosts=(boost,), source=("brand",))
    ).recommend(History.of(["chess-3"]), languages=["ja"], size=4)
    assert [item.source["brand"] for item in result.items] == ["brand1"] * 4
    assert all(-1 <= item.legs["dense"].score <= 1 for item in result.items if "dense" in item.legs)


def test_the_lexical_leg_does_not_draw_seats_to_the_historys_language(
    catalogue: Elasticsearch, index_name: str
) -> None:
    def seats(**weights: float) -> Counter[str]:
        options = Options(weights=weights, mix="auto")
        result = Recommender(catalogue, index_name, options=options).recommend(
            History.of(["chess-3", "chess-6"]), languages=LANGUAGES, size=8
        )
        return Counter(item.language for item in result.items)

    assert seats(dense=0.5, lexical=0.5) == seats(dense=1.0)


def test_caps_and_threshold(catalogue: Elasticsearch, index_name: str) -> None:
    capped = Recommender(
        catalogue, index_name, options=chess(caps={"brand": 2}, source=("brand",))
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


def test_collaborative_leg_follows_the_indicators_and_names_who_spoke(
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


def test_somebody_unknown_gets_what_most_people_like(
    catalogue: Elasticsearch, index_name: str
) -> None:
    result = Recommender(catalogue, index_name).recommend(History(), languages=["ja"], size=3)
    assert [list(item.legs) for item in result.items] == [["popularity"]] * 3
    assert {item.work.rpartition("-")[2] for item in result.items} == {"8"}
    assert "most people like" in result.notes[0]


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
        scores = [item.legs["popularity"].score for item in result.items]
        # 60 days are six half-lives, 90 are nine.
        assert scores == pytest.approx([0.5 * 0.5**0.1, 2 / 64, 9 / 512, 0], rel=0.03)
    nowhere = SearchOptions(recent=Recency("nowhere"))
    with pytest.raises(SearchFailed, match="nowhere"):
        Recommender(catalogue, index_name, options=Options(search=nowhere)).recommend(History())


def test_a_basic_licence_does_not_fuse(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name, options=Options(server_side=True))
    with pytest.raises(UsageError, match=r"the cluster's licence is basic.*leave server_side"):
        recommender.recommend(History.of(["chess-3"]))


def test_the_parts_of_a_search_that_fuses_run(catalogue: Elasticsearch, index_name: str) -> None:
    """The node has no retriever that fuses, but those that are fused, and the rest of the body."""
    options = replace(EVERYTHING, search=replace(EVERYTHING.search, boosts=(), collapse=True))
    plan = Recommender(catalogue, index_name, options=options).plan(
        History.of(["chess-0", "cooking-1"]), languages=["ja"]
    )
    [fused] = one_search_each(plan.requests, weights=plan.weights, rank_constant=None)
    parts = fused.body["retriever"]["linear"]["retrievers"]
    assert len(parts) == len(plan.requests) == len(LEGS)
    for part, leg in zip(parts, plan.requests, strict=True):
        body = {**fused.body, "retriever": part["retriever"], "timeout": "10s"}
        found = catalogue.search(index=plan.live.name, body=body)["hits"]["hits"]
        alone = catalogue.search(index=plan.live.name, body=leg.body)["hits"]["hits"]
        assert [score_of(hit) for hit in found] == pytest.approx([score_of(hit) for hit in alone])
        assert {id_of(hit) for hit in found} == {id_of(hit) for hit in alone}


def test_dislikes_are_never_recommended_and_do_not_empty_the_result(
    catalogue: Elasticsearch, index_name: str
) -> None:
    history = History((Interaction("chess-3", "like"), Interaction("astronomy-3", "dislike")))
    result = Recommender(catalogue, index_name).recommend(history, languages=["ja"], size=20)
    assert len(result.items) == 20
    assert "astronomy-3" not in {item.work for item in result.items}
    assert topics_of([result.items[0].work]) == ["chess"]
    only = History((Interaction("chess-3", "dislike"),))
    assert Recommender(catalogue, index_name).recommend(only, languages=["ja"]).items


def test_diversity_mixes_topics(catalogue: Elasticsearch, index_name: str) -> None:
    def topics(diversity: float) -> int:
        options = Options(weights={"dense": 1.0}, diversity=diversity)
        result = Recommender(catalogue, index_name, options=options).recommend(
            History.of(["chess-3"]), languages=["ja"], size=4
        )
        return len(set(topics_of([item.work for item in result.items])))

    assert topics(0.0) == 1
    assert topics(0.9) > 1


def test_rrf_is_offered(catalogue: Elasticsearch, index_name: str) -> None:
    options = Options(fusion="rrf", weights={"dense": 1.0})
    result = Recommender(catalogue, index_name, options=options).recommend(
        History.of(["chess-3"]), languages=["ja"], size=2
    )
    assert [item.score for item in result.items] == pytest.approx([1, 61 / 62])


def test_many_persons_get_what_each_would_get_alone(
    catalogue: Elasticsearch, index_name: str
) -> None:
    recommender = Recommender(catalogue, index_name)
    histories = [
        History.of(["chess-3"]),
        History.of(["nobody knows me"]),
        History.of(["chess-0@ja", "cooking-1"]),
        History(),
        History.of([f"astronomy-{n}" for n in range(10)]),
    ]
    alone = [
        None if number == 1 else recommender.recommend(history, size=5)
        for number, history in enumerate(histories)
    ]
    for batch, concurrency in ((3, 1), (2, 2), (1, 4)):
        together = list(
            recommender.recommend_many(histories, size=5, batch=batch, concurrency=concurrency)
        )
        assert isinstance(together[1], UnknownItems)
        assert [r if isinstance(r, Recommendations) else None for r in together] == alone
    with pytest.raises(UsageError, match="concurrency is 0"):
        next(recommender.recommend_many(histories, concurrency=0))


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


class OneTopicEncoder:
    """Encodes every text as a topic's vector; claims what the catalogue's fingerprint says."""

    model, revision, dims, pooling, prefix, max_tokens = "test catalogue", "1", DIMS, "none", "", 9

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([work_vector(text, 0) for text in texts])


def test_free_text_is_encoded_and_named_as_reason(
    catalogue: Elasticsearch, index_name: str
) -> None:
    history = History(texts=("cooking",))
    recommender = Recommender(catalogue, index_name, encoder=OneTopicEncoder())
    result = recommender.recommend(history, languages=["ja", "en"], size=4)
    assert topics_of([item.work for item in result.items]) == ["cooking"] * 4
    assert result.items[0].reasons[0].item == "cooking"
    with pytest.raises(UsageError, match="need the encoder"):
        Recommender(catalogue, index_name).recommend(history)
    other = OneTopicEncoder()
    other.revision = "2"
    with pytest.raises(FingerprintMismatch, match="revision is '2' here"):
        Recommender(catalogue, index_name, encoder=other).recommend(history)


def test_a_swapped_alias_is_noticed(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    history = History.of(["chess-3"])
    assert recommender.recommend(history).index == f"{index_name}-xlrec-v1"
    write_catalogue(catalogue, f"{index_name}-second")
    second = f"{index_name}-second-xlrec-v1"
    catalogue.indices.update_aliases(
        actions=[
            {"remove": {"index": f"{index_name}-xlrec-v1", "alias": index_name}},
            {"add": {"index": second, "alias": index_name}},
        ]
    )
    assert recommender.recommend(history).index == second
    # The version that a recommender remembers is pruned, and this person has no history to tell.
    catalogue.indices.delete(index=f"{index_name}-xlrec-v1")
    stale = Recommender(catalogue, index_name)
    stale.recommend(history)
    write_catalogue(catalogue, f"{index_name}-third")
    catalogue.indices.update_aliases(
        actions=[
            {"remove_index": {"index": second}},
            {"add": {"index": f"{index_name}-third-xlrec-v1", "alias": index_name}},
        ]
    )
    assert stale.recommend(History()).index == f"{index_name}-third-xlrec-v1"


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
    assert [request.leg for request in plan.requests] == ["dense", "collaborative"]
    searches[1]["query"]["bool"]["must"][0]["knn"]["query_vector"] = [1.0]  # type: ignore[index]
    answers = catalogue.msearch(searches=searches)["responses"]
    result = finish(rank(plan, answers, Options()), plan, Options(), size=5)
    assert [list(item.legs) for item in result.items] == [["collaborative"]] * 5
    [sentence] = result.degraded
    assert sentence.startswith("the dense search for ja failed: ")
    assert "dimension" in sentence


class WithoutDetails(Recommender):
    """Loses the last of the three requests."""

    def _send(self, call: Call, deadline: float) -> Outcome:
        if call.method == SEARCH and "ids" in call.arguments["body"]["query"]:
            return ClusterUnreachable("too late")
        return super()._send(call, deadline)


def test_without_the_last_request_there_is_an_answer(
    catalogue: Elasticsearch, index_name: str
) -> None:
    history = History.of(["chess-3", "chess-6"])
    whole = Recommender(catalogue, index_name).recommend(history)
    found = WithoutDetails(catalogue, index_name).recommend(history)
    assert [item.id for item in found.items] == [item.id for item in whole.items]
    assert [item.score for item in found.items] == [item.score for item in whole.items]
    assert {item.title for item in found.items} == {None}
    assert [reason.share for reason in found.items[0].reasons] == pytest.approx([0.5, 0.5])
    [sentence] = found.degraded
    assert sentence.endswith("too late")


def test_what_is_not_an_index_of_ours_is_named(es_each: Elasticsearch, index_name: str) -> None:
    with pytest.raises(IndexNotFound, match="xlrec-ingest run"):
        Recommender(es_each, index_name).recommend(History.of(["a"]))
    es_each.indices.create(index=index_name)
    with pytest.raises(NotAnXlrecIndex, match="not made by xlrec-es"):
        Recommender(es_each, index_name).recommend(History.of(["a"]))
    es_each.indices.put_mapping(index=index_name, meta={"xlrec": {"schema": "other"}})
    with pytest.raises(NotAnXlrecIndex, match="another version"):
        find_live(es_each, index_name)


def test_meta_is_read_back_and_another_encoder_refused(
    catalogue: Elasticsearch, index_name: str
) -> None:
    live = find_live(catalogue, index_name)
    assert live.name == f"{index_name}-xlrec-v1"
    assert live.meta.fingerprint == FINGERPRINT
    assert live.meta.languages == LANGUAGES
    other = Fingerprint.from_meta({**FINGERPRINT.to_meta(), "model": "another"})
    with pytest.raises(FingerprintMismatch, match="'another' here and 'test catalogue' there"):
        check_fingerprint(live, other)
    assert update_meta(catalogue, live, live.meta) == live


def test_a_probe_tells_version_licence_and_analyzers(es_each: Elasticsearch) -> None:
    found = probe(es_each)
    assert found.version >= (8, 19, 0)
    assert found.license == "basic"
    assert "x-pack-core" in found.modules


def test_an_unreachable_cluster_is_one_sentence() -> None:
    client = connect(Connection("http://127.0.0.1:9", timeout_s=1), max_retries=0)
    with pytest.raises(ClusterUnreachable, match="xlrec-es node start"), friendly_errors(client):
        client.indices.get(index="a")
    client.close()
