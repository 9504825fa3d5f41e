"""Local EASE: for each work, a ridge regression on its nearest works alone.

Exact EASE inverts one matrix of all works. Here every work has a small matrix of its own, so that
the cost of a work does not depend on how many there are, and works can be split over machines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

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
    """Rows of the Gram matrix, of each the entries with the highest cosine; padded with -1 and 0.

    Attributes:
        place: Shape (n_works,), int32: which row is a work's; -1: none.
        columns: Shape (n_rows, width), int32; the nearest works first.
        values: Shape (n_rows, width), float32.
        diagonal: Shape (n_works,), float32.
    """

    place: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: Floats
    diagonal: Floats

    def with_those(self, more: _Rows, works: Works) -> _Rows:
        """These rows, and after them those of other works."""
        place = self.place.copy()
        place[works] = len(self.columns) + more.place[works]
        columns = np.concatenate([self.columns, more.columns])
        return _Rows(place, columns, np.concatenate([self.values, more.values]), self.diagonal)


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
    device: str = field(default="cpu", repr=False)  # the same is learned on each
    name: str = "local-ease"

    def learn(self, likes: csr_array, works: Works) -> csr_array:
        """As `Learner.learn`."""
        n_works = likes.shape[1]
        gram = self._gram(likes, works)
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

    def _gram(self, likes: csr_array, works: Works) -> _Rows:
        """The rows of these works and of their neighbours: all that their regressions need."""
        width = min(self.width, max(1, likes.shape[1] - 1))
        rows = _nearest(likes, works, width)
        near = np.unique(rows.columns[:, : self.neighbours])
        more = near[near >= 0]
        more = more[rows.place[more] < 0]
        return rows.with_those(_nearest(likes, more, width), more) if len(more) else rows

    def _regress(self, gram: _Rows, works: Works) -> Iterator[tuple[NDArray[np.int32], Floats]]:
        """The indicators of a few works, solved together."""
        near = gram.columns[
            gram.place[works], : self.neighbours
        ]  # (b, m), -1 where there are fewer
        towards = gram.values[gram.place[works], : self.neighbours]  # (b, m)
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
    return ridge_in_torch(left, right, device)


def ridge_in_torch(left: Floats, right: Floats, device: str) -> Floats:
    """As `_ridge`, the whole batch at once on a device of torch."""
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
        rows = gram.place[there]
        places = local[gram.columns[rows]]  # (len(there), width)
        found = np.flatnonzero(places >= 0)
        matrix[found // places.shape[1], places.ravel()[found]] = gram.values[rows].ravel()[found]
        local[there] = -1
        np.maximum(matrix, matrix.T, out=matrix)  # an entry may be kept in one of its two rows
        diagonal = np.where(row >= 0, gram.diagonal[row], 0)
        matrix[np.arange(size), np.arange(size)] = diagonal + regularization
    return matrices


def _nearest(likes: csr_array, works: Works, width: int) -> _Rows:
    """Of some works the co-occurrences with their nearest works by cosine."""
    n_works = likes.shape[1]
    diagonal = strengths(likes)
    lengths = np.sqrt(np.maximum(diagonal, np.finfo(np.float32).tiny))
    place = np.full(n_works, -1, np.int32)
    place[works] = np.arange(len(works), dtype=np.int32)
    columns = np.full((len(works), width), -1, np.int32)
    values = np.zeros((len(works), width), np.float32)
    by_work = likes.T.tocsr()
    for block in blocks(works, n_works):
        together = others(by_work[block] @ likes, block)
        bounds = zip(place[block], together.indptr[:-1], together.indptr[1:], strict=True)
        for row, start, end in bounds:
            found, common = together.indices[start:end], together.data[start:end]
            cosine = common / lengths[found]  # its own length is the same for all
            best = largest(cosine, width)
            best = best[np.argsort(-cosine[best], kind="stable")]
            columns[row, : len(best)] = found[best]
            values[row, : len(best)] = common[best]
    return _Rows(place, columns, values, diagonal)
