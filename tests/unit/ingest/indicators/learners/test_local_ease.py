"""EASE among each work's neighbours alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from indicator_learning import N_WORKS, all_works, as_likes
from ingest.indicators.learners import Ease, LocalEase, local_ease


def test_local_ease_among_all_works_is_ease() -> None:
    likes = as_likes(np.random.default_rng(1).random((100, 30)) < 0.4)  # every pair co-occurs
    options = {"regularization": 5.0, "top": 30}
    exact = Ease(**options).learn(likes, all_works(likes)).toarray()
    local = LocalEase(neighbours=30, **options).learn(likes, all_works(likes)).toarray()
    np.testing.assert_allclose(local, exact, atol=1e-5)


def test_local_ease_knows_what_is_kept_in_one_of_two_rows(likes: csr_array) -> None:
    """A pair of neighbours may be among the nearest of the one and not of the other."""
    narrow = LocalEase(regularization=5, neighbours=10, width=25, top=10)
    wide = LocalEase(regularization=5, neighbours=10, width=N_WORKS, top=10)
    works = all_works(likes)
    a, b = narrow.learn(likes, works).toarray(), wide.learn(likes, works).toarray()
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.98


def test_local_ease_survives_a_matrix_that_is_not_positive_definite() -> None:
    """Three works always liked together, of which each keeps one neighbour's co-occurrences."""
    likes = as_likes(np.ones((50, 3)))
    found = LocalEase(regularization=0.1, neighbours=1, width=1).learn(likes, all_works(likes))
    assert np.isfinite(found.data).all()
    assert found.nnz == 3


def test_local_ease_looks_at_the_rows_of_the_works_and_their_neighbours_alone(
    likes: csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a shard of a large catalogue takes its part of the time and the memory."""
    asked: list[int] = []
    nearest = local_ease.nearest

    def recorded(likes: csr_array, works: np.ndarray, width: int) -> object:
        asked.extend(works.tolist())
        return nearest(likes, works, width)

    monkeypatch.setattr(local_ease, "nearest", recorded)
    some = np.array([7, 3], np.int32)
    LocalEase(neighbours=5).learn(likes, some)
    assert len(set(asked)) == len(asked) <= len(some) * 6
    assert {3, 7} < set(asked)


def test_what_is_kept_of_a_work_is_no_longer_than_the_longest_can_be() -> None:
    """Where few like anything, padding would take most of the memory and time."""
    likes = as_likes(np.eye(300, 300) + np.eye(300, 300, 1))  # two works each
    learner = LocalEase(regularization=1, neighbours=5)
    found = local_ease.nearest(likes, all_works(likes), learner.width_for(likes))
    assert found.columns.shape == (300, 5)
    works = all_works(likes)
    few, many = (LocalEase(regularization=1, neighbours=n).learn(likes, works) for n in (5, 80))
    assert few.nnz > 0
    np.testing.assert_allclose(few.toarray(), many.toarray(), rtol=1e-5)
