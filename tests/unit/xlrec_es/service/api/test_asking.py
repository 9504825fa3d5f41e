"""What a request says, as options of the library."""

from __future__ import annotations

from dataclasses import fields

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.recommend.options import Boost, Options, Recency, SearchOptions
from xlrec_es.service.api.asking import options_of
from xlrec_es.service.api.questions import OptionsAsked

MINE = {"term": {"in_stock": True}}
BASE = Options(diversity=0.2, search=SearchOptions(filters=(MINE,), caps={"brand": 2}))

NOT_ASKED = {
    *("rules", "rank_constant", "server_side", "search"),
    *("oversample", "query_terms", "query_texts", "only", "variants", "binary_vectors"),
    *("max_terms", "shared", "evidence", "passing"),
}
"""Of no use to a caller, or the recommender's own to set."""


def test_every_option_can_be_asked_for() -> None:
    known = {field.name for kind in (Options, SearchOptions) for field in fields(kind)}
    assert OptionsAsked.model_fields.keys() == known - NOT_ASKED


def test_what_is_not_said_stays() -> None:
    assert options_of(OptionsAsked(), BASE) == BASE
    assert options_of(OptionsAsked.model_validate({"diversity": None}), BASE) == BASE


def test_filters_add_up_and_all_else_is_replaced() -> None:
    asked = {
        "filters": [{"range": {"price": {"lte": 9}}}],
        "boosts": [{"query": MINE, "factor": 2.0}],
        "caps": {"shop": 1},
        "recent": {"field": "published", "half_life": "7d"},
        "exclude": ["de"],
        "diversity": 0.0,
    }
    found = options_of(OptionsAsked.model_validate(asked), BASE)
    assert found.search.filters == (MINE, {"range": {"price": {"lte": 9}}})
    assert found.search.boosts == (Boost(MINE, 2.0),)
    assert found.search.caps == {"shop": 1}
    assert found.search.recent == Recency("published", "7d")
    assert (found.exclude, found.diversity) == (("de",), 0.0)


def test_more_candidates_than_usual_are_looked_for() -> None:
    found = options_of(OptionsAsked(candidates=500), BASE)
    assert (found.search.candidates, found.search.num_candidates) == (500, 500)


def test_a_boost_is_checked_like_a_filter() -> None:
    asked = {"boosts": [{"query": {"script": {}}, "factor": 2.0}]}
    with pytest.raises(UsageError, match="'script'"):
        options_of(OptionsAsked.model_validate(asked), BASE)


def test_fuzzy_terms_of_filters_and_boosts_are_counted_together() -> None:
    fuzzy = {"bool": {"should": [{"fuzzy": {"title": "word"}}] * 60}}
    asked = {"filters": [fuzzy], "boosts": [{"query": fuzzy, "factor": 2.0}]}
    with pytest.raises(UsageError, match="120 fuzzy terms"):
        options_of(OptionsAsked.model_validate(asked), BASE)
