"""Sparse matrices in blocks of rows, so that memory does not grow with the square of the works."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from ingest.indicators.learners.learner import Works
from ingest.indicators.learners.noised_sums import Likes, NoisedSums

BLOCK_ENTRIES = 16_000_000
"""Entries that a block of rows may have if it is full: 128 MB with their column numbers."""

Floats = NDArray[np.float32]


class BothWays(csr_array):  # type: ignore[misc] # scipy has no types
    """Likes with their transpose beside them, which need not be made where it is needed.

    What is made of it is an ordinary matrix.

    Attributes:
        by_work: The transpose, in rows.
    """

    by_work: csr_array

    @classmethod
    def of(cls, likes: csr_array, by_work: csr_array) -> BothWays:
        """Both of them, nothing copied."""
        made = cls((likes.data, likes.indices, likes.indptr), shape=likes.shape)
        made.has_sorted_indices = True
        made.by_work = by_work
        return made


def rows_of_works(likes: csr_array) -> csr_array:
    """The transpose in rows: who liked each work."""
    return likes.by_work if isinstance(likes, BothWays) else csr_array(likes.T.tocsr())


def blocks(works: Works, n_works: int) -> Iterator[Works]:
    """The works in groups whose rows fit into `BLOCK_ENTRIES`."""
    size = max(1, BLOCK_ENTRIES // max(1, n_works))
    for start in range(0, len(works), size):
        yield works[start : start + size]


def strengths(likes: Likes) -> Floats:
    """The sum of squares of each work's likes, shape (n_works,): the diagonal of the Gram matrix.

    For plain likes it is how many users liked the work.
    """
    if isinstance(likes, NoisedSums):
        return likes.counts
    sums = np.zeros(likes.shape[1])
    for start in range(0, likes.nnz, BLOCK_ENTRIES):
        some = slice(start, start + BLOCK_ENTRIES)
        np.add.at(sums, likes.indices[some], likes.data[some].astype(np.float64) ** 2)
    return sums.astype(np.float32)


def co_occurrences(likes: Likes) -> Callable[[Works], csr_array]:
    """Gives rows of the Gram matrix without its diagonal, shape (b, n_works), of b works."""
    if isinstance(likes, NoisedSums):
        together = likes.together
        return lambda block: csr_array(together[block])
    by_work = rows_of_works(likes)
    return lambda block: others(by_work[block] @ likes, block)


def map_blocks(
    likes: Likes, works: Works, weigh: Callable[[csr_array, Works], csr_array], *, top: int
) -> csr_array:
    """Co-occurrences of some works with all, weighed, and the strongest of them kept.

    Args:
        likes: As for `Learner.learn`.
        works: Rows wanted.
        weigh: From a block's co-occurrences, shape (b, n_works), without the works themselves, and
            its b works to weights of the same shape.
        top: Entries that a row keeps.

    Returns:
        Shape (len(works), n_works).
    """
    rows = co_occurrences(likes)
    parts = [
        strongest(weigh(rows(block), block), top=top) for block in blocks(works, likes.shape[1])
    ]
    if not parts:
        return csr_array((0, likes.shape[1]), dtype=np.float32)
    return vstack(parts, format="csr")


def others(rows: csr_array, works: Works) -> csr_array:
    """The rows of these works without their entries for the works themselves."""
    own = np.repeat(works, np.diff(rows.indptr)) == rows.indices
    rows.data[own] = 0
    rows.eliminate_zeros()
    rows.sort_indices()
    return rows


def with_data(pattern: csr_array, data: NDArray[np.floating]) -> csr_array:
    """Other values at the same places; what is not above zero goes."""
    matrix = csr_array(
        (data.astype(np.float32), pattern.indices, pattern.indptr), shape=pattern.shape
    )
    matrix.data[~(matrix.data > 0)] = 0  # NaN too
    matrix.eliminate_zeros()
    return matrix


def strongest(matrix: csr_array, *, top: int) -> csr_array:
    """The `top` largest entries of each row, in order of their columns."""
    kept = []
    counts = np.zeros(matrix.shape[0], np.int64)
    for row in range(matrix.shape[0]):
        start, end = matrix.indptr[row], matrix.indptr[row + 1]
        counts[row] = min(top, end - start)
        kept.append(start + largest(matrix.data[start:end], top))
    places = np.concatenate(kept) if kept else np.empty(0, np.intp)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return csr_array((matrix.data[places], matrix.indices[places], indptr), shape=matrix.shape)


def largest(values: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Places of the `count` largest values, in order of place."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.sort(np.argpartition(-values, count)[:count])
