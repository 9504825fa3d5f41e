"""The relation between items that a question names: in options, in a placement, of one item."""

from __future__ import annotations

import json

import pytest
from elasticsearch import Elasticsearch

from http_service import Service
from xlrec_es.index.fields import BOUGHT_TOGETHER
from xlrec_es.index.live_index import find_live, update_meta

CART = ["chess-0@ja", "cooking-1"]
TOGETHER = {"painting-0": {"chess-0": 4.0}, "painting-3": {"chess-0": 2.0, "cooking-1": 1.0}}
"""By item what it is bought together with; taste would never bring the two topics together."""

RELATED = {"relation": "bought-together"}


@pytest.fixture(scope="module", autouse=True)
def _learned(es: Elasticsearch, catalog_name: str) -> None:
    """Before the service reads what the index says of itself."""
    live = find_live(es, catalog_name)
    for hit in es.search(index=live.name, size=1000)["hits"]["hits"]:
        if weights := TOGETHER.get(hit["_source"]["xlrec"]["work"]):
            doc = {"xlrec": {"bought_together": {"weights": [weights]}}}
            es.update(index=live.name, id=hit["_id"], doc=doc, refresh=True)
    update_meta(es, live, live.meta.with_learned(BOUGHT_TOGETHER, {"complete": True}))


def test_a_cart_gets_what_is_bought_with_it(served: Service) -> None:
    asked = {"history": CART, "languages": ["de", "en", "ja"], "options": RELATED}
    answer = served.post("/v1/recommend", asked)
    assert answer.status == 200, answer.json
    assert {item["work"] for item in answer.json["items"]} == {*TOGETHER}
    for item in answer.json["items"]:
        assert {reason["relation"] for reason in item["reasons"]} == {"bought-together"}
        assert {reason["item"] for reason in item["reasons"]} == {*TOGETHER[item["work"]]}
    [item] = served.post("/v1/recommend", {**asked, "languages": ["ja"]}).json["items"]
    assert (item["work"], item["language"]) == ("painting-0", "ja")
    # What somebody likes is another question, to the same service.
    plain = served.post("/v1/recommend", {**asked, "options": {}}).json["items"]
    assert {reason["relation"] for item in plain for reason in item["reasons"]} == {None}
    assert "painting-0" not in {item["work"] for item in plain[:3]}


def test_one_item_and_a_placement_have_it_too(served: Service) -> None:
    asked = {"item": "chess-0", "languages": ["de", "en"], "measure": "bought-together"}
    found = served.post("/v1/similar", asked).json["items"]
    assert [item["work"] for item in found][:1] == ["painting-0"]
    assert {item["work"] for item in found} == {*TOGETHER}
    definition = {"options": RELATED, "languages": ["de", "en"], "size": 4}
    written = served.request(
        "PUT",
        "/v1/placements/cart",
        json.dumps(definition).encode(),
        {"Content-Type": "application/json"},
    )
    assert written.status == 200, written.json
    placed = served.post("/v1/recommend", {"placement": "cart", "history": CART}).json
    assert {item["work"] for item in placed["items"]} == {*TOGETHER}
    assert placed["placement"]["name"] == "cart"


def test_it_decides_alone(served: Service) -> None:
    for other in ({"weights": {"dense": 1.0}}, {"fusion": "rrf"}, {"explore": 0.5}):
        asked = {"history": CART, "options": {**RELATED, **other}}
        refused = served.post("/v1/recommend", asked)
        assert refused.status == 400
        assert "bought-together decides alone" in refused.json["detail"]
    unknown = served.post("/v1/recommend", {"history": CART, "options": {"relation": "seen"}})
    assert unknown.status == 400
    assert "use one of bought-together" in unknown.json["detail"]
