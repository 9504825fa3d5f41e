"""The service answers as the library does."""

from __future__ import annotations

import dataclasses
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from http_service import Service
from xlrec_es import History, Interaction, Options, Recommender, SearchOptions
from xlrec_es.recommend.options import Boost
from xlrec_es.recommend.recommendations import Recommendations

HISTORY = ["chess-0@ja", "cooking-1"]


def as_json(found: Recommendations) -> Any:  # noqa: ANN401 - what JSON holds
    return json.loads(json.dumps(dataclasses.asdict(found)))


@pytest.fixture
def recommender(es: Elasticsearch, served: Service, catalog_name: str) -> Recommender:
    return Recommender(es, catalog_name)


def test_every_endpoint_answers_as_the_library(
    served: Service, recommender: Recommender, es: Elasticsearch, catalog_name: str
) -> None:
    history = History.of(HISTORY)
    found = served.post("/v1/recommend", {"history": HISTORY, "size": 5})
    assert (found.status, found.headers["content-type"]) == (200, "application/json")
    assert found.json == as_json(recommender.recommend(history, size=5))
    assert found.json["items"]
    next_page = served.post(
        "/v1/recommend", {"history": HISTORY, "size": 5, "after": found.json["cursor"]}
    )
    expected = recommender.recommend(history, size=5, after=found.json["cursor"])
    assert next_page.json == as_json(expected)
    shown = [item["work"] for item in found.json["items"]]
    assert served.post(
        "/v1/recommend", {"history": HISTORY, "size": 5, "shown": shown}
    ).json == as_json(recommender.recommend(history, size=5, shown=shown))
    assert served.post("/v1/similar", {"item": "chess-3", "measure": "cosine"}).json == as_json(
        recommender.similar("chess-3", measure="cosine")
    )
    ids = ["painting-3", "chess-5", "none"]
    assert served.post("/v1/rank", {"history": HISTORY, "ids": ids}).json == as_json(
        recommender.rank(history, ids)
    )
    assert served.post(
        "/v1/search", {"text": "chess", "history": HISTORY, "languages": ["en"]}
    ).json == as_json(recommender.search("chess", history, languages=["en"]))
    told = served.post("/v1/query", {"history": HISTORY}).json
    plan = recommender.plan(history)
    assert [one["body"] for one in told["requests"]] == [one.body for one in plan.requests]
    assert told["console"].startswith("# ")
    described = served.get("/v1/indices").json
    assert described["indices"][0]["name"] == catalog_name
    assert described["indices"][0]["languages"] == ["de", "en", "ja"]


def test_a_batch_answers_each_user(served: Service, recommender: Recommender) -> None:
    users = [{"history": HISTORY}, {"history": ["nobody knows me"]}, {"history": ["chess-3"]}, {}]
    found = served.post("/v1/recommend/batch", {"users": users, "size": 3}).json["users"]
    for place in (0, 2, 3):
        expected = recommender.recommend(History.of(users[place].get("history", ())), size=3)
        assert found[place] == {"recommendations": as_json(expected)}
    assert found[1]["problem"]["status"] == 404
    assert found[1]["problem"]["items"] == ["nobody knows me"]


def test_options_are_those_of_the_library(
    served: Service, es: Elasticsearch, catalog_name: str
) -> None:
    options = Options(
        diversity=0.3,
        exclude=("de",),
        mix={"ja": 0.5, "en": 0.5},
        search=SearchOptions(
            filters=({"range": {"price": {"lte": 6}}},),
            boosts=(Boost({"term": {"brand": "brand1"}}, 1.5),),
            caps={"brand": 3},
            source=("brand",),
            exact=True,
        ),
    )
    events = [{"item": "chess-0", "event": "purchase", "time": "2026-11-01T10:00:00Z"}, "chess-4"]
    asked = {
        "history": events,
        "languages": {"ja": 0.5, "en": 0.5},
        "options": {
            "diversity": 0.3,
            "exclude": ["de"],
            "filters": [{"range": {"price": {"lte": 6}}}],
            "boosts": [{"query": {"term": {"brand": "brand1"}}, "factor": 1.5}],
            "caps": {"brand": 3},
            "source": ["brand"],
            "exact": True,
        },
    }
    recommender = Recommender(es, catalog_name, options=options)
    first = Interaction("chess-0", "purchase", time=datetime(2026, 11, 1, 10, tzinfo=UTC))
    history = History((first, Interaction("chess-4")))
    found = served.post("/v1/recommend", asked)
    assert found.json == as_json(recommender.recommend(history, languages=["ja", "en"]))
    assert {item["source"]["brand"] for item in found.json["items"]} == {"brand0", "brand1"}


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("recommend", {"history": ["x"], "hstory": 1}, 422, "hstory: Extra inputs"),
        ("recommend", {"history": [""]}, 422, "at least 1 character"),
        ("recommend", {"history": ["chess-1"], "size": 0}, 422, "size: "),
        ("recommend", b'{"history": [NaN]}', 400, "not JSON"),
        ("recommend", b"[" * 10_000, 400, "nested more than"),
        ("recommend", b"\xff\xfe", 400, "not JSON"),
        ("recommend", b"", 422, "the body: Field required"),
        ("recommend", {"history": ["nobody"]}, 404, "nobody"),
        ("recommend", {"index": "other", "history": ["chess-1"]}, 404, "no index 'other'"),
        ("recommend", {"history": ["chess-1"], "languages": ["xx"]}, 400, "xx"),
        ("recommend", {"history": ["chess-1"], "texts": ["tea"]}, 400, "need the encoder"),
        ("recommend", {"history": ["chess-1"], "after": "rubbish"}, 400, "cursor"),
        ("recommend", {"options": {"fusion": "magic"}}, 400, "fusion is 'magic'"),
        ("recommend", {"options": {"filters": [{"script": {}}]}}, 400, "'script' are not taken"),
        ("similar", {"item": "chess-1", "measure": "magic"}, 400, "magic"),
        ("search", {"text": " "}, 400, "empty"),
        ("events", {"events": []}, 422, "events: List should have at least 1 item"),
        ("events", {"events": [{"user": "a", "item": "b", "event": "gobble"}]}, 400, "gobble"),
        ("recommend", {"history": [{"itm": "x"}]}, 422, "history.0.item: Field required"),
    ],
)
def test_what_is_wrong_is_told(
    served: Service, path: str, body: object, status: int, told: str
) -> None:
    found = served.post(f"/v1/{path}", body)
    assert (found.status, found.headers["content-type"]) == (status, "application/problem+json")
    assert found.json["status"] == status
    assert told in found.json["detail"]


