"""What every learner keeps to, whichever it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from indicator_learning import N_WORKS, all_works, as_likes
from ingest.indicators.learners import LEARNERS, Learner


def learner(name: str) -> Learner:
    return LEARNERS[name]()


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_keeps_the_protocol(name: str, likes: csr_array) -> None:
    found = learner(name).learn(likes, all_works(likes))
    assert learner(name).name == name
    assert found.shape == (N_WORKS, N_WORKS)
    assert found.dtype == np.float32
    assert np.isfinite(found.data).all()
    assert (found.data > 0).all()
    assert found.diagonal().sum() == 0
    assert np.diff(found.indptr).max() <= 200


@pytest.mark.parametrize("name", LEARNERS)
def test_what_is_liked_together_speaks_for_each_other(name: str, likes: csr_array) -> None:
    found = learner(name).learn(likes, all_works(likes)).toarray()
    same = np.arange(N_WORKS)[:, None] % 2 == np.arange(N_WORKS)[None] % 2
    assert found[same].sum() > 2 * found[~same].sum()


@pytest.mark.parametrize("name", LEARNERS)
def test_some_works_get_what_they_get_among_all(name: str, likes: csr_array) -> None:
    """So that works can be split over machines."""
    some = np.array([7, 3, 50], np.int32)
    whole = learner(name).learn(likes, all_works(likes)).toarray()
    part = learner(name).learn(likes, some).toarray()
    np.testing.assert_allclose(part, whole[some], rtol=1e-4)


@pytest.mark.parametrize("name", LEARNERS)
def test_nothing_to_learn_from_makes_no_indicators(name: str) -> None:
    lonely = as_likes(np.eye(4))  # each user liked one work, and each work has one user
    assert learner(name).learn(lonely, all_works(lonely)).nnz == 0
    nobody = csr_array((0, 3), dtype=np.float32)
    assert learner(name).learn(nobody, all_works(nobody)).shape == (3, 3)
    nothing_asked = learner(name).learn(lonely, np.empty(0, np.int32))
    assert nothing_asked.shape == (0, 4)
