"""Learners that count who liked both, on likes small enough to be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from indicator_learning import N_WORKS, all_works, as_likes
from ingest.indicators.learners import Association, Cosine, LogLikelihood, RP3Beta
from ingest.indicators.learners.cooccurrence import SIGNIFICANT, log_likelihood


def test_cosine_by_hand() -> None:
    likes = as_likes([[1, 1, 0], [1, 1, 1], [1, 0, 0]])
    found = Cosine(shrinkage=0).learn(likes, all_works(likes)).toarray()
    expected = np.array(
        [
            [0, 2 / np.sqrt(6), 1 / np.sqrt(3)],
            [2 / np.sqrt(6), 0, 1 / np.sqrt(2)],
            [1 / np.sqrt(3), 1 / np.sqrt(2), 0],
        ]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    shrunk = Cosine(shrinkage=2).learn(likes, all_works(likes)).toarray()
    assert shrunk[0, 1] == pytest.approx(2 / (np.sqrt(6) + 2))


def test_log_likelihood_is_that_of_dunning() -> None:
    """G² is 2 sum(observed ln(observed / expected)) over the table of both works."""
    both, mine, yours, users = 13.0, 1013.0, 1013.0, 102013
    observed = np.array([[both, mine - both], [yours - both, users - mine - yours + both]])
    expected = observed.sum(1, keepdims=True) * observed.sum(0, keepdims=True) / observed.sum()
    g2 = 2 * (observed * np.log(observed / expected)).sum()
    [found] = log_likelihood(np.array([both]), np.array([mine]), np.array([yours]), users)
    assert found == pytest.approx(g2, rel=1e-6)


def test_log_likelihood_leaves_out_what_is_rarer_together_than_by_chance() -> None:
    table = np.zeros((100, 2))
    table[:50, 0] = 1
    table[49:, 1] = 1  # one user of a hundred liked both; by chance it would be 25
    likes = as_likes(table)
    assert LogLikelihood().learn(likes, all_works(likes)).nnz == 0


def test_log_likelihood_counts_whether_and_not_how_much() -> None:
    table = np.zeros((100, 3))
    table[:20, :2] = 1
    table[15:60, 2] = 1
    heavy = table.copy()
    heavy[:20, 0] = 5
    for learner in (LogLikelihood(), Association(least=0)):
        plain, weighed = (
            learner.learn(as_likes(one), np.arange(3, dtype=np.int32)) for one in (table, heavy)
        )
        np.testing.assert_array_equal(plain.toarray(), weighed.toarray())


def test_an_association_weighs_its_ratio_if_that_is_significant() -> None:
    """Together by chance once in a thousand times, or less often: chi-squared above 10.83."""
    table = np.zeros((200, 4))
    table[:10, 0] = table[:10, 1] = 1  # always together
    table[:, 2] = 1  # in every basket: goes with nothing
    table[8:20, 3] = 1  # twice with the first, where chance gives 0.6
    likes = as_likes(table)
    found = Association().learn(likes, all_works(likes)).toarray()
    both, ten, users = np.array([10.0]), np.array([10.0]), 200
    assert found[0, 1] == found[1, 0] == pytest.approx(log_likelihood(both, ten, ten, users)[0])
    assert np.count_nonzero(found) == 2
    every = Association(least=0).learn(likes, all_works(likes)).toarray()
    assert 0 < every[0, 3] < SIGNIFICANT
    assert not every[2].any()


def test_rp3beta_is_the_product_of_three_steps(likes: csr_array) -> None:
    found = RP3Beta(alpha=0.8, beta=0.4, top=N_WORKS).learn(likes, all_works(likes)).toarray()
    table = likes.toarray().astype(np.float64)
    to_work = (table / np.maximum(table.sum(1, keepdims=True), 1)) ** 0.8
    to_user = (table / np.maximum(table.sum(0), 1)).T ** 0.8
    walks = (to_user @ to_work).T / table.sum(0)[:, None] ** 0.4  # [recommended, liked]
    np.fill_diagonal(walks, 0)
    np.testing.assert_allclose(found, walks, rtol=1e-4)
