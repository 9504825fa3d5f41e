"""Local EASE: for each work, a ridge regression on its nearest works alone.

Exact EASE inverts one matrix of all works. Here every work has a small matrix of its own, so that
the cost of a work does not depend on how many there are, and works can be split over machines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from ingest.learners.ease import REGULARIZATION
from ingest.learners.protocol import TOP, Works
from ingest.learners.sparse import Floats, blocks, largest, others, strengths

NEIGHBOURS = 200
WIDTH = 1000
_BATCH = 64


@dataclass(frozen=True, slots=True)
class _Rows:
    """The Gram matrix, of each row the entries with the highest cosine; padded with -1 and 0.

    Attributes:
        columns: Shape (n_works, width), int32; the nearest works first.
        values: Shape (n_works, width), float32.
        diagonal: Shape (n_works,), float32.
    """

    columns: NDArray[np.int32]
    values: Floats
    diagonal: Floats


@dataclass(frozen=True, slots=True)
class LocalEase:
    """EASE on each work's nearest works.

    Attributes:
        regularization: As for `Ease`.
        neighbours: Works in a regression: the nearest by cosine.
        width: Co-occurrences that are kept of a work, the nearest first. What two neighbours of a
            work have in common is looked up in them, and is taken as zero if it is in neither's.
        top: Indicators that a work keeps.
        device: Where the regressions are solved: `cpu`, `cuda`.
    """

    regularization: float = REGULARIZATION
    neighbours: int = NEIGHBOURS
    width: int = WIDTH
    top: int = TOP
    device: str = "cpu"
    name: str = "local-ease"

    def learn(self, likes: csr_array, works: Works) -> csr_array:
        """As `Learner.learn`."""
        n_works = likes.shape[1]
        gram = _nearest(likes, min(self.width, max(1, n_works - 1)))
        columns, values, counts = [], [], []
        for block in (works[at : at + _BATCH] for at in range(0, len(works), _BATCH)):
            for found, weights in self._regress(gram, block):
                columns.append(found)
                values.append(weights)
                counts.append(len(found))
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        empty = np.empty(0, np.int32)
        return csr_array(
            (
                np.concatenate([empty.astype(np.float32), *values]),
                np.concatenate([empty, *columns]),
                indptr,
            ),
            shape=(len(works), n_works),
        )

    def _regress(self, gram: _Rows, works: Works) -> Iterator[tuple[NDArray[np.int32], Floats]]:
        """The indicators of a few works, solved together."""
        near = gram.columns[works, : self.neighbours]  # (b, m), -1 where there are fewer
        towards = gram.values[works, : self.neighbours]  # (b, m)
        weights = _ridge(_among(gram, near, self.regularization), towards, self.device)
        for columns, row in zip(near, weights, strict=True):
            good = np.flatnonzero((row > 0) & (columns >= 0))
            best = good[largest(row[good], self.top)]
            best = best[np.argsort(columns[best])]
            yield columns[best], row[best].astype(np.float32)


def _ridge(left: Floats, right: Floats, device: str) -> Floats:
    """Solve a batch of symmetric systems, shapes (b, m, m) and (b, m) -> (b, m)."""
    if device == "cpu":  # LAPACK alone is three times as fast as torch's batch of them
        with threadpool_limits(1):  # threads cost more than they bring to matrices this small
            return np.stack([_solve(*system) for system in zip(left, right, strict=True)])
    matrices = torch.from_numpy(left).to(device)
    vectors = torch.from_numpy(right).to(device)[..., None]
    solved: Floats = torch.linalg.solve(matrices, vectors)[..., 0].cpu().numpy()
    return solved


def _solve(matrix: Floats, vector: Floats) -> Floats:
    _, solved, failed = lapack.sposv(matrix, vector, lower=True, overwrite_a=True)
    # Co-occurrences that were not kept can leave a matrix that is not positive definite.
    return solved if not failed else np.linalg.solve(matrix, vector)


def _among(gram: _Rows, near: NDArray[np.int32], regularization: float) -> Floats:
    """The Gram matrices of some works' neighbours, shape (b, m, m), regularized."""
    n_works, (batch, size) = len(gram.diagonal), near.shape
    matrices = np.zeros((batch, size, size), np.float32)
    local = np.full(n_works + 1, -1, np.int32)  # the last place is that of the padding, -1
    for matrix, row in zip(matrices, near, strict=True):
        there = row[row >= 0]
        local[there] = np.arange(len(there))
        places = local[gram.columns[there]]  # (len(there), width)
        found = np.flatnonzero(places >= 0)
        matrix[found // places.shape[1], places.ravel()[found]] = gram.values[there].ravel()[found]
        local[there] = -1
        np.maximum(matrix, matrix.T, out=matrix)  # an entry may be kept in one of its two rows
        diagonal = np.where(row >= 0, gram.diagonal[row], 0)
        matrix[np.arange(size), np.arange(size)] = diagonal + regularization
    return matrices


def _nearest(likes: csr_array, width: int) -> _Rows:
    """Of each work the co-occurrences with its nearest works by cosine."""
    n_works = likes.shape[1]
    diagonal = strengths(likes)
    lengths = np.sqrt(np.maximum(diagonal, np.finfo(np.float32).tiny))
    columns = np.full((n_works, width), -1, np.int32)
    values = np.zeros((n_works, width), np.float32)
    by_work = likes.T.tocsr()
    for block in blocks(np.arange(n_works, dtype=np.int32), n_works):
        together = others(by_work[block] @ likes, block)
        for work, start, end in zip(block, together.indptr[:-1], together.indptr[1:], strict=True):
            found, common = together.indices[start:end], together.data[start:end]
            cosine = common / lengths[found]  # its own length is the same for all
            best = largest(cosine, width)
            best = best[np.argsort(-cosine[best], kind="stable")]
            columns[work, : len(best)] = found[best]
            values[work, : len(best)] = common[best]
    return _Rows(columns, values, diagonal)