def test_events_become_a_history(
    served: Service, es: Elasticsearch, recommender: Recommender, catalog_name: str
) -> None:
    events = [{"user": "ann", "item": item, "event": "like", "id": f"e{item}"} for item in HISTORY]
    unknown = served.post("/v1/recommend", {"user": "ann", "size": 3}).json
    assert unknown["notes"][0] == "no event of this user is known"
    assert unknown["items"]
    for _ in range(2):  # a caller that sends them again
        accepted = served.post("/v1/events", {"events": events})
        assert (accepted.status, accepted.json["accepted"]) == (202, 2)
    wait_until_there(es, f"{catalog_name}-events", 2)
    found = served.post("/v1/recommend", {"user": "ann", "size": 3}).json
    likes = History(tuple(Interaction(item, "like") for item in HISTORY))
    expected = as_json(recommender.recommend(likes, size=3))
    assert [item["id"] for item in found["items"]] == [item["id"] for item in expected["items"]]
    mapping = es.indices.get_mapping(index=f"{catalog_name}-events").body
    assert mapping[f"{catalog_name}-events"]["mappings"]["properties"]["user"] == {
        "type": "keyword"
    }


def test_impressions_are_what_was_shown(
    served: Service, es: Elasticsearch, catalog_name: str
) -> None:
    found = served.post("/v1/recommend", {"history": HISTORY, "size": 4}).json
    told = {"user": "bea", "variant": "b", "index": found["index"], "items": found["items"]}
    accepted = served.post("/v1/impressions", told)
    assert accepted.json["accepted"] == 4
    wait_until_there(es, f"{catalog_name}-shown", 4)
    hits = es.search(index=f"{catalog_name}-shown", size=10, sort="place")["hits"]["hits"]
    assert [hit["_source"]["item"] for hit in hits] == [item["id"] for item in found["items"]]
    assert hits[0]["_source"]["variant"] == "b"
    lately = {"history": HISTORY, "size": 4, "shown": {"user": "bea"}}
    again = served.post("/v1/recommend", lately).json
    works = {item["work"] for item in found["items"]}
    assert not works & {item["work"] for item in again["items"]}


def wait_until_there(es: Elasticsearch, index: str, count: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if es.indices.exists(index=index):
            es.indices.refresh(index=index)
            if es.count(index=index)["count"] == count:
                return
        time.sleep(0.1)
    raise AssertionError(f"{index} does not get {count} documents")


def test_a_users_history_is_read_as_far_as_it_says_something(
    served: Service, es: Elasticsearch, catalog_name: str
) -> None:
    """Another program's events, and items that are gone, leave nobody without a list."""
    index = f"{catalog_name}-events"
    events = [("cat", "chess-1", "like"), ("cat", "chess-2", "gobble"), ("dan", "gone", "like")]
    for user, item, event in events:
        document = {"user": user, "item": item, "event": event, "time": "2026-11-01T00:00:00Z"}
        es.index(index=index, document=document, refresh=True)
    found = served.post("/v1/recommend", {"user": "cat", "size": 3}).json
    assert found["notes"] == ["events that have no weight are left out: gobble"]
    assert {reason["item"] for item in found["items"] for reason in item["reasons"]} == {"chess-1"}
    found = served.post("/v1/recommend", {"user": "dan", "size": 3}).json
    assert found["notes"][0] == "no item of this user's history is in the index"
    assert len(found["items"]) == 3
    both = {"user": "dan", "history": ["chess-1"], "size": 3}
    assert served.post("/v1/recommend", both).json["unknown_items"] == ["gone"]


def test_a_body_that_does_not_say_what_it_is(served: Service) -> None:
    found = served.request("POST", "/v1/recommend", b"{}", {"Content-Type": "text/plain"})
    assert (found.status, found.json["detail"]) == (415, "send Content-Type: application/json")
