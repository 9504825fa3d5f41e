"""Fusion by Elasticsearch: what is asked, and what is made of an answer written as it writes it.

No server at hand has the retrievers; tests/integration/xlrec_es/recommend/test_retrievers.py runs
their parts.
"""

from __future__ import annotations

from typing import Any

import pytest

from plans import answer, plan_for
from xlrec_es.errors import UsageError
from xlrec_es.recommend.answer.ranking import rank
from xlrec_es.recommend.answer.results import finish
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.queries import SearchRequest
from xlrec_es.recommend.request.server_fusion import (
    FUSED,
    MODULE,
    check_server,
    highest_score,
    one_search_each,
)

WEIGHTS = {"dense": 0.6, "lexical": 0.2}


def plan(**changes: Any) -> Plan:  # noqa: ANN401
    return plan_for(Options(weights=WEIGHTS, server_side=True, **changes), ["en", "ja"])


def test_a_language_with_one_retriever_is_searched_as_ever() -> None:
    assert [(request.language, request.retriever) for request in plan().requests] == [
        ("en", FUSED),
        ("ja", "dense"),
    ]


@pytest.mark.parametrize(
    ("fusion", "scores"), [("weighted", (0.8, 0.4)), ("rrf", (0.8 / 61, 0.4 / 61))]
)
def test_what_elasticsearch_fused_is_recommended(fusion: str, scores: tuple[float, float]) -> None:
    options = Options(weights=WEIGHTS, server_side=True, fusion=fusion)
    asked = plan(fusion=fusion)
    answers = [answer("en", *scores), answer("ja", 0.9, 0.7)]
    result = finish(rank(asked, answers, options), asked, options, size=4)
    found = {item.id: item for item in result.items}
    assert [item.language for item in result.items].count("ja") == 2
    assert (found["en0"].score, found["en1"].score) == pytest.approx((1, 0.5))
    assert found["ja0"].score == 1, "the first of its language, too"
    said = found["en0"].retrievers[FUSED]
    assert (said.rank, said.score, said.share) == (1, pytest.approx(1), 1)
    assert [(reason.item, reason.share) for reason in found["en0"].reasons] == [("gimp", 1)]
    assert found["ja0"].retrievers["dense"].score == pytest.approx(0.8)


def test_equal_ranks_are_fused_without_weights() -> None:
    retrievers = [
        SearchRequest("en", retriever, {"query": {}, "size": 9})
        for retriever in ("dense", "lexical")
    ]
    [alike] = one_search_each(retrievers, weights={"dense": 0.5, "lexical": 0.5}, rank_constant=60)
    rrf = alike.body["retriever"]["rrf"]
    assert rrf["retrievers"] == [{"standard": {"query": {}}}] * 2
    assert (rrf["rank_constant"], rrf["rank_window_size"]) == (60, 9)
    assert highest_score(alike.body) == pytest.approx(2 / 61)


@pytest.mark.parametrize(
    ("has", "sentence"),
    [
        (("basic", (9, 5, 0), {MODULE}), "license is basic"),
        (("platinum", (9, 5, 0), {MODULE}), "license is platinum"),
        (("trial", (9, 5, 0), {"x-pack-core"}), f"lacks the module {MODULE}"),
        (("enterprise", (8, 19, 0), {MODULE}), "8.19.0 cannot weigh ranks"),
    ],
)
def test_a_cluster_that_cannot_fuse_is_refused(has: Any, sentence: str) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match=sentence):
        check_server(*has, weighted_ranks=True)


def test_a_cluster_that_can_fuse_is_not() -> None:
    check_server("trial", (9, 2, 0), {MODULE}, weighted_ranks=True)
    check_server("enterprise", (8, 19, 0), {MODULE}, weighted_ranks=False)
