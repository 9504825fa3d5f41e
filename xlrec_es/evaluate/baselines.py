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

Similarity = Callable[[int, NDArray[np.intp], Scores], Scores]
"""Of one work to others, by how many users like both."""


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
        ITEM_COSINE: lambda case: together.summed(together.cosine, rows(case)),
        LOG_LIKELIHOOD: lambda case: together.summed(together.log_likelihood, rows(case)),
    }


def best(scores: Scores, allowed: NDArray[np.bool_], k: int) -> list[int]:
    """Numbers of the best k allowed works; equal scores by number.

    Args:
        scores: Shape (n_works,).
        allowed: Shape (n_works,).
        k: At most so many.
    """
    some = np.flatnonzero(allowed & (scores > -np.inf))
    if len(some) > k:  # those alone are sorted that may be among the best, and all equals of these
        own = scores[some]
        some = some[own >= np.partition(own, len(own) - k)[len(own) - k]]
    found: list[int] = some[np.argsort(-scores[some], kind="stable")][:k].tolist()
    return found


class _Together:
    """Which works are liked by the same users, counted when it is asked for.

    Most works have no user in common, so those that do are all that is looked at.
    """

    def __init__(self, likes: Likes, training: NDArray[np.bool_]) -> None:
        user, work = likes.user[training], likes.work[training]
        self._everybody = len(likes.users)
        self.users: Scores = np.bincount(work, minlength=len(likes.works)).astype(float)
        self._works_of = _Grouped(user, work, len(likes.users))
        self._users_of = _Grouped(work, user, len(likes.works))

    def summed(self, similarity: Similarity, history: list[int]) -> Scores:
        """The sum over a history, shape (n_works,); what resembles none is not recommended."""
        total = np.zeros(len(self.users))
        for work in history:
            others, both = self._both(work)
            total[others] += similarity(work, others, both)
        return np.where(total > 0, total, -np.inf)

    def _both(self, work: int) -> tuple[NDArray[np.intp], Scores]:
        """Other works of the users who like this one, and how many like both; shape (n_others,)."""
        theirs = [self._works_of[user] for user in self._users_of[work]]
        if not theirs:
            return np.empty(0, np.intp), np.empty(0)
        counts = np.bincount(np.concatenate(theirs))
        counts[work] = 0
        others = np.flatnonzero(counts)
        return others, counts[others].astype(float)

    def cosine(self, work: int, others: NDArray[np.intp], both: Scores) -> Scores:
        """Cosine of the columns of users, shape (n_others,)."""
        cosines: Scores = both / np.sqrt(self.users[work] * self.users[others])
        return cosines

    def log_likelihood(self, work: int, others: NDArray[np.intp], both: Scores) -> Scores:
        """Dunning's G2 of liking both, where that is more often than by chance; else 0."""
        one, other, n = self.users[work], self.users[others], float(self._everybody)
        cells = np.stack([both, one - both, other - both, n - one - other + both])  # (4, n_others)
        margins = [np.full_like(other, one), np.full_like(other, n - one), other, n - other]
        g2 = 2 * (_x_log_x(cells).sum(axis=0) - sum(map(_x_log_x, margins)) + _x_log_x(np.array(n)))
        kept: Scores = np.where(both * n > one * other, np.maximum(g2, 0), 0.0)
        return kept


class _Grouped:
    """Values by the number of their group."""

    def __init__(self, group: NDArray[np.int32], values: NDArray[np.int32], groups: int) -> None:
        order = np.argsort(group, kind="stable")
        self._values = values[order]
        self._starts = np.searchsorted(group[order], np.arange(groups + 1))

    def __getitem__(self, number: int) -> NDArray[np.int32]:
        return self._values[self._starts[number] : self._starts[number + 1]]


def _x_log_x(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 log 0 is 0."""
    product: NDArray[np.float64] = x * np.log(np.where(x > 0, x, 1.0))
    return product
