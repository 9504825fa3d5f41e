"""Likes that every learner learns from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from indicator_learning import N_USERS, N_WORKS, as_likes


@pytest.fixture(scope="module")
def likes() -> csr_array:
    """Two tastes: even works are liked together, and odd works; the first ones by most."""
    rng = np.random.default_rng(0)
    popularity = 0.5 / np.sqrt(1 + np.arange(N_WORKS))
    taste = rng.integers(0, 2, N_USERS)[:, None] == np.arange(N_WORKS)[None] % 2
    return as_likes(rng.random((N_USERS, N_WORKS)) < popularity * np.where(taste, 1.5, 0.2))
