"""The search for weights, on objectives whose best weights are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlrec_es.evaluate.protocol import MIXED, Case
from xlrec_es.evaluate.vectorized_fusion import COLUMNS, Fusion, RetrieverScores
from xlrec_es.evaluate.weight_search import (
    CASCADED,
    Objective,
    ProfileOptions,
    agreed,
    coordinate_search,
    cross_validate,
    mostly,
    proposal,
    rounded,
    with_share,
)

RETRIEVERS = ("dense", "lexical", "collaborative")
START = (0.3, 0.1, 0.6)
WEIGHTS = st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda w: sum(w) > 0.1)


@given(WEIGHTS, st.integers(0, 2), st.floats(0, 1))
def test_a_share_is_set_and_the_others_keep_their_proportions(
    weights: list[float], retriever: int, share: float
) -> None:
    before = rounded(weights)
    after = with_share(before, retriever, share)
    assert sum(after) == pytest.approx(1, abs=0.003)
    assert after[retriever] == pytest.approx(share, abs=0.002)
    one, other = (i for i in range(3) if i != retriever)
    assert after[one] * before[other] == pytest.approx(after[other] * before[one], abs=0.003)


@given(WEIGHTS)
def test_the_search_finds_the_top_of_a_hill(top: list[float]) -> None:
    summit = np.array(rounded(top))
    found = coordinate_search(lambda w: -float(np.sum((np.array(w) - summit) ** 2)), START)
    assert np.abs(found - summit).max() < 0.06


def test_every_retriever_alone_is_tried() -> None:
    tried = set()

    def flat(weights: tuple[float, ...]) -> float:
        tried.add(weights)
        return 0.0

    assert coordinate_search(flat, START) == START
    assert {(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)} <= tried


def test_a_retriever_that_does_not_matter_keeps_its_proportion() -> None:
    def worth(weights: tuple[float, ...]) -> float:
        dense, lexical, collaborative = weights
        return collaborative / (dense + collaborative + 1e-9) + 1e-4 * lexical

    dense, lexical, collaborative = coordinate_search(worth, START)
    assert dense < 0.1
    assert lexical / collaborative == pytest.approx(START[1] / START[2], abs=0.01)


SHARP, BLURRED = ProfileOptions(32), ProfileOptions(1)


def objective(
    n_cases: int, *, retrievers: tuple[str, ...] = RETRIEVERS
) -> tuple[Objective, list[str]]:
    """Cases in which the dense retriever puts the target first, and the lexical retriever last.

    With the blurred profile the dense retriever says nothing of half of the targets.
    """
    rng = np.random.default_rng(0)
    found = Objective(retrievers, measure="recall", k=3, mix="auto")
    users = [f"p{number}" for number in range(n_cases)]
    for number, user in enumerate(users):
        works = tuple(f"w{work}" for work in range(10))
        target = rng.integers(10)
        case = Case(user, "de", ("h",), frozenset({works[target]}))
        lexical = 11 - 10 * (np.arange(10) == target)
        for profile in (BLURRED, SHARP):
            scores = np.full((10, len(COLUMNS)), math.nan)
            blind = profile == BLURRED and number % 2
            first = (1 - 2 * blind) * 2 * (np.arange(10) == target)
            scores[:, COLUMNS.index("dense")] = rng.permutation(10) / 10 + first
            scores[:, COLUMNS.index("lexical")] = lexical
            both = RetrieverScores(works, ("ja",) * 10, scores)
            found.add(case, [both.narrowed(case.languages(MIXED, ["ja"]))], profile)
    return found, users


def test_what_misleads_loses_its_weight_and_what_blurs_is_replaced() -> None:
    worth, users = objective(40)
    misled = (BLURRED, rounded([0.1, 0.9, 0.0]))
    assert worth(misled).mean() < 0.5
    folds, unseen = cross_validate(worth, users, misled, seed=0)
    assert len(folds) == 5
    assert unseen.mean() == 1
    assert all(dense > lexical for _, (dense, lexical, _) in folds)
    assert agreed(folds)[0] == SHARP


def test_one_retriever_is_proposed_where_a_mixture_is_no_better() -> None:
    worth, users = objective(40)
    folds, unseen = cross_validate(worth, users, (SHARP, START), seed=0)
    assert unseen.mean() == 1 == worth((SHARP, mostly(RETRIEVERS, "dense"))).mean()
    assert proposal(worth, folds, unseen) == (SHARP, CASCADED), "as good, and nothing to learn"
    better = unseen + 0.01  # as if a mixture were worth more
    assert proposal(worth, folds, better) == agreed(folds)


def test_without_indicators_there_is_no_cascade_to_propose() -> None:
    texts = ("dense", "lexical")
    worth, users = objective(40, retrievers=texts)
    folds, unseen = cross_validate(worth, users, (SHARP, (0.75, 0.25)), seed=0)
    assert proposal(worth, folds, unseen) == (SHARP, (1.0, 0.0))


def test_another_retriever_than_the_dense_one_is_never_alone() -> None:
    assert mostly(RETRIEVERS, "dense") == (1, 0, 0)
    assert mostly(RETRIEVERS, "collaborative") == (0.001, 0, 0.999)
    nothing = np.full((3, len(COLUMNS)), math.nan)
    nothing[:, COLUMNS.index("dense")] = [0.1, 0.3, 0.2]
    found = RetrieverScores(("a", "b", "c"), ("ja",) * 3, nothing).narrowed(["ja"])
    by_retriever = dict(zip(RETRIEVERS, mostly(RETRIEVERS, "collaborative"), strict=True))
    assert [work for work, _ in found.ranked(Fusion(by_retriever), mix="auto", size=3)] == [
        "b",
        "c",
        "a",
    ]


def test_options_that_do_not_matter_stay() -> None:
    worth, users = objective(20, retrievers=("lexical", "collaborative"))
    for profile in (BLURRED, SHARP):
        folds, _ = cross_validate(worth, users, (profile, (0.5, 0.5)), seed=0)
        assert {found for found, _ in folds} == {profile}


def test_the_options_of_most_folds_are_taken_with_their_weights() -> None:
    folds = [(SHARP, (0.2, 0.8, 0.0)), (BLURRED, (1.0, 0.0, 0.0)), (SHARP, (0.4, 0.6, 0.0))]
    assert agreed(folds) == (SHARP, (0.3, 0.7, 0.0))


def test_no_weights_are_tried_twice() -> None:
    worth, users = objective(10)
    cross_validate(worth, users, (SHARP, START), seed=0)
    tried = worth.trials
    cross_validate(worth, users, (SHARP, START), seed=0)
    assert worth.trials == tried > 10
