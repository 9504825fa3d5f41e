"""The searches of a query."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plans import plan_for
from xlrec_es.errors import UsageError
from xlrec_es.recommend.options import SEARCH_WEIGHTS, Options, SearchOptions
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.text_queries import checked, query_plan

ENGLISH_IS_LIKED = plan_for(Options(weights={"dense": 1.0}), ["de", "ja"])


def planned(plan: Plan = ENGLISH_IS_LIKED, **changes: object) -> Plan:
    arguments = {"weights": SEARCH_WEIGHTS, **changes}
    return query_plan(plan, "tea", SearchOptions(), **arguments)  # type: ignore[arg-type]


def searches(plan: Plan) -> list[tuple[str, str]]:
    return [(request.retriever, request.language) for request in plan.requests]


def test_each_language_is_asked_by_itself() -> None:
    plan = planned()
    assert searches(plan) == [
        ("lexical", "de"),
        ("lexical", "ja"),
        ("dense", "de"),
        ("dense", "ja"),
    ]
    assert plan.weights == SEARCH_WEIGHTS
    assert plan.notes == ()


def test_a_query_language_is_asked_alone() -> None:
    plan = planned(query_language="de-CH")
    assert searches(plan) == [("lexical", "de"), ("dense", "de"), ("dense", "ja")]
    korean = planned(query_language="ko")
    assert searches(korean) == [("dense", "de"), ("dense", "ja")]
    assert korean.notes == ("no BM25 search: the query is in ko, no target language is",)


def test_a_retriever_without_weight_is_not_searched() -> None:
    assert {name for name, _ in searches(planned(weights={"lexical": 1.0}))} == {"lexical"}
    assert {name for name, _ in searches(planned(weights={"dense": 1.0}))} == {"dense"}


def test_variants_are_read_by_their_own_analyzers() -> None:
    plan = replace(ENGLISH_IS_LIKED, languages=("zh",), variants={"zh": ("zh-CN", "zh-TW")})
    body = planned(plan).requests[0].body
    [clause] = body["query"]["bool"]["must"]
    [words] = clause["bool"]["must"]
    fields = [name for query in words["dis_max"]["queries"] for name in query["match"]]
    assert fields == ["xlrec.text.zh-CN", "xlrec.text.zh-TW"]
    stands_for = replace(ENGLISH_IS_LIKED, languages=("de-AT",), variants={"de-AT": ("de",)})
    assert planned(stands_for).notes == ("there is no de-AT: de stands for it",)


@pytest.mark.parametrize("text", ["", " \t", "x" * 501])
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        checked(text)
    assert checked("x" * 500)
