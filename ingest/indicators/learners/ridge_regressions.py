"""The regressions of local EASE, many at once: LAPACK on a CPU, torch elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import lapack
from threadpoolctl import ThreadpoolController

from ingest.indicators.learners.learner import Works
from ingest.indicators.learners.sparse_blocks import Floats

SMALL = 48
"""A work with so many neighbors or fewer gets a matrix of this size.

Where the padding ends decides the last bits of a solution. LAPACK factors a matrix of 200 in blocks
of a quarter, and the first of them has this size: so all of 48 are those of 200.
"""


@dataclass(frozen=True, slots=True)
class Rows:
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

    def with_those(self, more: Rows, works: Works) -> Rows:
        """These rows, and after them those of other works."""
        place = self.place.copy()
        place[works] = len(self.columns) + more.place[works]
        columns = np.concatenate([self.columns, more.columns])
        return Rows(place, columns, np.concatenate([self.values, more.values]), self.diagonal)


class Regressions(Protocol):
    """Ridge regressions of works on some of their nearest."""

    batch: int
    """Works that are best solved together."""

    def solve(self, near: NDArray[np.int32], towards: Floats) -> Floats:
        """Regress works.

        Args:
            near: Shape (b, m): on which works each is regressed; -1 where there are fewer.
            towards: Shape (b, m): what they have in common with it.

        Returns:
            Weights, shape (b, m).
        """
        ...


def regressions(gram: Rows, regularization: float, device: str) -> Regressions:
    """What solves regressions on a device.

    Args:
        gram: Rows of all works that will be asked for, as neighbors too.
        regularization: Added to the diagonal.
        device: `cpu`, or another as PyTorch names it.
    """
    if device == "cpu":  # LAPACK alone is three times as fast as torch's batch of them
        return OnCpu(gram, regularization)
    return InTorch(gram, regularization, device)


class OnCpu:
    """One after the other, by LAPACK; a work with few neighbors gets a small matrix."""

    batch = 64

    def __init__(self, gram: Rows, regularization: float) -> None:
        self._gram = gram
        self._regularization = regularization
        self._threads = ThreadpoolController()
        # Where each work is among the neighbors at hand; the last place is that of the padding, -1.
        self._local = np.full(len(gram.diagonal) + 1, -1, np.int32)

    def solve(self, near: NDArray[np.int32], towards: Floats) -> Floats:
        """As `Regressions.solve`."""
        weights = np.zeros(near.shape, np.float32)
        counts = np.count_nonzero(near >= 0, axis=1).tolist()
        with self._threads.limit(limits=1):  # they cost more than they bring to matrices this small
            for place in np.flatnonzero(counts):
                size = SMALL if counts[place] <= SMALL < near.shape[1] else near.shape[1]
                matrix = self._among(near[place, :size])
                weights[place, :size] = _solve(matrix, towards[place, :size])
        return weights

    def _among(self, near: NDArray[np.int32]) -> Floats:
        """The Gram matrix of a work's m neighbors, shape (m, m), regularized."""
        gram, local = self._gram, self._local
        there = near[near >= 0]
        local[there] = np.arange(len(there))
        rows = gram.place[there]
        places = local[gram.columns[rows]]  # (len(there), width)
        local[there] = -1
        found = np.flatnonzero(places >= 0)
        matrix = np.zeros((len(near), len(near)), np.float32)
        matrix[found // places.shape[1], places.ravel()[found]] = gram.values[rows].ravel()[found]
        np.maximum(matrix, matrix.T, out=matrix)  # an entry may be kept in one of its two rows
        diagonal = np.where(near >= 0, gram.diagonal[near], 0)
        np.fill_diagonal(matrix, diagonal + self._regularization)
        return matrix


def _solve(matrix: Floats, vector: Floats) -> Floats:
    _, solved, failed = lapack.sposv(matrix, vector, lower=True, overwrite_a=True)
    # Co-occurrences that were not kept can leave a matrix that is not positive definite.
    return solved if not failed else np.linalg.solve(matrix, vector)


class InTorch:
    """A batch at once, on a device of torch, which holds the rows: 8 bytes for each entry."""

    batch = 256  # 1.6 MB of the device's memory for each of them, at 200 neighbors and width 1000

    def __init__(self, gram: Rows, regularization: float, device: str) -> None:
        order = np.argsort(gram.columns, axis=1)  # by column, for bisection
        self._columns = torch.from_numpy(np.take_along_axis(gram.columns, order, 1)).to(device)
        self._values = torch.from_numpy(np.take_along_axis(gram.values, order, 1)).to(device)
        self._place = torch.from_numpy(gram.place).to(device)
        self._diagonal = torch.from_numpy(gram.diagonal).to(device)
        self._regularization = regularization

    def solve(self, near: NDArray[np.int32], towards: Floats) -> Floats:
        """As `Regressions.solve`."""
        matrices = self._among(torch.from_numpy(near).to(self._place.device))
        vectors = torch.from_numpy(towards).to(matrices.device)[..., None]
        factors, failed = torch.linalg.cholesky_ex(matrices)
        solved = torch.cholesky_solve(vectors, factors)
        if failed.any():  # as in `_solve`
            solved[failed > 0] = torch.linalg.solve(matrices[failed > 0], vectors[failed > 0])
        weights: Floats = solved[..., 0].cpu().numpy()
        return weights

    def _among(self, near: torch.Tensor) -> torch.Tensor:
        """As `OnCpu._among`: entries are looked up by bisection, in place of a table of works."""
        batch, size = near.shape
        there = near >= 0
        rows = self._place[near]  # (b, m); any row for the padding, whose entries are then dropped
        columns = self._columns[rows]  # (b, m, width)
        wanted = near[:, None, :].expand(batch, size, size).contiguous()
        at = torch.searchsorted(columns, wanted).clamp_(max=columns.shape[2] - 1)
        kept = (columns.gather(2, at) == wanted) & there[:, :, None] & there[:, None, :]
        matrices = self._values[rows].gather(2, at).where(kept, 0)
        matrices = torch.maximum(matrices, matrices.mT)
        diagonal = self._diagonal[near].where(there, 0) + self._regularization
        matrices.diagonal(dim1=1, dim2=2).copy_(diagonal)
        return matrices
