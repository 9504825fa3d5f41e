"""Many small ridge regressions, by LAPACK and by PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from devices import DEVICES
from indicator_learning import all_works
from ingest.indicators.learners import LocalEase, local_ease
from ingest.indicators.learners.ridge_regressions import SMALL, InTorch, OnCpu, Rows


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "options",
    [
        {"regularization": 5.0},
        {"regularization": 5.0, "neighbours": 10, "width": 25},  # some pairs are in one row alone
        {"regularization": 5.0, "neighbours": 100},  # more than there are
        {"regularization": 0.1, "neighbours": 12, "width": 3},  # some are not positive definite
    ],
)
def test_torch_solves_what_lapack_solves(
    device: str, options: dict[str, Any], likes: csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its own processor, too, so that what --device cuda runs is tried without a GPU."""
    works = all_works(likes)
    expected = LocalEase(**options).learn(likes, works).toarray()
    monkeypatch.setattr(local_ease, "regressions", InTorch)
    found = LocalEase(**options, device=device).learn(likes, works).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_matrix_that_is_not_positive_definite_is_solved_among_others() -> None:
    """The first has an eigenvalue of -1."""
    place, columns = np.arange(3, dtype=np.int32), np.array([[1], [2], [0]], np.int32)
    gram = Rows(place, columns, np.full((3, 1), 3, np.float32), np.ones(3, np.float32))
    near = np.array([[0, 1], [-1, -1], [2, -1]], np.int32)
    towards = np.array([[1, 2], [0, 0], [4, 0]], np.float32)
    expected = [*np.linalg.solve([[2, 3], [3, 2]], [1, 2]), 0, 0, 2, 0]
    for solver in (OnCpu(gram, 1), InTorch(gram, 1, "cpu")):
        np.testing.assert_allclose(solver.solve(near, towards).ravel(), expected, rtol=1e-5)


def test_few_neighbors_and_many_are_solved_alike() -> None:
    """A small matrix in place of a padded one, on either side of the border."""
    rng = np.random.default_rng(0)
    n = SMALL + 30
    together = rng.random((n, n), np.float32)
    together += together.T
    order = np.argsort(-together, axis=1).astype(np.int32)
    values = np.take_along_axis(together, order, 1)
    gram = Rows(np.arange(n, dtype=np.int32), order, values, np.full(n, 5, np.float32))
    for count in (0, 1, SMALL, SMALL + 1, n):
        near, towards = np.full((1, n), -1, np.int32), np.zeros((1, n), np.float32)
        near[0, :count] = rng.permutation(n)[:count]
        towards[0, :count] = rng.random(count)
        works = near[0, :count]
        matrix = together[np.ix_(works, works)].astype(np.float64)
        np.fill_diagonal(matrix, 5 + 100)
        found = OnCpu(gram, 100).solve(near, towards)[0]
        np.testing.assert_allclose(found[:count], np.linalg.solve(matrix, towards[0, :count]), 1e-4)
        assert not found[count:].any()
