"""Indicators for works that few have touched, inherited from works like them in any language.

A work with few interactions (a new language, a new market) gets the mean of the indicators of its
nearest warm works, weighed by similarity, and its nearest works themselves, warm or not: whoever
liked one of those will like it. What it has of its own and what it inherits are blended by
evidence: own x n/(n + shrinkage) + inherited x shrinkage/(n + shrinkage), with n the users who
liked it. What is inherited counts as much as its lenders are near. Vectors are centered, so that
the nearest works may be in any language.

What is bought together is inherited in both directions: a new bag is bought with the cameras that
bags like it are bought with, and a new camera with the bags of cameras like it. The nearest works
themselves say nothing there, for they are bought in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, vstack

from ingest.indicators.learners.learner import TOP, Works
from ingest.indicators.learners.sparse_blocks import BLOCK_ENTRIES, Floats, others, strongest
from ingest.indicators.nearest_neighbours import Neighbours
from xlrec_es.vectors.vector import Vector

OWN, BLENDED, INHERITED, NONE = "own", "blended", "inherited", "none"
_LEAST_SHARE = 0.05  # of what is inherited: less changes no list


@dataclass(frozen=True, slots=True)
class Blend:
    """Indicators after the transfer.

    Attributes:
        indicators: Shape (n_works, n_works): of each work in its row.
        provenance: For each work `own`, `blended`, `inherited`, or `none` if it has no indicator.
        too_few: How many indicators were left out, for they rested on too few users.
    """

    indicators: csr_array
    provenance: NDArray[np.str_]
    too_few: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """How works inherit from their neighbors.

    The defaults measured best (ingest/DESIGN.md, "Cold-start transfer").

    Attributes:
        neighbours: Warm works that a work inherits from; 0: nothing is inherited.
        kappa: Users that own indicators need to count as much as inherited ones. Low, for who
            did not like a work that was there for them says more of it than its neighbors do.
        full_cosine: Mean cosine of lenders that lend in full; nearer ones lend more, others less.
        self_weight: Sum of the weights of the neighbors themselves, as a part of what the
            inherited indicators add up to.
        speaking: Nearest works that speak themselves.
        temperature: Of the soft maximum over cosines that weighs neighbors; near 0, only the
            nearest counts.
        min_users: A work liked by so many is warm.
        top: Indicators that a work keeps.
        both_ways: Whether works also speak for what their neighbors speak for.
        device: Where neighbors are looked for: `cpu`, `cuda`.
    """

    neighbours: int = 20
    kappa: float = 0.3
    full_cosine: float = 0.5
    self_weight: float = 0.4
    speaking: int = 50
    temperature: float = 0.1
    min_users: int = 1
    top: int = TOP
    both_ways: bool = False
    device: str = field(default="cpu", repr=False)  # the same are found on each

    def needy(self, users: Floats, vectors: Vector, works: Works) -> Works:
        """Those of some works that inherit; arguments as for `apply`."""
        if not self.neighbours:
            return works[:0]
        share = self.kappa / (users[works] + self.kappa)
        return works[(share >= _LEAST_SHARE) & vectors[works].any(axis=1)]

    def own_of(
        self,
        learn: Callable[[Works], csr_array],
        users: Floats,
        vectors: Vector,
        works: Works,
    ) -> csr_array:
        """Learn what these works have of their own, and the works that they inherit from.

        Args:
            learn: A learner's, of some works.
            users: As for `apply`.
            vectors: As for `apply`.
            works: Which; all of them, or those of a shard.

        Returns:
            Shape (n_works, n_works): the rows that `apply` needs for these works.
        """
        n_works = len(users)
        needy = self.needy(users, vectors, works)
        warm = users >= self.min_users
        known = np.zeros(n_works, bool)
        own = csr_array((n_works, n_works), dtype=np.float32)
        wanted = works
        neighbours = Neighbours(vectors, self.device) if len(works) < n_works else None
        while True:
            if neighbours:
                [lent] = neighbours.of(needy, (warm, self.neighbours))
                wanted = np.union1d(wanted, lent.indices).astype(np.int32)
            wanted = wanted[~known[wanted]]
            if not len(wanted):
                return own
            own = csr_array(own + _at_rows(learn(wanted), wanted))
            known[wanted] = True
            # A work that turns out to have no indicators lends nothing: the next nearest does.
            warm &= ~known | (np.diff(own.indptr) > 0)

    def apply(
        self, own: csr_array, users: Floats, vectors: Vector, works: Works | None = None
    ) -> Blend:
        """Blend what works have of their own with what they inherit.

        Args:
            own: Shape (n_works, n_works), as a learner made it.
            users: Who liked each work, shape (n_works,).
            vectors: Shape (n_works, dims), centered, of length 1; zeros where there is none.
            works: Which are wanted, None for all; the others end without indicators.
        """
        n_works = len(users)
        wanted = np.arange(n_works, dtype=np.int32) if works is None else works
        needy = self.needy(users, vectors, wanted)
        warm = (users >= self.min_users) & (np.diff(own.indptr) > 0)
        everybody = np.asarray(vectors.any(axis=1))
        neighbours = Neighbours(vectors, self.device)
        lent, speakers = neighbours.of(needy, (warm, self.neighbours), (everybody, self.speaking))
        given = np.zeros(n_works)
        rows = [csr_array((0, n_works), dtype=np.float32)]
        # In blocks: what twenty lenders have is some thousand entries a work, before it is cut.
        size = max(1, BLOCK_ENTRIES // (self.neighbours * self.top + self.speaking + 1))
        for start in range(0, len(needy), size):
            some, here = needy[start : start + size], slice(start, start + size)
            inherited = self._inherit(own, lent[here], speakers[here], some)
            blended, given[some] = self._blend(own[some], inherited, users[some])
            rows.append(blended)
        others_own = np.setdiff1d(wanted, needy)
        kept = _at_rows(strongest(own[others_own], top=self.top), others_own)
        indicators = csr_array(kept + _at_rows(vstack(rows, format="csr"), needy))
        if self.both_ways and self.neighbours:
            indicators = self._spoken(indicators, users, vectors, neighbours)
        provenance = np.select(
            [np.diff(indicators.indptr) == 0, given == 0, given == 1],
            [NONE, OWN, INHERITED],
            BLENDED,
        )
        return Blend(indicators, provenance)

    def _blend(
        self, own: csr_array, inherited: csr_array, users: Floats
    ) -> tuple[csr_array, NDArray[np.float64]]:
        """Own and inherited indicators of some works in one, and the share of the inherited."""
        share = self.kappa / (users.astype(np.float64) + self.kappa)
        # A work without anything to inherit keeps its own in full, and the other way round.
        share[np.diff(inherited.indptr) == 0] = 0
        share[(np.diff(own.indptr) == 0) & (share > 0)] = 1
        mixed = csr_array(diags_array(1 - share) @ own + diags_array(share) @ inherited)
        mixed.eliminate_zeros()
        return strongest(csr_array(mixed, dtype=np.float32), top=self.top), share

    def _inherit(
        self, own: csr_array, lent: csr_array, speakers: csr_array, needy: Works
    ) -> csr_array:
        """Inherited indicators of some needy works, shape (len(needy), n_works)."""
        means = csr_array(self._lending(lent) @ own)
        # On the scale of the learner's weights, whichever learner it is.
        typical = np.asarray(means.sum(axis=1)).ravel()  # (len(needy),)
        typical[typical == 0] = 1
        scale = diags_array((self.self_weight * typical).astype(np.float32))
        speaking = scale @ _softmax(speakers, self.temperature)
        return others(csr_array(means + speaking), needy)

    def _lending(self, lent: csr_array) -> csr_array:
        """How much some needy works inherit from each, shape (len(needy), n_works)."""
        weights = _softmax(lent, self.temperature)
        nearness = np.asarray(weights.multiply(lent).sum(axis=1)).ravel() / self.full_cosine
        nearness[np.diff(lent.indptr) == 0] = 1
        return csr_array(diags_array(np.maximum(nearness, 0).astype(np.float32)) @ weights)

    def _spoken(
        self, indicators: csr_array, users: Floats, vectors: Vector, neighbours: Neighbours
    ) -> csr_array:
        """Indicators in which needy works speak as those speak that they are near.

        Who inherits from whom depends on no row of the indicators, so that shards agree.

        Args:
            indicators: Shape (n_works, n_works), blended row by row.
            users: As for `apply`.
            vectors: As for `apply`.
            neighbours: Of these vectors.

        Returns:
            The same shape; rows without indicators stay so.
        """
        n_works = len(users)
        needy = self.needy(users, vectors, np.arange(n_works, dtype=np.int32))
        [lent] = neighbours.of(needy, (users >= self.min_users, self.neighbours))
        share = np.zeros(n_works)
        share[needy] = self.kappa / (users[needy].astype(np.float64) + self.kappa)
        share[needy[np.diff(lent.indptr) == 0]] = 0
        given = csr_array(diags_array(share[needy].astype(np.float32)) @ self._lending(lent))
        kept = diags_array((1 - share).astype(np.float32))
        speaking = csr_array(kept + _at_rows(given, needy).T)  # from a work to who speaks like it
        rows = [csr_array((0, n_works), dtype=np.float32)]
        size = max(1, BLOCK_ENTRIES // int(self.top * (1 + speaking.nnz / max(1, n_works))))
        for start in range(0, n_works, size):
            works = np.arange(start, min(start + size, n_works), dtype=np.int32)
            spoken = others(csr_array(indicators[works] @ speaking, dtype=np.float32), works)
            rows.append(strongest(spoken, top=self.top))
        return vstack(rows, format="csr")


BASKET_TRANSFER = Transfer(neighbours=10, kappa=5, self_weight=0, speaking=1, both_ways=True)
"""For what is bought together.

