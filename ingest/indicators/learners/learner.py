"""What every learner of indicators takes and gives."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ingest.indicators.learners.noised_sums import Likes

Works = NDArray[np.int32]
"""Numbers of works: columns of the likes."""

TOP = 200
"""Indicators that a work keeps; 100 serve short histories worse."""


class Learner(Protocol):
    """Learns which works speak for which from what many users liked."""

    @property
    def name(self) -> str:
        """As on the command line."""
        ...

    def learn(self, likes: Likes, works: Works) -> csr_array:
        """Learn the indicators of some works.

        Args:
            likes: Shape (n_users, n_works), float32: how much a user liked a work, above zero;
                indices sorted. All works, whichever are asked for. Or noised sums of them.
            works: Those whose indicators are wanted, each once.

        Returns:
            Shape (len(works), n_works), float32. A row's entries are the works that speak for its
            work, with their weights: finite, above zero, and never the work itself. Weights of
            different rows compare: the score of a work for a user is the sum over the user's
            history.

        Raises:
            UsageError: It cannot learn from sums alone.
        """
        ...
