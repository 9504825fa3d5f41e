"""What `openapi.json` says of answers is what the library's objects hold."""

from __future__ import annotations

from dataclasses import fields

import pytest
from pydantic import BaseModel

from xlrec_es.recommend import recommendations
from xlrec_es.relations.buy_again import Again, AgainItem
from xlrec_es.relations.trending import Trend, TrendingItem
from xlrec_es.service.api import answers


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (recommendations.Recommendations, answers.RecommendationsGiven),
        (recommendations.Recommendation, answers.ItemGiven),
        (recommendations.RetrieverScore, answers.RetrieverGiven),
        (recommendations.Reason, answers.ReasonGiven),
        (recommendations.LanguageShare, answers.LanguageGiven),
        (recommendations.PlacementUsed, answers.PlacementUsedGiven),
    ],
)
def test_no_field_is_untold(given: type, told: type[BaseModel]) -> None:
    # What a placement counts from events says more of each item, and what it recommends does not.
    more = {"trend", "again"} if told is answers.ItemGiven else set()
    assert {field.name for field in fields(given)} | more == told.model_fields.keys()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (TrendingItem, answers.TrendingItemGiven),
        (Trend, answers.TrendGiven),
        (AgainItem, answers.AgainItemGiven),
        (Again, answers.AgainGiven),
    ],
)
def test_what_is_counted_is_told(given: type, told: type[BaseModel]) -> None:
    assert {field.name for field in fields(given)} <= told.model_fields.keys()
