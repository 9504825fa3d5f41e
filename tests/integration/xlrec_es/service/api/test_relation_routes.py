"""What trends, over HTTP: by market, by a placement, without what the user knows."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from event_logs import NOW, burst, event, usual_weeks, write_events
from http_service import Service, service

PLACEMENT = {"languages": ["en", "ja"], "options": {"caps": {"brand": 1}}, "size": 5}


def test_trending_over_http(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    usual = [one | {"country": ("jp", "us")[n % 2]} for n, one in enumerate(usual_weeks())]
    bursts = [one for n in (0, 1, 2) for one in burst(f"chess-{n}@ja", 50, country="jp")]
    seen = [event("chess-1@ja", 3, user="ann", country="jp")]
    write_events(es, f"{index_name}-events", [*usual, *bursts, *seen])
    config = tmp_path / "xlrec.toml"
    config.write_text(f'[history]\nindex = "{index_name}-events"\nmarket = "country"\n')
    arguments = ("-i", index_name, "--url", es_url, "--spool", str(tmp_path / "spool"))
    arguments += ("--placements-index", f"{index_name}-placements")
    with service(tmp_path, *arguments, env={"XLREC_CONFIG": str(config)}) as served:
        _lists(served)
        _placements(served)
        _shelves_by_placement(served)
        _refusals(served)
        _events_with_a_market(served, es, f"{index_name}-events")


def _lists(served: Service) -> None:
    asked = {"languages": ["de"], "options": {"market": "jp", "source": ["price"]}}
    found = served.post("/v1/trending", asked).json
    assert {item["id"] for item in found["items"]} == {"chess-0@de", "chess-1@de", "chess-2@de"}
    first = found["items"][0]
    assert first["trend"].keys() == {
        *("market", "period", "users", "expected", "times", "low", "high", "reason"),
    }
    assert first["trend"]["market"] == "jp"
    assert first["trend"]["reason"].startswith("trends in jp: ")
    assert first["source"].keys() == {"title", "price"}
    assert found["placement"] is None
    other = served.post("/v1/trending", {"options": {"market": "us"}}).json
    assert other["items"] == []
    known = served.post("/v1/trending", {**asked, "user": "ann", "history": ["chess-2"]}).json
    assert [item["id"] for item in known["items"]] == ["chess-0@de"]


def _placements(served: Service) -> None:
    content = json.dumps({**PLACEMENT, "pins": [{"item": "cooking-1", "place": 1}]}).encode()
    told = {"Content-Type": "application/json"}
    assert served.request("PUT", "/v1/placements/breaking", content, told).status == 200
    found = served.post("/v1/trending", {"placement": "breaking"}).json
    assert found["placement"] == {"name": "breaking", "version": 1, "variant": None}
    # Of two brands one item each, in the first of the languages that the placement names.
    assert {item["language"] for item in found["items"]} == {"en"}
    assert len(found["items"]) == 2
    assert any("pins and buries of a placement do not apply" in one for one in found["notes"])


def _shelves_by_placement(served: Service) -> None:
    """One way to ask for any shelf: the placement says by which relation it is made."""
    told = {"Content-Type": "application/json"}
    rows = {
        "hot": {"options": {"relation": "trending", "market": "jp"}, "languages": ["de"]},
        "tested": {
            "languages": ["de"],
            "variants": {
                "a": {"share": 0.5, "options": {"relation": "trending", "market": "jp"}},
                "b": {"share": 0.5},
            },
        },
    }
    for name, row in rows.items():
        content = json.dumps(row).encode()
        assert served.request("PUT", f"/v1/placements/{name}", content, told).status == 200
    asked = {"placement": "hot", "user": "ann"}
    found = served.post("/v1/recommend", asked).json
    assert {item["id"] for item in found["items"]} == {"chess-0@de", "chess-2@de"}  # ann knows one
    assert found["items"][0]["trend"]["market"] == "jp"
    assert found["placement"] == {"name": "hot", "version": 1, "variant": None}
    second = served.post("/v1/recommend", {**asked, "size": 1, "page": 2}).json["items"]
    assert [one["id"] for one in second] == [found["items"][1]["id"]]
    shown = served.post("/v1/recommend", {**asked, "shown": ["chess-0@de"]}).json
    assert any("keeps its place" in one for one in shown["notes"])
    assert served.post("/v1/recommend", {**asked, "after": found["cursor"] or "x1.x"}).status == 400
    assert served.post("/v1/query", asked).status == 400
    users = [{"user": f"user-{n}"} for n in range(12)] + [{"user": "ann"}]
    lists = served.post("/v1/recommend/batch", {"placement": "tested", "users": users}).json
    by_variant: dict[str, set[bool]] = {"a": set(), "b": set()}
    for one in lists["users"]:
        items = one["recommendations"]["items"]
        variant = one["recommendations"]["placement"]["variant"]
        by_variant[variant].add(all("trend" in item for item in items))
    assert by_variant == {"a": {True}, "b": {False}}
    preview = served.post("/v1/placements/hot/preview", {"users": [{"history": ["chess-1"]}]}).json
    assert len(preview["users"][0]["after"]) == 2
    wrong = json.dumps({"options": {"relation": "alike"}}).encode()
    refused = served.request("PUT", "/v1/placements/wrong", wrong, told)
    assert "one of bought-together, trending, buy-again" in refused.json["detail"]


def _refusals(served: Service) -> None:
    for wrong, status in (
        ({"period": "a week"}, 400),
        ({"past": 1}, 422),
        ({"languages": ["fr"]}, 400),
        ({"placement": "none"}, 404),
        ({"texts": ["chess"]}, 422),
    ):
        assert served.post("/v1/trending", wrong).status == status, wrong


def _events_with_a_market(served: Service, es: Elasticsearch, index: str) -> None:
    told = {"user": "eve", "item": "chess-1@ja", "market": "fr", "id": "with-a-market"}
    assert served.post("/v1/events", {"events": [told]}).status == 202
    end = time.monotonic() + 20
    while not es.exists(index=index, id="with-a-market"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert es.get(index=index, id="with-a-market")["_source"]["country"] == "fr"


def test_buy_again_over_http(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    bought = [
        event("cooking-3", 3 + 10.0 * n, user=f"user{user}", event="purchase")
        for user in range(30)
        for n in range(4)
    ]
    write_events(es, f"{index_name}-events", bought)
    arguments = ("-i", index_name, "--url", es_url, "--spool", str(tmp_path / "spool"))
    arguments += ("--events-index", f"{index_name}-events")
    arguments += ("--placements-index", f"{index_name}-placements")
    with service(tmp_path, *arguments) as served:
        asked = {"user": "user1", "languages": ["de", "ja"], "ahead_days": 9, "size": 3}
        found = served.post("/v1/buy-again", asked).json
        [item] = found["items"]
        assert item["id"] == "cooking-3"
        assert (item["again"]["times"], item["again"]["gap_days"]) == (4, 10.0)
        assert item["again"]["reason"].startswith("bought on 4 days, last 3 days ago; usually ")
        moment = (NOW - timedelta(days=8)).isoformat()
        history = [{"item": "cooking-3", "event": "purchase", "time": moment}]
        sent = served.post("/v1/buy-again", {"history": history}).json["items"]
        assert [one["again"]["times"] for one in sent] == [1]
        nobody = served.post("/v1/buy-again", {"user": "nobody"}).json
        assert (nobody["items"], nobody["notes"]) == ([], ["no event of this user is known"])
        assert served.post("/v1/buy-again", {"ahead_days": 0}).status == 422
        _by_placement(served, item)


def _by_placement(served: Service, item: dict[str, Any]) -> None:
    row = json.dumps({"options": {"relation": "buy-again"}, "languages": ["de", "ja"]}).encode()
    told = {"Content-Type": "application/json"}
    assert served.request("PUT", "/v1/placements/again", row, told).status == 200
    found = served.post("/v1/recommend", {"placement": "again", "user": "user1"}).json
    assert [(one["id"], one["again"]["times"]) for one in found["items"]] == [(item["id"], 4)]


def test_a_service_without_events_says_so(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    write_catalogue(es, index_name)
    with service(tmp_path, "-i", index_name, "--url", es_url) as served:
        for path in ("/v1/trending", "/v1/buy-again"):
            answer = served.post(path, {})
            assert answer.status == 400
            assert "--events-index" in answer.json["detail"]
