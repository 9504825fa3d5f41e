"""EASE: the weights with which liked works predict a work, by ridge regression on all others.

Source: Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"
(https://arxiv.org/abs/1905.03375).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from ingest.indicators.learners.learner import TOP, Works
from ingest.indicators.learners.noised_sums import Likes, NoisedSums
from ingest.indicators.learners.sparse_blocks import strongest
from xlrec_es.errors import UsageError

MAX_WORKS = 30_000
"""A matrix of so many works squared takes 3.6 GB, and the work grows with their cube."""

REGULARIZATION = 2000.0
"""Measured best, over histories of two works and of hundreds.

See ingest/DESIGN.md, "Learned associations".
"""


@dataclass(frozen=True, slots=True)
class Ease:
    """Exact EASE: one inverse of the whole Gram matrix.

    Attributes:
        regularization: Is added to the diagonal of the Gram matrix.
        top: Indicators that a work keeps.
    """

    regularization: float = REGULARIZATION
    top: int = TOP
    name: str = "ease"

    def learn(self, likes: Likes, works: Works) -> csr_array:
        """As `Learner.learn`.

        Raises:
            UsageError: More than `MAX_WORKS` works.
        """
        n_works = likes.shape[1]
        if n_works > MAX_WORKS:
            raise UsageError(
                f"exact EASE inverts a matrix of {n_works} x {n_works} works; from {MAX_WORKS} on "
                "use --learner local-ease, which is as good and grows linearly"
            )
        gram = _gram(likes)
        gram[np.diag_indices(n_works)] += self.regularization
        factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
        wanted = np.zeros((n_works, len(works)), np.float32)
        wanted[works, np.arange(len(works))] = 1
        inverse = cho_solve(factor, wanted, overwrite_b=True, check_finite=False).T
        own = inverse[np.arange(len(works)), works]
        weights = -inverse / own[:, None]  # (len(works), n_works)
        weights[np.arange(len(works)), works] = 0
        weights[weights < 0] = 0
        return strongest(csr_array(weights), top=self.top)


def _gram(likes: Likes) -> NDArray[np.float32]:
    """The Gram matrix, shape (n_works, n_works)."""
    if not isinstance(likes, NoisedSums):
        return (likes.T @ likes).toarray().astype(np.float32)  # type: ignore[no-any-return]
    gram: NDArray[np.float32] = likes.together.toarray()
    gram[np.diag_indices(len(gram))] = likes.counts
    return gram
