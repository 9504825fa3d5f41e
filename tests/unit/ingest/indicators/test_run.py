"""The partial update that brings indicators to a document."""

from __future__ import annotations

import json

from ingest.indicators.catalogue import Entry, Learned
from ingest.indicators.run import update
from xlrec_es.index.fields import BOUGHT_TOGETHER

ENTRY = Entry("doc", 0, "en", "")


def test_an_update_replaces_the_indicators_that_are_there() -> None:
    """A list takes the old one's place; an object would be merged into it."""
    learned = Learned({"a.b": 0.5}, "own", 3, 0.25, {"DE": 0.5})
    action, body = map(json.loads, update(ENTRY, learned, "gen").body.splitlines())
    assert action == {"update": {"_id": "doc", "retry_on_conflict": 3}}
    assert body["doc"]["xlrec"] == {
        "indicators": [{"a.b": 0.5}],
        "indicators_from": "own",
        "evidence": 3,
        "generation": "gen",
        "popularity": 0.25,
        "market_popularity": [{"DE": 0.5}],
    }
    nothing = Learned({}, "none", 0, None)
    _, body = map(json.loads, update(ENTRY, nothing, "gen").body.splitlines())
    assert body["doc"]["xlrec"]["indicators"] == []
    assert not {"popularity", "market_popularity"} & body["doc"]["xlrec"].keys()


def test_another_relation_is_written_beside_them() -> None:
    """In one object, of which each part takes the place of the one before."""
    learned = Learned({"a.b": 0.5}, "own", 3, None)
    _, body = map(json.loads, update(ENTRY, learned, "gen", BOUGHT_TOGETHER).body.splitlines())
    written = {"weights": [{"a.b": 0.5}], "from": "own", "evidence": 3, "generation": "gen"}
    assert body["doc"] == {"xlrec": {"bought_together": written}}
