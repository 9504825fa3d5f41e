"""Options of a recommendation that make no sense."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.evaluate.dataset import EvaluationJob
from xlrec_es.recommend.options import Boost, Options, Recency, SearchOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"candidates": 0},
        {"candidates": 300, "num_candidates": 200},
        {"num_candidates": 10_001},
        {"min_similarity": 1.5},
        {"caps": {"brand": 0}},
        {"query_terms": 0},
        {"query_terms": 1_001},
    ],
)
def test_options_that_elasticsearch_would_refuse_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"use|cosine"):
        SearchOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf")])
def test_boosts_are_above_zero(factor: float) -> None:
    with pytest.raises(UsageError, match="above zero"):
        Boost({"match_all": {}}, factor)


@pytest.mark.parametrize("half_life", ["", "0d", "-1d", "d", "1.5d", "1M", "7 d", "7d || 1"])
def test_a_half_life_is_a_time(half_life: str) -> None:
    with pytest.raises(UsageError, match="such as 30d"):
        Recency("published", half_life)


def test_options_that_need_more_than_a_list_are_refused() -> None:
    boosts = SearchOptions(boosts=(Boost({"match_all": {}}, 2.0),))
    for wrong in ({"mix": "auto"}, {"search": boosts}):
        with pytest.raises(UsageError, match="server_side"):
            Options(server_side=True, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_interests": 0}, "max_interests"),
        ({"mix": "fair"}, "equal, auto"),
        ({"weights": {"dens": 1}}, "dens"),
        ({"weights": {"dense": -1}}, "at least 0"),
        ({"weights": {"dense": float("nan")}}, "finite"),
        ({"weights": {"dense": 0}}, "all weights are 0"),
        ({"mix": {"ja": 0}}, "above zero"),
        ({"push": 2}, "push"),
        ({"diversity": -0.1}, "diversity"),
        ({"fusion": "sum"}, "cascade, weighted, rrf"),
        ({"fusion": "cascade", "server_side": True}, "cannot be cascade"),
        ({"fusion": "cascade", "weights": {"dense": 1}}, "begins with the collaborative"),
        ({"rank_constant": 0}, "rank_constant"),
    ],
)
def test_options_that_make_no_sense_are_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Options(**wrong)  # type: ignore[arg-type]


def test_languages_share_by_score_unless_elasticsearch_fuses() -> None:
    assert Options().division == "auto"
    assert dataclasses.replace(Options(), server_side=True).division == "equal"
    assert Options(mix="equal").division == "equal"
    assert Options(mix={"JA": 2}).division == {"ja": 2}


def test_an_evaluation_measures_what_is_served_by_default() -> None:
    assert EvaluationJob(Path("likes.tsv"), "shop").options().division == Options().division
