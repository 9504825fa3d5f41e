"""`xlrec-ingest learn --engine ray`: blocks of items are tasks of Ray.

What users liked lies in the object store once a machine, by user and by item, and tasks read it
where it lies. The result is that of one machine, to the last bit: what is learned of an item does
not depend on which items are learned with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import ray
from scipy.sparse import csr_array, vstack

from ingest.indicators.learners import Ease, Learner, LocalEase
from ingest.indicators.learners.learner import Works
from ingest.indicators.learners.local_ease import nearest
from ingest.indicators.learners.ridge_regressions import Rows
from ingest.indicators.learners.sparse_blocks import BothWays, rows_of_works
from ingest.on_ray.session import TRIES, lost_actors

BLOCK_WORKS = 1000
"""Items of a task: seconds to a minute, so that losing one costs little."""


class RayLearner:
    """A learner whose work is done by tasks of Ray; see `ingest.on_ray.session.session`.

    Args:
        learner: What learns. Exact EASE is one inverse, which has no blocks: it is done here.
        block_works: Items of a task.
    """

    def __init__(self, learner: Learner, *, block_works: int = BLOCK_WORKS) -> None:
        self._learner = learner
        self._block_works = block_works

    @property
    def name(self) -> str:
        """As on the command line."""
        return self._learner.name

    def __repr__(self) -> str:
        return repr(self._learner)  # what is learned does not depend on where

    def learn(self, likes: csr_array, works: Works) -> csr_array:
        """As `Learner.learn`.

        Raises:
            IngestError: Ray gave a task up.
        """
        if isinstance(self._learner, Ease) or not len(works):
            return self._learner.learn(likes, works)
        shared = ray.put(BothWays.of(likes, rows_of_works(likes)))
        if isinstance(self._learner, LocalEase):
            return self._local_ease(self._learner, likes, shared, works)
        learned = self._each(_learn, works, self._learner, shared)
        return vstack(list(learned), format="csr")

    def _local_ease(
        self,
        learner: LocalEase,
        likes: csr_array,
        shared: Any,  # noqa: ANN401 - a reference of Ray's
        works: Works,
    ) -> csr_array:
        """In two steps, for the neighbors of a block are items of other blocks."""
        width = learner.width_for(likes)
        rows = self._nearest(shared, works, width)
        more = learner.lacking(rows)
        if len(more):
            rows = rows.with_those(self._nearest(shared, more, width), more)
        solved = self._each(_solve, works, learner, ray.put(rows))
        return vstack(list(solved), format="csr")

    def _nearest(self, shared: Any, works: Works, width: int) -> Rows:  # noqa: ANN401
        """The rows of the Gram matrix of some items."""
        parts = list(self._each(_nearest, works, shared, width))
        place = np.full(len(parts[0].place), -1, np.int32)
        place[works] = np.arange(len(works), dtype=np.int32)
        columns = np.concatenate([part.columns for part in parts])
        values = np.concatenate([part.values for part in parts])
        return Rows(place, columns, values, parts[0].diagonal)

    def _each(self, task: Callable[..., Any], works: Works, *args: object) -> Iterator[Any]:
        """What a task makes of each block of items, in order."""
        remote: Any = ray.remote(task).options(max_retries=TRIES)
        asked = [
            remote.remote(*args, works[start : start + self._block_works])
            for start in range(0, len(works), self._block_works)
        ]
        for one in asked:
            with lost_actors():
                yield ray.get(one)


def _learn(learner: Learner, likes: csr_array, works: Works) -> csr_array:
    return learner.learn(likes, works)


def _nearest(likes: csr_array, width: int, works: Works) -> Rows:
    return nearest(likes, works, width)


def _solve(learner: LocalEase, rows: Rows, works: Works) -> csr_array:
    return learner.solve(rows, works)
