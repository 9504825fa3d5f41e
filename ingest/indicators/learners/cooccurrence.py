"""Learners that weigh how often two works are liked together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.special import xlogy

from ingest.indicators.learners.learner import TOP, Works
from ingest.indicators.learners.noised_sums import Likes, NoisedSums
from ingest.indicators.learners.sparse_blocks import map_blocks, strengths, with_data
from xlrec_es.errors import UsageError


@dataclass(frozen=True, slots=True)
class Cosine:
    """Item-item cosine, shrunk so that a few common users do not make two works alike.

    Source: Sarwar et al. 2001, "Item-based Collaborative Filtering Recommendation Algorithms"
    (https://doi.org/10.1145/371920.372071); shrinkage: Bell and Koren 2007, "Improved
    Neighborhood-based Collaborative Filtering".

    Attributes:
        shrinkage: Is added to the product of the two works' lengths.
        top: Indicators that a work keeps.
    """

    shrinkage: float = 10.0
    top: int = TOP
    name: str = "cosine"

    def learn(self, likes: Likes, works: Works) -> csr_array:
        """As `Learner.learn`."""
        lengths = np.sqrt(strengths(likes))

        def weigh(together: csr_array, block: Works) -> csr_array:
            own = np.repeat(lengths[block], np.diff(together.indptr))
            product = own * lengths[together.indices]
            return with_data(together, together.data / (product + self.shrinkage))

        return map_blocks(likes, works, weigh, top=self.top)


@dataclass(frozen=True, slots=True)
class LogLikelihood:
    """Log-likelihood ratio of two works' co-occurrence, as Mahout and the Universal Recommender.

    They keep the works whose co-occurrence is the least likely by chance, and count how many of
    them a history has: the ratio chooses, and every indicator weighs the same. How much was liked
    does not count here, only whether.

    Source: Dunning 1993, "Accurate Methods for the Statistics of Surprise and Coincidence"
    (https://aclanthology.org/J93-1003).

    Attributes:
        top: Indicators that a work keeps; the Universal Recommender's default is 50.
    """

    top: int = 50
    name: str = "llr"

    def learn(self, likes: Likes, works: Works) -> csr_array:
        """As `Learner.learn`."""
        chosen = _surprising(likes, works, top=self.top)
        chosen.data[:] = 1
        return chosen


SIGNIFICANT = 10.83
"""The log-likelihood ratio of two independent works is above it once in a thousand times: it has
the distribution of chi-squared with one degree of freedom."""


@dataclass(frozen=True, slots=True)
class Association:
    """The log-likelihood ratio itself as the weight, of works that go together significantly.

    For what is bought together: works that are in every basket go with nothing, and works that were
    together once by chance do not count. Source: Dunning 1993, as for `LogLikelihood`.

    Measured on the 9,835 baskets of Groceries (Hahsler et al. 2006, "Implications of Probabilistic
    Data Modeling for Mining Association Rules"): of each basket of a fifth of them (seed 0) one
    item is to be found by the others. Those that are not among the ten most frequent items are
    among the first ten found 18% of the time; by counts 10%, by `Cosine` 14%, by the logarithm of
    the lift 12%, by `LogLikelihood` 14%. Of all items it is 34%, and by counts 41%, which show
    everybody the ten most frequent ones.

    Attributes:
        least: Ratio of works that count as going together.
        top: Indicators that a work keeps.
    """

    least: float = SIGNIFICANT
    top: int = TOP
    name: str = "association"

    def learn(self, likes: Likes, works: Works) -> csr_array:
        """As `Learner.learn`."""
        return _surprising(likes, works, top=self.top, least=self.least)


def _surprising(likes: Likes, works: Works, *, top: int, least: float = 0.0) -> csr_array:
    """The works that go with each more often than by chance, weighed by how unlikely that is.

    How much was liked does not count, only whether.
    """
    liked = likes
    if not isinstance(likes, NoisedSums):
        ones = np.ones_like(likes.data)
        liked = csr_array((ones, likes.indices, likes.indptr), shape=likes.shape)
    counts = strengths(liked).astype(np.float64)
    users = likes.shape[0]

    def weigh(together: csr_array, block: Works) -> csr_array:
        both = together.data.astype(np.float64)
        mine = np.repeat(counts[block], np.diff(together.indptr))
        yours = counts[together.indices]
        ratio = log_likelihood(both, mine, yours, users)
        # Rarer together than by chance is no reason to recommend.
        positive = (both * users > mine * yours) & (ratio > least)
        return with_data(together, ratio * positive)

    return map_blocks(liked, works, weigh, top=top)


def log_likelihood(
    both: NDArray[np.float64],
    mine: NDArray[np.float64],
    yours: NDArray[np.float64],
    users: int,
) -> NDArray[np.float64]:
    """Dunning's G² of the 2 x 2 tables of two works.

    Args:
        both: Users who liked both works, shape (n,).
        mine: Users who liked the one.
        yours: Users who liked the other.
        users: All users.

    Returns:
        Shape (n,), zero or above.
    """
    cells = (both, mine - both, yours - both, users - mine - yours + both)
    inner = sum(xlogy(cell, cell) for cell in cells)
    margins = sum(xlogy(m, m) for m in (mine, users - mine, yours, users - yours))
    ratio: NDArray[np.float64] = np.maximum(0, 2 * (inner - margins + xlogy(users, users)))
    return ratio


@dataclass(frozen=True, slots=True)
class RP3Beta:
    """Random walks of three steps, work to user to work, with popular works held back.

    Source: Paudel et al. 2017, "Updatable, Accurate, Diverse, and Scalable Recommendations for
    Interactive Applications" (https://doi.org/10.1145/2955101).

    Attributes:
        alpha: Power of the steps' probabilities.
        beta: Power of the popularity by which a work's score is divided.
        top: Indicators that a work keeps.
    """

    alpha: float = 1.0
    beta: float = 0.6
    top: int = TOP
    name: str = "rp3beta"

    def learn(self, likes: Likes, works: Works) -> csr_array:
        """As `Learner.learn`."""
        if isinstance(likes, NoisedSums):
            raise UsageError(
                "rp3beta walks from user to user, and cannot learn from sums with noise; use "
                "--learner local-ease"
            )
        per_user = np.asarray(likes.sum(axis=1)).ravel().astype(np.float64)
        per_work = np.asarray(likes.sum(axis=0)).ravel().astype(np.float64)
        # Half of a user's step on either side, so that one sparse product makes both.
        steps = diags_array(_power(per_user, -0.5 * self.alpha)) @ likes.power(self.alpha)
        from_work = _power(per_work, -self.alpha)
        held_back = _power(per_work, -self.beta)

        def weigh(together: csr_array, block: Works) -> csr_array:
            mine = np.repeat(held_back[block], np.diff(together.indptr))
            return with_data(together, together.data * mine * from_work[together.indices])

        return map_blocks(csr_array(steps, dtype=np.float32), works, weigh, top=self.top)


def _power(totals: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """A power of each total, and zero for nobody's."""
    return np.power(totals, exponent, out=np.zeros_like(totals), where=totals > 0)
