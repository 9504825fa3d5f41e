"""What recommendations are compared with: models that need no search. Pure numpy.

All of them see the training part of the likes and the documents of the index, and rank the works of
a pool; equal scores go by id.

Sources: item cosine, Sarwar et al. 2001 (https://doi.org/10.1145/371920.372071); log-likelihood
ratio, Dunning 1993 (https://aclanthology.org/J93-1003).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from xlrec_es.evaluate.catalogue import Pool, mean_directions
from xlrec_es.evaluate.protocol import Case
from xlrec_es.interactions.digests import ids_as_numbers
from xlrec_es.interactions.likes import Likes
from xlrec_es.vectors.language_centering import LanguageCentering

Scores = NDArray[np.float64]
"""Shape (n_works,), higher is better; -inf: not recommended."""

RANDOM, POPULAR, RAW_MEAN = "random", "popularity", "raw mean vector"
ITEM_COSINE, LOG_LIKELIHOOD = "item cosine", "log-likelihood"

Scorer = Callable[[Case], Scores]


def baselines(
    pool: Pool,
    likes: Likes,
    training: NDArray[np.bool_],
    centering: LanguageCentering,
    *,
    seed: int,
) -> dict[str, Scorer]:
    """Each baseline by its name.

    Args:
        pool: What can be recommended.
        likes: Of works of the pool.
        training: Shape (n_likes,): which of them may be learned from.
        centering: Of the pool's vectors; the raw mean vector undoes it.
        seed: Of `random`.
    """
    together = _Together(likes, training)
    numbers = {work: number for number, work in enumerate(pool.works)}
    raw = pool.raw_vectors(centering)
    directions = mean_directions(raw, pool.work, len(pool.works))

    def rows(case: Case) -> list[int]:
        return [numbers[work] for work in case.history]

    def at_random(case: Case) -> Scores:
        own = int(ids_as_numbers([f"{seed} {case.user} {case.source}"])[0])
        return np.random.default_rng(own).random(len(pool.works))

    def mean_vector(case: Case) -> Scores:
        # Shape (n_documents,). Rounded, because how many vectors are multiplied at once decides the
        # last digits, and texts of the same words would not be equal.
        cosines = np.round((raw @ directions[rows(case)].mean(axis=0)).astype(np.float64), 6)
        best = np.full(len(pool.works), -np.inf)
        np.maximum.at(best, pool.work, cosines)
        return best

    return {
        RANDOM: at_random,
        POPULAR: lambda _: together.users,
        RAW_MEAN: mean_vector,
        ITEM_COSINE: lambda case: _sum(together.cosine, rows(case)),
        LOG_LIKELIHOOD: lambda case: _sum(together.log_likelihood, rows(case)),
    }


def _sum(similarity: Callable[[int], Scores], history: list[int]) -> Scores:
    """The sum over the history; what resembles none of it is not recommended."""
    total = np.sum([similarity(work) for work in history], axis=0)
    return np.where(total > 0, total, -np.inf)


def best(scores: Scores, allowed: NDArray[np.bool_], k: int) -> list[int]:
    """Numbers of the best k allowed works; equal scores by number.

    Args:
        scores: Shape (n_works,).
        allowed: Shape (n_works,).
        k: At most so many.
    """
    order = np.argsort(-np.where(allowed, scores, -np.inf), kind="stable")[:k]
    return [int(work) for work in order if allowed[work] and scores[work] > -np.inf]


class _Together:
    """Which works are liked by the same users, counted when it is asked for."""

    def __init__(self, likes: Likes, training: NDArray[np.bool_]) -> None:
        self._user = likes.user[training]
        self._work = likes.work[training]
        self._everybody = len(likes.users)
        self.users: Scores = np.bincount(self._work, minlength=len(likes.works)).astype(float)
        self._counted: dict[int, Scores] = {}

    def _both(self, work: int) -> Scores:
        """How many users like this work and each other one, shape (n_works,); itself: none."""
        if work not in self._counted:
            likes_it = np.zeros(self._everybody, bool)
            likes_it[self._user[self._work == work]] = True
            theirs = self._work[likes_it[self._user]]
            counts = np.bincount(theirs, minlength=len(self.users)).astype(float)
            counts[work] = 0
            self._counted[work] = counts
        return self._counted[work]

    def cosine(self, work: int) -> Scores:
        """Cosine of the columns of users, shape (n_works,)."""
        lengths = np.sqrt(self.users[work] * self.users)
        cosines: Scores = self._both(work) / np.where(lengths > 0, lengths, 1.0)
        return cosines

    def log_likelihood(self, work: int) -> Scores:
        """Dunning's G2 of liking both, where that is more often than by chance; else 0."""
        both = self._both(work)
        one, other, n = self.users[work], self.users, float(self._everybody)
        cells = np.stack([both, one - both, other - both, n - one - other + both])  # (4, n_works)
        margins = [np.full_like(other, one), np.full_like(other, n - one), other, n - other]
        g2 = 2 * (_x_log_x(cells).sum(axis=0) - sum(map(_x_log_x, margins)) + _x_log_x(np.array(n)))
        kept: Scores = np.where(both * n > one * other, np.maximum(g2, 0), 0.0)
        return kept


def _x_log_x(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 log 0 is 0."""
    product: NDArray[np.float64] = x * np.log(np.where(x > 0, x, 1.0))
    return product
