from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from xlrec_es.evaluate.metrics import (
    coverage,
    hit_at_k,
    intra_list_diversity,
    ndcg_at_k,
    novelty,
    popularity_percentiles,
    recall_at_k,
    reciprocal_rank_at_k,
)

WORKS = [f"w{i}" for i in range(12)]
Metric = Callable[[Sequence[str], Collection[str], int], float]
REFERENCES: dict[Metric, Callable[[int], ir_measures.Measure]] = {
    recall_at_k: lambda k: ir_measures.R @ k,
    ndcg_at_k: lambda k: ir_measures.nDCG @ k,
    reciprocal_rank_at_k: lambda k: ir_measures.RR @ k,
    hit_at_k: lambda k: ir_measures.Success @ k,
}


@pytest.mark.parametrize("metric", REFERENCES)
@given(st.permutations(WORKS), st.sets(st.sampled_from(WORKS), min_size=1), st.integers(1, 15))
def test_is_what_trec_eval_says(
    metric: Metric, ranked: list[str], relevant: set[str], k: int
) -> None:
    run = [ir_measures.ScoredDoc("p", work, -place) for place, work in enumerate(ranked)]
    qrels = [ir_measures.Qrel("p", work, 1) for work in sorted(relevant)]
    measure = REFERENCES[metric](k)
    expected = ir_measures.calc_aggregate([measure], qrels, run)[measure]
    if metric is recall_at_k:  # ours can reach 1 with more relevant works than places
        expected *= len(relevant) / min(len(relevant), k)
    assert metric(ranked, relevant, k) == pytest.approx(expected)


@pytest.mark.parametrize("metric", REFERENCES)
@given(st.permutations(WORKS), st.sets(st.sampled_from(WORKS), min_size=1), st.integers(1, 15))
def test_lies_between_0_and_1_which_the_ideal_order_has(
    metric: Metric, ranked: list[str], relevant: set[str], k: int
) -> None:
    best = sorted(ranked, key=lambda work: work not in relevant)
    assert 0 <= metric(ranked, relevant, k) <= metric(best, relevant, k) == pytest.approx(1)


@pytest.mark.parametrize("metric", REFERENCES)
def test_refuses_no_relevant_work_and_no_place(metric: Metric) -> None:
    for relevant, k in ((set[str](), 5), ({"a"}, 0)):
        with pytest.raises(ValueError, match="at least one relevant"):
            metric(["a"], relevant, k)


def test_coverage_counts_each_work_once() -> None:
    assert coverage([["a", "b"], ["b", "c"]], WORKS) == 3 / 12


def test_novelty_is_in_bits() -> None:
    # 1 of 4, and nobody, with one user more each.
    assert novelty(["a", "b"], {"a": 1}, 3) == pytest.approx((1 + 2) / 2)
    assert math.isnan(novelty([], {}, 3))


def test_diversity_is_the_mean_over_all_pairs() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = [1 - rows[i] @ rows[j] for i in range(7) for j in range(7) if i != j]
    assert intra_list_diversity(rows) == pytest.approx(np.mean(pairs), abs=1e-6)
    assert intra_list_diversity(rows[[0, 0]]) == pytest.approx(0, abs=1e-6)
    assert math.isnan(intra_list_diversity(rows[:1]))


@given(st.dictionaries(st.sampled_from(WORKS), st.integers(0, 5), min_size=1))
def test_popularity_is_the_middle_of_tied_places(users: dict[str, int]) -> None:
    expected = (rankdata(list(users.values())) - 0.5) / len(users)
    percentiles = popularity_percentiles(users)
    assert list(percentiles) == list(users)
    assert list(percentiles.values()) == pytest.approx(expected.tolist())
    assert np.mean(list(percentiles.values())) == pytest.approx(0.5)
