"""Fusion by Elasticsearch: what is asked, and what is made of an answer written as it writes it.

No server at hand has the retrievers; tests/integration/xlrec_es/recommend/test_recommender.py runs
their parts.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from catalogue import FINGERPRINT
from xlrec_es.cli.query_forms import render
from xlrec_es.errors import UsageError
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Boost, Options, SearchOptions
from xlrec_es.recommend.plan import Known, Plan, make_plan
from xlrec_es.recommend.profile import HistoryDocument
from xlrec_es.recommend.queries import SearchRequest
from xlrec_es.recommend.ranking import rank
from xlrec_es.recommend.results import finish
from xlrec_es.recommend.retrievers import (
    FUSED,
    MODULE,
    check_server,
    highest_score,
    one_search_each,
)
from xlrec_es.vectors.calibration import Calibration

LIVE = LiveIndex(
    "apps-xlrec-v1",
    IndexMeta(FINGERPRINT, Calibration.none(), dict.fromkeys(("de", "en", "ja"), "standard")),
)
WEIGHTS = {"dense": 0.6, "lexical": 0.2}


def plan(**changes: Any) -> Plan:  # noqa: ANN401
    """Somebody who likes a work that has a text in English and none in Japanese."""
    liked = HistoryDocument("gimp", "gimp", "en", "GIMP", np.asarray([1, 0, 0], np.float32))
    options = Options(weights=WEIGHTS, server_side=True, **changes)
    history, known = History.of(["gimp"]), Known([liked], {"gimp": 1.0})
    return make_plan(LIVE, history, known, languages=["en", "ja"], options=options)


def answer(*scores: float, language: str) -> dict[str, Any]:
    hits = [
        {
            "_score": score,
            "fields": {key: [f"{language}{n}"] for key in ("xlrec.id", "xlrec.work")},
        }
        for n, score in enumerate(scores)
    ]
    return {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": hits}}


def test_a_language_with_one_leg_is_searched_as_ever() -> None:
    assert [(request.language, request.leg) for request in plan().requests] == [
        ("en", FUSED),
        ("ja", "dense"),
    ]


def test_printed_searches_are_those_that_are_sent() -> None:
    asked = plan()
    printed = json.loads(render(asked.requests, index="apps", url="http://es", form="json"))
    assert [(r["leg"], r["body"]) for r in printed] == [(r.leg, r.body) for r in asked.requests]
    short = render(asked.requests, index="apps", url="http://es", shorten=True)
    assert short.count('"query_vector": [1.0, 0.0, 0.0, "..."]') == 2


@pytest.mark.parametrize(
    ("fusion", "scores"), [("weighted", (0.8, 0.4)), ("rrf", (0.8 / 61, 0.4 / 61))]
)
def test_what_elasticsearch_fused_is_recommended(fusion: str, scores: tuple[float, float]) -> None:
    options = Options(weights=WEIGHTS, server_side=True, fusion=fusion)
    asked = plan(fusion=fusion)
    answers = [answer(*scores, language="en"), answer(0.9, 0.7, language="ja")]
    result = finish(rank(asked, answers, options), asked, options, size=4)
    found = {item.id: item for item in result.items}
    assert [item.language for item in result.items].count("ja") == 2
    assert (found["en0"].score, found["en1"].score) == pytest.approx((1, 0.5))
    assert found["ja0"].score == 1, "the first of its language, too"
    said = found["en0"].legs[FUSED]
    assert (said.rank, said.score, said.share) == (1, pytest.approx(1), 1)
    assert [(reason.item, reason.share) for reason in found["en0"].reasons] == [("gimp", 1)]
    assert found["ja0"].legs["dense"].score == pytest.approx(0.8)


def test_equal_ranks_are_fused_without_weights() -> None:
    legs = [SearchRequest("en", leg, {"query": {}, "size": 9}) for leg in ("dense", "lexical")]
    [alike] = one_search_each(legs, weights={"dense": 0.5, "lexical": 0.5}, rank_constant=60)
    rrf = alike.body["retriever"]["rrf"]
    assert rrf["retrievers"] == [{"standard": {"query": {}}}] * 2
    assert (rrf["rank_constant"], rrf["rank_window_size"]) == (60, 9)
    assert highest_score(alike.body) == pytest.approx(2 / 61)


@pytest.mark.parametrize(
    ("has", "sentence"),
    [
        (("basic", (9, 5, 0), {MODULE}), "licence is basic"),
        (("platinum", (9, 5, 0), {MODULE}), "licence is platinum"),
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


def test_options_that_need_more_than_a_list_are_refused() -> None:
    boosts = SearchOptions(boosts=(Boost({"match_all": {}}, 2.0),))
    for wrong in ({"mix": "auto"}, {"search": boosts}):
        with pytest.raises(UsageError, match="server_side"):
            Options(server_side=True, **wrong)  # type: ignore[arg-type]
