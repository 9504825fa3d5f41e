"""Sums over users that are learned from in place of the users themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class NoisedSums:
    """How many users liked works, and two of them together, each number with noise.

    A learner that needs no more than these never sees a user; see `ingest.indicators.noise`.

    Attributes:
        together: Shape (n_works, n_works), float32, symmetric, without the diagonal: users who
            liked both. What is not there counts as zero.
        counts: Shape (n_works,), float32: users who liked each, zero or above.
        users: Users in all, 1 or above.
    """

    together: csr_array
    counts: NDArray[np.float32]
    users: int

    @property
    def shape(self) -> tuple[int, int]:
        """As a matrix of users and works would have it."""
        return self.users, len(self.counts)


Likes = csr_array | NoisedSums
"""What a learner learns from: a row for each user, or sums over all of them."""
