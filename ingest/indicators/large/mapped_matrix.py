"""A matrix of likes whose numbers are files, by user and by item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ingest.indicators.learners.sparse_blocks import BothWays

BLOCK_ENTRIES = 8_000_000


class MatrixFiles:
    """Entries that are added user by user, as files of their numbers.

    Args:
        folder: Where they are.
        n_works: Columns of the matrix.
    """

    def __init__(self, folder: Path, n_works: int) -> None:
        self._folder = folder
        self._n_works = n_works
        self._counts: list[NDArray[np.int64]] = []
        self._files = {name: (folder / name).open("wb") for name in ("works", "weights")}

    def add(self, counts: NDArray[np.int64], works: NDArray[np.int32], weights: Any) -> None:  # noqa: ANN401
        """Add users.

        Args:
            counts: Entries of each.
            works: Of each entry, rising within a user.
            weights: Of each entry, float32.
        """
        self._counts.append(counts)
        self._files["works"].write(np.ascontiguousarray(works, np.int32).data)
        self._files["weights"].write(np.ascontiguousarray(weights, np.float32).data)

    def matrix(self) -> BothWays:
        """The matrix, with weights of 1 in the mean square."""
        for file in self._files.values():
            file.close()
        counts = np.concatenate([np.empty(0, np.int64), *self._counts])
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        entries = int(starts[-1])
        weights = self._mapped("weights", np.float32, entries, "r+")
        works = self._mapped("works", np.int32, entries, "r")
        if entries:
            self._scale(weights)
        shape = (len(counts), self._n_works)
        by_user = csr_array((weights, works, starts), shape=shape)
        by_user.has_sorted_indices = True
        return BothWays.of(by_user, self._by_work(by_user))

    def _scale(self, weights: NDArray[np.float32]) -> None:
        """As in memory, to the last bit: the mean is of all squares at once."""
        squares = self._mapped("squares", np.float32, len(weights), "w+")
        np.square(weights, out=squares)
        weights /= np.sqrt(np.mean(squares, dtype=np.float64))
        (self._folder / "squares").unlink()

    def _by_work(self, likes: csr_array) -> csr_array:
        """The transpose, filled block by block of users."""
        entries = likes.nnz
        counts = np.zeros(self._n_works + 1, np.int64)
        for start, end in _spans(likes.indptr):
            here = slice(likes.indptr[start], likes.indptr[end])
            counts[1:] += np.bincount(likes.indices[here], minlength=self._n_works)
        starts = np.cumsum(counts)
        users = self._mapped("by-work-users", np.int32, entries, "w+")
        weights = self._mapped("by-work-weights", np.float32, entries, "w+")
        free = starts[:-1].copy()
        for start, end in _spans(likes.indptr):
            here = slice(likes.indptr[start], likes.indptr[end])
            works = np.asarray(likes.indices[here])
            whose = np.repeat(
                np.arange(start, end, dtype=np.int32), np.diff(likes.indptr[start : end + 1])
            )
            order = np.argsort(works, kind="stable")
            of_each = np.bincount(works, minlength=self._n_works)
            first = np.cumsum(of_each) - of_each
            places = np.arange(len(order)) + np.repeat(free - first, of_each)
            users[places] = whose[order]
            weights[places] = np.asarray(likes.data[here])[order]
            free += of_each
        shape = (self._n_works, likes.shape[0])
        by_work = csr_array((weights, users, starts.astype(np.int32)), shape=shape)
        by_work.has_sorted_indices = True
        return by_work

    def _mapped(self, name: str, dtype: Any, size: int, mode: Any) -> NDArray[Any]:  # noqa: ANN401
        if not size:  # no system maps an empty file
            return np.empty(0, dtype)
        return np.memmap(self._folder / name, dtype, mode, shape=(size,))


def _spans(indptr: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Whole users with about so many entries, from the first to before the last."""
    start, n_users = 0, len(indptr) - 1
    while start < n_users:
        wanted = int(indptr[start]) + BLOCK_ENTRIES
        end = max(start + 1, int(np.searchsorted(indptr, wanted, side="right")) - 1)
        yield start, min(end, n_users)
        start = min(end, n_users)
