"""Options by their names, over others; requests say them in the same way (`api/test_asking.py`)."""

from __future__ import annotations

from dataclasses import fields

import pytest

from xlrec_es.placements.given_options import KINDS, faults_of, overlaid, valid
from xlrec_es.recommend.options import Boost, Options, Recency, SearchOptions
from xlrec_es.service.api.questions import OptionsAsked

TERM = {"term": {"brand": "acme"}}
EVERY = {
    "weights": {"dense": 1.0},
    "fusion": "weighted",
    "mix": "equal",
    "exclude": ["de"],
    "diversity": 0.5,
    "explore": 0.1,
    "explain": False,
    "push": 0.2,
    "max_interests": 4,
    "search_weights": {"lexical": 1},
    "filters": [TERM],
    "boosts": [{"query": TERM, "factor": 2}],
    "caps": {"brand": 2},
    "source": ["brand"],
    "collapse": True,
    "market": "de",
    "relation": "bought-together",
    "recent": {"field": "published"},
    "min_similarity": 0.1,
    "candidates": 200,
    "num_candidates": 300,
    "exact": True,
}


def test_what_requests_name_placements_name() -> None:
    assert OptionsAsked.model_fields.keys() == KINDS.keys() == EVERY.keys()


def test_each_option_takes_effect() -> None:
    assert list(faults_of(EVERY, "options")) == []
    others = {name: value for name, value in EVERY.items() if name != "relation"}
    found = overlaid(others, Options())
    for kind, holder in ((Options, found), (SearchOptions, found.search)):
        for field in fields(kind):
            if field.name in others:
                assert getattr(holder, field.name) != getattr(kind(), field.name), field.name
    assert found.search.boosts == (Boost(TERM, 2),)
    assert found.search.recent == Recency("published", "30d")
    assert overlaid(dict.fromkeys(EVERY), found) == found


def test_a_relation_takes_the_place_of_what_finds_items_otherwise() -> None:
    service = overlaid({"weights": {"dense": 1}, "explore": 0.1, "diversity": 0.2}, Options())
    found = overlaid({"relation": "bought-together", "filters": [TERM]}, service)
    assert found.search.relation == "bought-together"
    assert (found.weights, found.fusion) == ({"collaborative": 1.0}, "cascade")
    assert (found.explore, found.diversity, found.search.filters) == (0.0, 0.2, (TERM,))
    assert overlaid({"diversity": 0.3}, found).search.relation == "bought-together"
    for both in ({"weights": {"dense": 1}}, {"fusion": "rrf"}, {"explore": 0.1}):
        told = valid({"relation": "bought-together", **both}, Options(), "options")
        assert isinstance(told, str)
        assert "bought-together decides alone what is found" in told
        assert isinstance(valid(both, found, "options"), str)
    unknown = valid({"relation": "seen-together"}, Options(), "options")
    assert unknown == "options: relation is 'seen-together'; use one of bought-together"


@pytest.mark.parametrize("name", EVERY)
def test_a_value_of_another_kind_is_told(name: str) -> None:
    for wrong in (EVERY[name], [object()], {"a": object()}, object()):
        if wrong is not EVERY[name]:
            [fault] = faults_of({name: wrong}, "options")
            assert fault.startswith(f"{name} of options must be ")


def test_what_is_no_option_is_told() -> None:
    assert list(faults_of(["diversity"], "options")) == ["options must be an object with options"]
    [fault] = faults_of({"diversty": 0.5, "diversity": None}, "options")
    assert fault.startswith("options has no 'diversty'; there are weights, ")
    for wrong in (True, "0.5"):
        assert list(faults_of({"diversity": wrong}, "options"))


def test_options_that_cannot_be_are_told_with_their_place() -> None:
    told = valid({"diversity": 3}, Options(), "the variant 'b'")
    assert told == "the variant 'b': diversity is 3; use 0 to 1"
    assert valid({"diversity": 1}, Options(), "options") == Options(diversity=1)
    assert "'script'" in str(valid({"filters": [{"script": {}}]}, Options(), "options"))
