"""The learners, on likes small enough to be checked by hand or by a textbook formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from devices import DEVICES
from ingest.indicators.learners import (
    LEARNERS,
    Cosine,
    Ease,
    Learner,
    LocalEase,
    LogLikelihood,
    RP3Beta,
    local_ease,
)
from ingest.indicators.learners.cooccurrence import log_likelihood
from ingest.indicators.learners.ease import MAX_WORKS
from ingest.indicators.learners.ridge_regressions import InTorch, OnCpu, Rows
from ingest.indicators.learners.sparse_blocks import largest
from xlrec_es.errors import UsageError

N_PERSONS, N_WORKS = 300, 60


@pytest.fixture(scope="module")
def likes() -> csr_array:
    """Two tastes: even works are liked together, and odd works; the first ones by most."""
    rng = np.random.default_rng(0)
    popularity = 0.5 / np.sqrt(1 + np.arange(N_WORKS))
    taste = rng.integers(0, 2, N_PERSONS)[:, None] == np.arange(N_WORKS)[None] % 2
    return as_likes(rng.random((N_PERSONS, N_WORKS)) < popularity * np.where(taste, 1.5, 0.2))


def as_likes(table: object) -> csr_array:
    return csr_array(np.asarray(table, np.float32))


def all_works(likes: csr_array) -> np.ndarray:
    return np.arange(likes.shape[1], dtype=np.int32)


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
    lonely = as_likes(np.eye(4))  # each person liked one work, and each work has one person
    assert learner(name).learn(lonely, all_works(lonely)).nnz == 0
    nobody = csr_array((0, 3), dtype=np.float32)
    assert learner(name).learn(nobody, all_works(nobody)).shape == (3, 3)
    nothing_asked = learner(name).learn(lonely, np.empty(0, np.int32))
    assert nothing_asked.shape == (0, 4)


def test_ease_solves_the_ridge_regression_of_each_work_on_all_others(likes: csr_array) -> None:
    found = Ease(regularization=5, top=N_WORKS).learn(likes, all_works(likes)).toarray()
    table = likes.toarray().astype(np.float64)
    for work in (0, 17):
        rest = np.delete(np.arange(N_WORKS), work)
        left = table[:, rest].T @ table[:, rest] + 5 * np.eye(len(rest))
        weights = np.linalg.solve(left, table[:, rest].T @ table[:, work])
        np.testing.assert_allclose(found[work, rest], np.maximum(weights, 0), atol=1e-5)


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
    nearest = local_ease._nearest

    def recorded(likes: csr_array, works: np.ndarray, width: int) -> object:
        asked.extend(works.tolist())
        return nearest(likes, works, width)

    monkeypatch.setattr(local_ease, "_nearest", recorded)
    some = np.array([7, 3], np.int32)
    LocalEase(neighbours=5).learn(likes, some)
    assert len(set(asked)) == len(asked) <= len(some) * 6
    assert {3, 7} < set(asked)


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
    both, mine, yours, persons = 13.0, 1013.0, 1013.0, 102013
    observed = np.array([[both, mine - both], [yours - both, persons - mine - yours + both]])
    expected = observed.sum(1, keepdims=True) * observed.sum(0, keepdims=True) / observed.sum()
    g2 = 2 * (observed * np.log(observed / expected)).sum()
    [found] = log_likelihood(np.array([both]), np.array([mine]), np.array([yours]), persons)
    assert found == pytest.approx(g2, rel=1e-6)


def test_log_likelihood_leaves_out_what_is_rarer_together_than_by_chance() -> None:
    table = np.zeros((100, 2))
    table[:50, 0] = 1
    table[49:, 1] = 1  # one person of a hundred liked both; by chance it would be 25
    likes = as_likes(table)
    assert LogLikelihood().learn(likes, all_works(likes)).nnz == 0


def test_rp3beta_is_the_product_of_three_steps(likes: csr_array) -> None:
    found = RP3Beta(alpha=0.8, beta=0.4, top=N_WORKS).learn(likes, all_works(likes)).toarray()
    table = likes.toarray().astype(np.float64)
    to_work = (table / np.maximum(table.sum(1, keepdims=True), 1)) ** 0.8
    to_person = (table / np.maximum(table.sum(0), 1)).T ** 0.8
    walks = (to_person @ to_work).T / table.sum(0)[:, None] ** 0.4  # [recommended, liked]
    np.fill_diagonal(walks, 0)
    np.testing.assert_allclose(found, walks, rtol=1e-4)


def test_exact_ease_refuses_a_catalogue_that_memory_would_not_hold() -> None:
    likes = csr_array((1, MAX_WORKS + 1), dtype=np.float32)
    with pytest.raises(UsageError, match="local-ease"):
        Ease().learn(likes, all_works(likes))


def test_the_largest_come_in_order_of_place() -> None:
    assert largest(np.array([3.0, 9.0, 1.0, 7.0]), 2).tolist() == [1, 3]
    assert largest(np.array([3.0]), 2).tolist() == [0]
