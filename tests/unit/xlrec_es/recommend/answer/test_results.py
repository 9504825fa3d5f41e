"""Which candidates are shown, how languages share the list, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plans import answer, plan_for
from xlrec_es.recommend.answer.ranking import rank
from xlrec_es.recommend.answer.results import DIVERSIFIED, choose, details, finish
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import LanguageShare


@pytest.mark.parametrize(
    ("mix", "shares"),
    [
        ("equal", [("de", 2, 3), ("ja", 2, 1)]),
        ({"de": 3.0, "ja": 1.0}, [("de", 3, 3), ("ja", 1, 1)]),
        ("auto", [("de", None, 4), ("ja", None, 0)]),
    ],
)
def test_the_answer_says_how_languages_share_it(mix: Any, shares: list[Any]) -> None:  # noqa: ANN401
    options = Options(weights={"dense": 1.0}, mix=mix)
    asked = plan_for(options, ["de", "ja"])
    ranking = rank(asked, [answer("de", *[0.9] * 6), answer("ja", 0.9)], options)
    result = finish(ranking, asked, options, size=4)
    assert result.languages == tuple(LanguageShare(*share) for share in shares)
    assert sum(share.filled for share in result.languages) == len(result.items) == 4


@pytest.mark.parametrize("mix", ["equal", "auto", {"de": 3.0, "ja": 1.0}])
def test_what_is_chosen_first_is_fetched_and_shown(mix: Any) -> None:  # noqa: ANN401
    options = Options(weights={"dense": 1.0}, mix=mix)
    asked = plan_for(options, ["de", "ja"])
    ranking = rank(asked, [answer("de", *[0.9] * 6), answer("ja", 0.9, 0.8)], options)
    chosen = replace(ranking, chosen=choose(ranking, asked, options, size=4))
    result = finish(chosen, asked, options, size=4)
    [body] = details(chosen, asked, options, size=4)
    assert body["query"]["ids"]["values"] == [item.id for item in result.items]
    assert finish(ranking, asked, options, size=4) == result


def test_for_diversity_more_is_fetched_than_is_shown() -> None:
    options = Options(weights={"dense": 1.0}, diversity=0.5)
    asked = plan_for(options, ["de"])
    ranking = rank(asked, [answer("de", *[0.9] * (2 * DIVERSIFIED))], options)
    [body] = details(ranking, asked, options, size=1)
    assert body["size"] == DIVERSIFIED
    assert "xlrec.embedding" in body["fields"]
    assert len(finish(ranking, asked, options, size=1).items) == 1
