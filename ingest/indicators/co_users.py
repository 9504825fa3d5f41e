"""No association rests on fewer than so many users: who is rare does not show in what is learned.

An association between two items that one user liked says that this user liked both, to whoever
knows that they liked one of them. The least number of users behind each is k-anonymity of what is
shown (Sweeney 2002, https://doi.org/10.1142/S0218488502001648). It is no differential privacy: the
weight of an association that stays still moves a little with every user.

What cold-start items inherit is put together of associations of others, so it rests on as many.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from ingest.indicators.interaction_matrix import LikeMatrix
from ingest.indicators.learners.learner import Works
from ingest.indicators.learners.sparse_blocks import blocks


class CoUsers:
    """Counts of users who liked two items, and associations without those of too few."""

    def __init__(self, likes: LikeMatrix, least: int) -> None:
        """Nothing is counted yet.

        Args:
            likes: What is learned from.
            least: How many different users an association rests on at least.
        """
        self.left_out = 0
        self._least = least
        self._owners = likes.owners
        some = likes.matrix
        ones = np.ones(some.nnz, np.float32)
        self._rows = csr_array((ones, some.indices, some.indptr), shape=some.shape)
        self._columns = csc_array(self._rows)

    def keep(self, learned: csr_array, works: Works) -> csr_array:
        """Associations that rest on enough users; the others are counted in `left_out`.

        Args:
            learned: Shape (len(works), n_works).
            works: The numbers of its rows.
        """
        kept = learned.copy()
        count = self._by_user if self._owners is None else self._by_owner
        row = 0
        for block in blocks(works, learned.shape[1]):
            counts = count(block)
            for here in range(len(block)):
                entries = slice(learned.indptr[row], learned.indptr[row + 1])
                few = counts(here)[learned.indices[entries]] < self._least
                kept.data[entries][few] = 0
                row += 1
        kept.eliminate_zeros()
        self.left_out += int(learned.nnz - kept.nnz)
        return kept

    def _by_user(self, works: Works) -> Callable[[int], NDArray[np.float32]]:
        """How many users liked each item beside one of these, where a row is a user."""
        together = csr_array(self._columns[:, works].T @ self._rows)

        def of(here: int) -> NDArray[np.float32]:
            entries = slice(together.indptr[here], together.indptr[here + 1])
            counts = np.zeros(together.shape[1], np.float32)
            counts[together.indices[entries]] = together.data[entries]
            return counts

        return of

    def _by_owner(self, works: Works) -> Callable[[int], NDArray[np.float32]]:
        """The same where a row is a basket, and a user has several."""
        assert self._owners is not None
        owners = self._owners

        def of(here: int) -> NDArray[np.float32]:
            column = works[here]
            begin, end = self._columns.indptr[column : column + 2]
            baskets = self._columns.indices[begin:end]
            users, user = np.unique(owners[baskets], return_inverse=True)
            places = (np.ones(len(baskets), np.float32), (user, np.arange(len(baskets))))
            of_users = csr_array(places, shape=(len(users), len(baskets)))
            items = csr_array(of_users @ self._rows[baskets])  # of each user, in any basket of it
            counts = np.bincount(items.indices, minlength=items.shape[1])
            return counts.astype(np.float32)

        return of
