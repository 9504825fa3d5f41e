from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlrec_es.metrics import ndcg_at_k, recall_at_k

WORKS = [f"w{i}" for i in range(12)]


def test_recall_by_hand() -> None:
    assert recall_at_k(["a", "b", "c", "d"], {"b", "d", "z"}, 3) == pytest.approx(1 / 3)
    assert recall_at_k(["a", "b"], {"a", "b", "c"}, 2) == 1


def test_ndcg_by_hand() -> None:
    gain = 1 / math.log2(3) + 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg_at_k(["a", "b", "c", "d"], {"b", "d", "z"}, 10) == pytest.approx(gain / ideal)


@given(st.permutations(WORKS), st.sets(st.sampled_from(WORKS), min_size=1), st.integers(1, 15))
def test_both_lie_between_0_and_1_and_the_ideal_order_has_1(
    ranked: list[str], relevant: set[str], k: int
) -> None:
    best = sorted(ranked, key=lambda work: work not in relevant)
    for metric in (recall_at_k, ndcg_at_k):
        assert 0 <= metric(ranked, relevant, k) <= metric(best, relevant, k) == pytest.approx(1)


@pytest.mark.parametrize("metric", [recall_at_k, ndcg_at_k])
def test_refuses_no_relevant_work_and_no_place(metric: object) -> None:
    for relevant, k in ((set(), 5), ({"a"}, 0)):
        with pytest.raises(ValueError, match="at least one relevant"):
            metric(["a"], relevant, k)  # type: ignore[operator]
