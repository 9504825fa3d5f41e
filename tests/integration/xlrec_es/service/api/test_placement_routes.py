"""Placements over HTTP: written, checked, tried, changed by two at once, and brought back."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from http_service import Answer, Service

HISTORY = ["chess-0@ja", "cooking-1"]
CHEAP = {"range": {"price": {"lte": 6}}}
ROW: dict[str, Any] = {
    "options": {"filters": [CHEAP], "caps": {"brand": 4}},
    "languages": ["en", "ja"],
    "size": 6,
    "exclude_items": ["chess-4"],
    "pins": [{"item": "painting-2@ja", "place": 1}],
    "buries": [{"query": {"term": {"price": 5}}}],
}
TESTED = {
    "variants": {
        "a": {"share": 0.5},
        "b": {"share": 0.5, "options": {"filters": [{"term": {"brand": "brand1"}}]}},
    }
}


@pytest.fixture(scope="module", autouse=True)
def _events_can_be_read(served: Service, es: Elasticsearch, catalog_name: str) -> None:
    """Their index is made with the first that is sent, and for a moment it cannot be searched."""
    served.post("/v1/events", {"events": [{"user": "first", "item": "chess-1"}]})
    logged(es, f"{catalog_name}-events", 1)


def put(served: Service, name: str, body: object, query: str = "", **headers: str) -> Answer:
    content = json.dumps(body).encode()
    told = {"Content-Type": "application/json", **headers}
    return served.request("PUT", f"/v1/placements/{name}{query}", content, told)


def recommended(served: Service, name: str, **asked: object) -> Any:  # noqa: ANN401 - what JSON holds
    answer = served.post("/v1/recommend", {"placement": name, **asked})
    assert answer.status == 200, answer.json
    return answer.json


def test_a_placement_makes_the_lists_that_name_it(served: Service) -> None:
    written = put(served, "home-row", ROW)
    assert (written.status, written.headers["etag"]) == (200, '"1"'), written.json
    assert written.json["placement"]["current"]["definition"] == ROW
    assert written.json["documents"].keys() == {"en", "ja"}
    found = recommended(served, "home-row", history=HISTORY)
    assert found["placement"] == {"name": "home-row", "version": 1, "variant": None}
    first, *rest = found["items"]
    assert (first["work"], first["pinned"], first["retrievers"]) == ("painting-2", True, {})
    assert len(rest) == 5
    works = {item["work"] for item in rest}
    assert not works & {"chess-4", "painting-2"}
    assert {item["language"] for item in found["items"]} <= {"en", "ja"}
    assert all(int(work.rpartition("-")[2]) <= 6 for work in works)
    # The call's own: size, pages, some of the languages.
    small = recommended(served, "home-row", history=HISTORY, size=2, languages=["ja"])
    assert [item["language"] for item in small["items"]] == ["ja", "ja"]
    after = recommended(served, "home-row", history=HISTORY, after=found["cursor"])
    assert not {item["work"] for item in after["items"]} & {"painting-2", *works}
    # The same for all users of a batch, and in the searches that are shown.
    users = [{"history": HISTORY}, {"history": ["nobody"]}, {}]
    batch = served.post("/v1/recommend/batch", {"placement": "home-row", "users": users}).json
    assert batch["users"][0]["recommendations"] == found
    assert batch["users"][1]["problem"]["status"] == 404
    assert batch["users"][2]["recommendations"]["placement"] == found["placement"]
    shown = served.post("/v1/query", {"placement": "home-row", "history": HISTORY}).json
    assert all(CHEAP in one["body"]["query"]["bool"]["filter"] for one in shown["requests"][-1:])


def test_what_a_call_may_not_change_is_told(served: Service) -> None:
    put(served, "narrow", {"languages": ["ja"]})
    for asked, status, told in (
        ({"placement": "narrow", "options": {"diversity": 1}}, 400, "brings its own options"),
        ({"placement": "narrow", "languages": ["de"]}, 400, "has the languages ja, and not de"),
        ({"placement": "no-such"}, 404, "has no placement 'no-such'"),
        ({"placement": "No Such"}, 422, "placement: "),
    ):
        answer = served.post("/v1/recommend", asked)
        assert (answer.status, told in answer.json["detail"]) == (status, True), answer.json


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_written(served: Service) -> None:
    wrong = {
        "options": {
            "filters": [{"term": {"brnad": "brand1"}}],
            "caps": {"title": 2},
            "recent": {"field": "price"},
        },
        "languages": ["ja", "fr"],
        "exclude_items": ["nobody"],
        "pins": [{"item": "gone", "place": 1}],
    }
    answer = put(served, "wrong", wrong)
    assert answer.status == 400
    faults = answer.json["faults"]
    assert "a filter asks the field 'brnad', which is not there; did you mean brand?" in faults
    assert any("'title' is text, whose values cannot be counted" in fault for fault in faults)
    assert any("'price' is" in fault and "name a date field" in fault for fault in faults)
    assert any("has no documents in fr; it has de, en, ja" in fault for fault in faults)
    assert any("has no item 'nobody', which is excluded" in fault for fault in faults)
    assert any("has no item 'gone', which is pinned" in fault for fault in faults)
    assert served.get("/v1/placements/wrong").status == 404


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({"options": {"filters": [{"term": {"price": 99}}]}}, "leave no document in any target"),
        ({"options": {"filters": [{"range": {"price": {"lte": "x"}}}]}}, "Elasticsearch refuses"),
        ({"options": {"diversity": 0.5, "fusion": "magic"}}, "fusion is 'magic'"),
        ({"options": {"filters": [{"script": {}}]}}, "'script' are not taken"),
        (
            {"languages": ["ja"], "pins": [{"item": "chess-3", "place": 1}]},
            "no document in a target",
        ),
        ({"options": {"market": "mars"}}, "mars"),
        ({"variants": {"a": {"share": 0.7}, "b": {"share": 0.7}}}, "add up to 1.4"),
        (
            {"variants": {"a": {"share": 1, "options": {"fusion": "x"}}, "b": {"share": 0}}},
            "the variant 'a': fusion is 'x'",
        ),
    ],
)
def test_a_guard_rail_refuses(served: Service, definition: dict[str, Any], told: str) -> None:
    answer = put(served, "refused", definition, "?dry_run=true")
    assert answer.status == 400, answer.json
    assert any(told in fault for fault in answer.json["faults"]), answer.json["faults"]


def test_what_may_not_be_meant_is_a_warning(served: Service) -> None:
    definition = {
        "options": {"filters": [{"terms": {"price": [3, 6]}}]},  # German and English ones alone
        "languages": ["de", "ja"],
        "pins": [{"item": "chess-5", "place": 1}],
    }
    answer = put(served, "warned", definition, "?dry_run=true")
    assert answer.status == 200, answer.json
    assert answer.json["documents"]["ja"] == 0
    assert any("leave no document in ja" in one for one in answer.json["warnings"])
    assert any("fewer than the 10 of a list" in one for one in answer.json["warnings"])
    assert any("leave out the pin 'chess-5'" in one for one in answer.json["warnings"])
    assert answer.json["placement"] is None
    assert served.get("/v1/placements/warned").status == 404


def test_versions_are_kept_and_brought_back(served: Service) -> None:
    for size in (1, 2, 3):
        assert put(served, "sized", {"size": size}).status == 200
    assert len(recommended(served, "sized")["items"]) == 3
    back = served.post("/v1/placements/sized/rollback", {})
    assert back.json["placement"]["current"]["restores"] == 2
    assert len(recommended(served, "sized")["items"]) == 2
    served.post("/v1/placements/sized/rollback", {"to": 1})
    assert len(recommended(served, "sized")["items"]) == 1
    found = served.get("/v1/placements/sized")
    assert found.headers["etag"] == '"5"'
    assert [one["number"] for one in found.json["versions"]] == [1, 2, 3, 4, 5]
    assert served.post("/v1/placements/sized/rollback", {"to": 9}).status == 404
    # A deletion can be undone, too.
    assert served.request("DELETE", "/v1/placements/sized").status == 200
    assert served.post("/v1/recommend", {"placement": "sized"}).status == 404
    assert served.get("/v1/placements/sized").status == 404
    names = [one["name"] for one in served.get("/v1/placements").json["placements"]]
    assert "sized" not in names
    assert served.request("DELETE", "/v1/placements/sized").status == 404
    served.post("/v1/placements/sized/rollback", {})
    assert len(recommended(served, "sized")["items"]) == 1


def test_a_version_that_no_longer_fits_is_refused(
    served: Service, es: Elasticsearch, catalog_name: str
) -> None:
    passing = es.get(index=catalog_name, id="chess-5")["_source"]
    passing["xlrec"] |= {"work": "passing", "id": "passing"}
    es.index(index=catalog_name, id="passing", document=passing, refresh=True)
    assert put(served, "fitted", {"exclude_items": ["passing"]}).status == 200
    put(served, "fitted", {"size": 2})
    es.delete(index=catalog_name, id="passing", refresh=True)
    refused = served.post("/v1/placements/fitted/rollback", {})
    assert (refused.status, len(refused.json["faults"])) == (400, 2)
    assert "has no item 'passing', which is excluded" in refused.json["faults"][0]
    assert len(recommended(served, "fitted")["items"]) == 2
    forced = served.post("/v1/placements/fitted/rollback", {"force": True})
    assert forced.json["placement"]["current"]["restores"] == 1
    assert forced.json["warnings"] == refused.json["faults"][:1]


def test_of_two_writers_one_is_told(served: Service) -> None:
    read = put(served, "shared", {"size": 1}).headers["etag"]
    mine = put(served, "shared", {"size": 2}, **{"If-Match": read})
    theirs = put(served, "shared", {"size": 3}, **{"If-Match": read})
    assert (mine.status, theirs.status) == (200, 409)
    assert (theirs.json["version"], "changed meanwhile" in theirs.json["detail"]) == (2, True)
    assert served.get("/v1/placements/shared").json["current"]["definition"] == {"size": 2}
    assert put(served, "shared", {}, **{"If-Match": "rubbish"}).status == 400
    assert (
        served.request("DELETE", "/v1/placements/shared", headers={"If-Match": read}).status == 409
    )


def test_of_many_writers_at_once_none_is_lost_unsaid(served: Service) -> None:
    put(served, "raced", {"size": 1})
    statuses: list[int] = []

    def write(number: int) -> None:
        statuses.append(put(served, "raced", {"size": number}).status)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2, 10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    counts = Counter(statuses)
    assert counts.keys() <= {200, 409}
    assert served.get("/v1/placements/raced").headers["etag"] == f'"{counts[200] + 1}"'


def test_a_variant_is_sticky_and_logged(
    served: Service, es: Elasticsearch, catalog_name: str
) -> None:
    put(served, "tested", TESTED)
    seen = {}
    for number in range(30):
        user = f"user-{number}"
        found = recommended(served, "tested", user=user, history=HISTORY, size=3)
        seen[user] = found["placement"]["variant"]
        brands = {item["id"] for item in found["items"]}
        assert brands
        told = {key: found[key] for key in ("items", "index", "placement")}
        assert served.post("/v1/impressions", {"user": user, **told}).status == 202
    assert set(seen.values()) == {"a", "b"}
    users = [{"user": user, "history": HISTORY} for user in seen]
    batch = served.post("/v1/recommend/batch", {"placement": "tested", "users": users}).json
    again = [one["recommendations"]["placement"]["variant"] for one in batch["users"]]
    assert again == [*seen.values()]
    from_log = logged(es, f"{catalog_name}-shown", 90)
    assert {(row["user"], row["variant"]) for row in from_log} == {*seen.items()}
    assert {(row["placement"], row["placement_version"]) for row in from_log} == {("tested", 1)}
    unknown = recommended(served, "tested", history=HISTORY)
    assert unknown["placement"]["variant"] is None
    assert "no user was named" in unknown["notes"][0]


def logged(es: Elasticsearch, index: str, count: int) -> list[dict[str, Any]]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if es.indices.exists(index=index):
            es.cluster.health(index=index, wait_for_status="yellow", timeout="20s")
            es.indices.refresh(index=index)
            hits = es.search(index=index, size=1000)["hits"]["hits"]
            if len(hits) == count:
                return [hit["_source"] for hit in hits]
        time.sleep(0.1)
    raise AssertionError(f"{index} does not get {count} rows")


def test_a_preview_shows_users_before_and_after(served: Service) -> None:
    put(served, "tried", {"size": 4})
    users = [{"history": HISTORY}, {"user": "ann", "history": ["painting-1"]}, {"history": ["?"]}]
    change = {"size": 4, "pins": [{"item": "astronomy-5", "place": 1}]}
    asked = {"placement": change, "users": users, "languages": ["en", "ja"]}
    found = served.post("/v1/placements/tried/preview", asked).json["users"]
    assert [one["user"] for one in found] == ["user 1", "ann", "user 3"]
    for one in found[:2]:
        assert (one["added"], one["moved"], len(one["before"])) == (1, 0, 4)
        assert (one["after"][0]["id"], one["after"][0]["pinned"]) == ("astronomy-5", True)
        assert one["after"][1:] == one["before"][:3]
    assert "'?'" in found[2]["problem"]
    assert served.get("/v1/placements/tried").headers["etag"] == '"1"'
    put(served, "tried", change)
    last = served.post("/v1/placements/tried/preview", {"users": users[:1]}).json["users"]
    assert (len(last[0]["before"]), last[0]["after"][0]["id"]) == (4, "astronomy-5")
    assert served.post("/v1/placements/nothing/preview", {}).status == 404


def test_a_preview_draws_users_from_the_events(
    served: Service, es: Elasticsearch, catalog_name: str
) -> None:
    put(served, "drawn", {"size": 2})
    [only] = served.post("/v1/placements/drawn/preview", {}).json["users"]
    assert only["user"] == "first"
    events = [{"user": f"drawn-{n}", "item": f"chess-{n % 9}"} for n in range(40)]
    served.post("/v1/events", {"events": events})
    logged(es, f"{catalog_name}-events", 41)
    found = served.post("/v1/placements/drawn/preview", {}).json["users"]
    assert len({one["user"] for one in found}) == 10
    assert all(len(one["after"]) == 2 for one in found)
