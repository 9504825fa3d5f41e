"""EASE by its textbook formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from indicator_learning import N_WORKS, all_works
from ingest.indicators.learners import Ease
from ingest.indicators.learners.ease import MAX_WORKS
from xlrec_es.errors import UsageError


def test_ease_solves_the_ridge_regression_of_each_work_on_all_others(likes: csr_array) -> None:
    found = Ease(regularization=5, top=N_WORKS).learn(likes, all_works(likes)).toarray()
    table = likes.toarray().astype(np.float64)
    for work in (0, 17):
        rest = np.delete(np.arange(N_WORKS), work)
        left = table[:, rest].T @ table[:, rest] + 5 * np.eye(len(rest))
        weights = np.linalg.solve(left, table[:, rest].T @ table[:, work])
        np.testing.assert_allclose(found[work, rest], np.maximum(weights, 0), atol=1e-5)


def test_exact_ease_refuses_a_catalogue_that_memory_would_not_hold() -> None:
    likes = csr_array((1, MAX_WORKS + 1), dtype=np.float32)
    with pytest.raises(UsageError, match="local-ease"):
        Ease().learn(likes, all_works(likes))
