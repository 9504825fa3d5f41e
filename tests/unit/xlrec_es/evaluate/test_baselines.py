"""Baselines against implementations that have nothing in common with them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import chi2_contingency

from ingest.indicators.learners import Cosine
from xlrec_es.evaluate.baselines import baselines, best
from xlrec_es.evaluate.catalogue import Pool
from xlrec_es.evaluate.protocol import Case
from xlrec_es.interactions.likes import Likes
from xlrec_es.vectors.language_centering import LanguageCentering

N_USERS, N_WORKS, DIMS = 50, 12, 8
RNG = np.random.default_rng(0)
MATRIX = RNG.random((N_USERS, N_WORKS)) < 0.3
WORKS = tuple(f"w{number:02}" for number in range(N_WORKS))
USERS, LIKED = np.nonzero(MATRIX)
LIKES = Likes(
    tuple(f"p{number:02}" for number in range(N_USERS)),
    WORKS,
    USERS.astype(np.int32),
    LIKED.astype(np.int32),
    np.ones(len(LIKED), np.float32),
    np.full(len(LIKED), np.nan),
)
TAGS = tuple("de" if number % 2 else "ja" for number in range(N_WORKS))
RAW = RNG.normal(size=(N_WORKS, DIMS)).astype(np.float32)
RAW /= np.linalg.norm(RAW, axis=1, keepdims=True)
CENTERING = LanguageCentering.center(RAW, TAGS)
POOL = Pool(
    WORKS,
    {work: (tag,) for work, tag in zip(WORKS, TAGS, strict=True)},
    {},
    ("de", "ja"),
    np.arange(N_WORKS),
    np.array([("de", "ja").index(tag) for tag in TAGS]),
    CENTERING.apply(RAW, TAGS),
)
CASE = Case("p00", "de", ("w01", "w03"), frozenset({"w02"}))
HISTORY = [1, 3]
EVERYTHING = np.ones(len(LIKES), bool)
SYSTEMS = baselines(POOL, LIKES, EVERYTHING, CENTERING, seed=0)


def test_popularity_counts_users() -> None:
    assert SYSTEMS["popularity"](CASE).tolist() == MATRIX.sum(axis=0).tolist()


def test_item_cosine_is_the_workers() -> None:
    learner = Cosine(top=N_WORKS, shrinkage=0)
    likes = csr_array(MATRIX.astype(np.float32))
    theirs = learner.learn(likes, np.arange(N_WORKS, dtype=np.int32)).toarray()
    mine = SYSTEMS["item cosine"](CASE)
    np.testing.assert_allclose(np.maximum(mine, 0), theirs[:, HISTORY].sum(axis=1), rtol=1e-5)


def test_log_likelihood_is_scipys() -> None:
    expected = np.zeros(N_WORKS)
    for work in range(N_WORKS):
        for known in HISTORY:
            table = np.histogram2d(MATRIX[:, known], MATRIX[:, work], bins=2)[0]
            if known != work and table[1, 1] * N_USERS > table[1].sum() * table[:, 1].sum():
                expected[work] += chi2_contingency(table, correction=False, lambda_=0).statistic
    mine = SYSTEMS["log-likelihood"](CASE)
    np.testing.assert_allclose(np.maximum(mine, 0), expected, rtol=1e-9, atol=1e-12)


def test_the_raw_mean_vector_forgets_the_centering() -> None:
    expected = RAW @ RAW[HISTORY].mean(axis=0)
    np.testing.assert_allclose(SYSTEMS["raw mean vector"](CASE), expected, atol=1e-5)


def test_nothing_is_learned_from_what_is_held_out() -> None:
    training = LIKED != 2
    for name in ("popularity", "item cosine", "log-likelihood"):
        blind = baselines(POOL, LIKES, training, CENTERING, seed=0)[name](CASE)
        assert blind[2] <= 0, name
        assert SYSTEMS[name](CASE)[2] > 0, name


def test_random_is_the_same_for_the_same_seed_and_user() -> None:
    other = baselines(POOL, LIKES, EVERYTHING, CENTERING, seed=1)
    scores = SYSTEMS["random"](CASE).tolist()
    assert scores == SYSTEMS["random"](CASE).tolist()
    assert scores != other["random"](CASE).tolist()
    assert scores != SYSTEMS["random"](Case("p01", "de", (), frozenset())).tolist()


def test_the_best_are_allowed_and_ties_go_by_number() -> None:
    scores = np.array([1.0, 3.0, 3.0, -np.inf, 2.0])
    allowed = np.array([True, True, True, True, False])
    assert best(scores, allowed, 10) == [1, 2, 0]
    assert best(scores, allowed, 1) == [1]


def test_the_best_are_those_of_a_sort_of_all_however_many_are_equal() -> None:
    for k in (1, 3, 50, 200):
        for levels in (2, 5, 10_000):
            scores = RNG.integers(0, levels, 100).astype(float)
            scores[RNG.random(100) < 0.3] = -np.inf
            allowed = RNG.random(100) < 0.8
            order = np.argsort(-np.where(allowed, scores, -np.inf), kind="stable")
            expected = [n for n in order.tolist() if allowed[n] and scores[n] > -np.inf][:k]
            assert best(scores, allowed, k) == expected


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_baseline_scores_every_work(name: str) -> None:
    assert SYSTEMS[name](CASE).shape == (N_WORKS,)