Pairs of items are rarer in baskets than in users, so what is inherited counts up to more baskets.
Measured on the shop of tests/basket_world.py: ingest/INTERACTIONS.md, "Bought together".
"""


def _at_rows(rows: csr_array, works: Works) -> csr_array:
    """Rows at the places of their works, shape (n_works, n_works)."""
    n_works = rows.shape[1]
    counts = np.zeros(n_works + 1, np.int64)
    counts[works + 1] = np.diff(rows.indptr)
    order = np.argsort(works, kind="stable")
    sorted_rows = csr_array(rows[order])
    return csr_array(
        (sorted_rows.data, sorted_rows.indices, np.cumsum(counts)), shape=(n_works, n_works)
    )


def _softmax(cosines: csr_array, temperature: float) -> csr_array:
    """Weights that add up to 1 in each row that has any."""
    rows = np.repeat(np.arange(cosines.shape[0]), np.diff(cosines.indptr))
    # Relative to the nearest, so that nothing overflows.
    tops = np.full(cosines.shape[0], -1.0)
    np.maximum.at(tops, rows, cosines.data)
    weights = np.exp((cosines.data - tops[rows]) / temperature)
    weights /= np.bincount(rows, weights, minlength=cosines.shape[0])[rows]
    return csr_array(
        (weights.astype(np.float32), cosines.indices, cosines.indptr), shape=cosines.shape
    )
