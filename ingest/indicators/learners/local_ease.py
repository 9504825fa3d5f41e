"""Local EASE: for each work, a ridge regression on its nearest works alone.

Exact EASE inverts one matrix of all works. Here every work has a small matrix of its own, so that
the cost of a work does not depend on how many there are, and works can be split over machines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ingest.indicators.learners.ease import REGULARIZATION
from ingest.indicators.learners.learner import TOP, Works
from ingest.indicators.learners.noised_sums import Likes, NoisedSums
from ingest.indicators.learners.ridge_regressions import Regressions, Rows, regressions
from ingest.indicators.learners.sparse_blocks import (
    BLOCK_ENTRIES,
    Floats,
    blocks,
    co_occurrences,
    largest,
    strengths,
)

NEIGHBOURS = 200
WIDTH = 1000


@dataclass(frozen=True, slots=True)
class LocalEase:
    """EASE on each work's nearest works.

    Attributes:
        regularization: As for `Ease`.
        neighbours: Works in a regression: the nearest by cosine.
        width: Co-occurrences that are kept of a work, the nearest first. What two neighbors of a
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

    def learn(self, likes: Likes, works: Works) -> csr_array:
        """As `Learner.learn`."""
        width = self.width_for(likes)
        rows = nearest(likes, works, width)
        more = self.lacking(rows)
        if len(more):
            rows = rows.with_those(nearest(likes, more, width), more)
        return self.solve(rows, works)

    def width_for(self, likes: Likes) -> int:
        """Co-occurrences that are kept of a work, of these likes; what is longer is padding."""
        most = max(self.neighbours, _most_others(likes))
        others_there = int(likes.shape[1]) - 1
        return min(self.width, max(1, others_there), most)

    def lacking(self, rows: Rows) -> Works:
        """Neighbors of works, which regressions need the rows of, and which have none here."""
        near = np.unique(rows.columns[:, : self.neighbours])
        near = near[near >= 0]
        return near[rows.place[near] < 0]

    def solve(self, gram: Rows, works: Works) -> csr_array:
        """The regressions of works.

        Args:
            gram: The rows of these works and of their neighbors.
            works: Which.

        Returns:
            As `Learner.learn`.
        """
        solver = regressions(gram, self.regularization, self.device)
        columns, values, counts = [], [], []
        for at in range(0, len(works), solver.batch):
            for found, weights in self._regress(gram, solver, works[at : at + solver.batch]):
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
            shape=(len(works), len(gram.diagonal)),
        )

    def _regress(
        self, gram: Rows, solver: Regressions, works: Works
    ) -> Iterator[tuple[NDArray[np.int32], Floats]]:
        """The indicators of a few works, solved together."""
        rows = gram.place[works]
        near = gram.columns[rows, : self.neighbours]  # (b, m), -1 where there are fewer
        weights = solver.solve(near, gram.values[rows, : self.neighbours])
        for columns, row in zip(near, weights, strict=True):
            good = np.flatnonzero((row > 0) & (columns >= 0))
            best = good[largest(row[good], self.top)]
            best = best[np.argsort(columns[best])]
            yield columns[best], row[best].astype(np.float32)


def _most_others(likes: Likes) -> int:
    """With so many works or fewer each work has users in common."""
    if isinstance(likes, NoisedSums):
        return int(np.diff(likes.together.indptr).max(initial=0))
    lengths = np.diff(likes.indptr)
    of_each = np.zeros(likes.shape[1])
    size = max(1, BLOCK_ENTRIES // max(1, int(lengths.max(initial=1))))
    for start in range(0, len(lengths), size):
        some = lengths[start : start + size]
        begin, end = likes.indptr[start], likes.indptr[min(start + size, len(lengths))]
        counts = np.repeat(some - 1, some)
        of_each += np.bincount(likes.indices[begin:end], counts, minlength=len(of_each))
    return int(of_each.max(initial=0))


def nearest(likes: Likes, works: Works, width: int) -> Rows:
    """Of some works the co-occurrences with their nearest works by cosine.

    Args:
        likes: As for `Learner.learn`.
        works: Which.
        width: How many of each.
    """
    n_works = likes.shape[1]
    diagonal = strengths(likes)
    lengths = np.sqrt(np.maximum(diagonal, np.finfo(np.float32).tiny))
    place = np.full(n_works, -1, np.int32)
    place[works] = np.arange(len(works), dtype=np.int32)
    columns = np.full((len(works), width), -1, np.int32)
    values = np.zeros((len(works), width), np.float32)
    rows_of = co_occurrences(likes)
    for block in blocks(works, n_works):
        together = rows_of(block)
        bounds = zip(place[block], together.indptr[:-1], together.indptr[1:], strict=True)
        for row, start, end in bounds:
            found, common = together.indices[start:end], together.data[start:end]
            cosine = common / lengths[found]  # its own length is the same for all
            best = largest(cosine, width)
            best = best[np.argsort(-cosine[best], kind="stable")]
            columns[row, : len(best)] = found[best]
            values[row, : len(best)] = common[best]
    return Rows(place, columns, values, diagonal)
