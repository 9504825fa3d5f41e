"""Differential privacy of what is learned: learners see sums over users, with noise in each.

A user changes each sum by a bounded amount: with at most `items` items of a user that count 1 each,
the vector of all sums moves by a known length when a user is added or removed. Gaussian noise in
every cell makes that move hard to see (Dwork and Roth 2014, "The Algorithmic Foundations of
Differential Privacy", https://doi.org/10.1561/0400000042). How much noise is needed is computed by
dp-accounting, by the exact formula of Balle and Wang 2018, "Improving the Gaussian Mechanism for
Differential Privacy" (https://proceedings.mlr.press/v80/balle18a.html).

Which pairs of items any user liked is as private as how many did. So the cells are all pairs of the
catalog, which the interactions do not choose, and each has noise. Of so many cells only those above
a threshold are kept, and it depends on the catalog alone. Cells that no user stands behind are
drawn as they would have come out: how many are above the threshold by the binomial distribution,
which they are evenly, and their values from the upper tail. That has the distribution of noise in
every cell, and takes the memory of what is kept (Cormode et al. 2012, "Differentially Private
Summaries for Sparse Data", https://doi.org/10.1145/2274576.2274608).
"""

from __future__ import annotations

import functools
import math
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtri

from ingest.indicators.interaction_matrix import LikeMatrix
from ingest.indicators.learners.learner import Works
from ingest.indicators.learners.noised_sums import NoisedSums
from ingest.indicators.learners.sparse_blocks import blocks
from ingest.indicators.popularity import LANGUAGE, Markets
from xlrec_es.errors import MissingExtra, UsageError

ITEMS = 20
"""Items of a user that count: noise grows with it as signal does, and users with fewer drown."""

DELTA = 1e-6

SHARES = {"pairs": 0.79, "items": 0.2, "users": 0.01}
"""How the budget is divided: parts of the squared length of what one user may change."""

FALSE_PAIRS = 0.3
"""Cells that noise alone lifts above the threshold, on average for an item.

With 5, lists of anime were worse than those by popularity alone at an epsilon of 4 and less.
"""
FALSE_COUNTS = 0.02
"""Share of the items without users that seem to have some."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is promised, and what one user may contribute.

    Attributes:
        epsilon: Above 0: with and without a user, any outcome is at most e to the power of it as
            likely, but for `delta`.
        delta: Between 0 and 1, without either.
        items: Items of a user that count, each with weight 1.

    Raises:
        UsageError: A number out of its range.
        MissingExtra: The library that accounts for it is not installed.
    """

    epsilon: float
    delta: float = DELTA
    items: int = ITEMS

    def __post_init__(self) -> None:
        if not (self.epsilon > 0 and math.isfinite(self.epsilon)):
            raise UsageError(f"epsilon is {self.epsilon:g}; use a number above 0, such as 1")
        if not 0 < self.delta < 1:
            raise UsageError(f"delta is {self.delta:g}; use a number between 0 and 1, such as 1e-6")
        if self.items < 2:
            raise UsageError(
                f"--max-items is {self.items}, and pairs need 2 items of a user at least"
            )
        try:
            import dp_accounting  # noqa: F401 - to say early what is missing
        except ImportError as error:
            raise MissingExtra.named("privacy", "Differential privacy") from error

    @property
    def sensitivities(self) -> dict[str, float]:
        """How far one user moves each part of the sums, as a Euclidean length."""
        pairs = self.items * (self.items - 1) / 2
        return {"pairs": math.sqrt(pairs), "items": math.sqrt(self.items), "users": 1.0}

    @property
    def scales(self) -> dict[str, float]:
        """Standard deviation of the noise in each cell, by part of the sums.

        The parts are one vector of which a user moves at most one unit, once each part is divided
        by its sensitivity and multiplied by the root of its share.
        """
        unit = _unit(self.epsilon, self.delta)
        return {
            part: unit * length / math.sqrt(SHARES[part])
            for part, length in self.sensitivities.items()
        }

    def to_meta(self, earlier: Mapping[str, Any]) -> dict[str, Any]:
        """What `_meta` says of it, and of all runs that promised something until now.

        Args:
            earlier: What `_meta` says of the associations that this run replaces.
        """
        spent = Spent.of(earlier).with_run(self)
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "items of a user": self.items,
            "unit": "user",
            "mechanism": "gaussian",
            "noise": {part: round(scale, 3) for part, scale in self.scales.items()},
            **spent.to_meta(self.delta),
        }

    @property
    def _times(self) -> str:
        """The power of e that epsilon is, which a float may not hold."""
        return f"{math.exp(self.epsilon):.4g}" if self.epsilon < 700 else f"e^{self.epsilon:g}"

    def statement(self, earlier: Mapping[str, Any]) -> tuple[str, ...]:
        """What is protected, against whom, and what is not, in sentences.

        Args:
            earlier: As for `to_meta`.
        """
        spent = Spent.of(earlier).with_run(self)
        return (
            f"Protected: the rows of any one user in these interactions, of whom {self.items} "
            "items count at most. The associations and the popularity that this run writes are "
            f"(epsilon {self.epsilon:g}, delta {self.delta:g})-differentially private: with and "
            f"without that user, any outcome is at most {self._times} times as likely, but for a "
            f"probability of {self.delta:g}.",
            "Against: all who read the index or recommendations made from it, whatever else they "
            "know.",
            "Not protected: the numbers of interactions that this command prints to you; the "
            "interactions, events and impressions themselves; a fine-tuned encoder; the catalog; "
            "and that a user's own list depends on the user's own history.",
            f"Each run on the same users spends epsilon again. {spent.told(self.delta)}",
            "The noise is of floating point, from a generator that the operating system seeds.",
        )


_RUNS, _TOGETHER, _UNPROTECTED = "runs", "together", "also without epsilon"


@dataclass(frozen=True, slots=True)
class Spent:
    """What the runs on one index have promised, one after the other.

    Gaussian mechanisms compose exactly: together they are one whose noise has the standard
    deviation s with 1 / s**2 = sum of 1 / s_i**2 (Dong, Roth and Su 2022, "Gaussian Differential
    Privacy", corollary 3.3, https://doi.org/10.1111/rssb.12454). That is less than the sum of
    epsilons, and holds where later runs depend on what earlier ones found.

    Attributes:
        runs: How many there were, by epsilon and delta.
        unprotected: Whether there was one without any promise.
    """

    runs: Mapping[tuple[float, float], int]
    unprotected: bool

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> Spent:
        """What `_meta` says of the associations that there are; empty if there are none."""
        told = noted.get("privacy")
        if told is None:
            return cls({}, unprotected=bool(noted))
        # Earlier versions of this program noted the last run alone.
        found = told.get(_RUNS, [{"epsilon": told["epsilon"], "delta": told["delta"], "times": 1}])
        runs = {(one["epsilon"], one["delta"]): one["times"] for one in found}
        return cls(runs, unprotected=told.get(_UNPROTECTED, False))

    def with_run(self, privacy: Privacy) -> Spent:
        """The same after one more."""
        one = privacy.epsilon, privacy.delta
        return replace(self, runs={**self.runs, one: self.runs.get(one, 0) + 1})

    def epsilon(self, delta: float) -> float:
        """Of all of them together, for a user whose rows were in each.

        Args:
            delta: Probability with which it may not hold.
        """
        from dp_accounting import get_epsilon_gaussian

        precisions = (times / _unit(*one) ** 2 for one, times in self.runs.items())
        return float(get_epsilon_gaussian(1 / math.sqrt(sum(precisions)), delta))

    def to_meta(self, delta: float) -> dict[str, Any]:
        """What `_meta` says of it."""
        return {
            _RUNS: [
                {"epsilon": epsilon, "delta": of_it, "times": times}
                for (epsilon, of_it), times in self.runs.items()
            ],
            _TOGETHER: {"epsilon": round(self.epsilon(delta), 6), "delta": delta},
            **({_UNPROTECTED: True} if self.unprotected else {}),
        }

    def told(self, delta: float) -> str:
        """In sentences."""
        count = sum(self.runs.values())
        if count == 1:
            text = "This is the first on this index with --epsilon."
        else:
            text = (
                f"This is run {count} on this index with --epsilon: for a user whose rows were in "
                f"all of them, they are together (epsilon {self.epsilon(delta):.4g}, delta "
                f"{delta:g})-differentially private."
            )
        if self.unprotected:
            text += (
                " An earlier run on this index was without --epsilon: to users whose rows were in "
                "it, nothing is promised of what it wrote."
            )
        return text


@functools.cache
def _unit(epsilon: float, delta: float) -> float:
    """Standard deviation that a query of sensitivity 1 needs."""
    from dp_accounting import get_sigma_gaussian

    return float(get_sigma_gaussian(epsilon, delta))


def private(
    likes: LikeMatrix, privacy: Privacy, rng: np.random.Generator | None = None
) -> LikeMatrix:
    """The same with noised sums in place of users, and nothing else that depends on them.

    Left out are popularity by market, and digests of the interactions, by which an attacker could
    try interactions out. `report` stays: it is printed, and not written.

    Args:
        likes: Of whole users; at most `privacy.items` items of each count here.
        privacy: What is promised.
        rng: Draws the noise; None for one that the operating system seeds.
    """
    sums = noised(likes.matrix, privacy, rng or np.random.default_rng())
    no_markets = Markets((), LANGUAGE, csr_array((len(likes.works), 0), dtype=np.float32))
    return replace(
        likes,
        matrix=sums,
        users=sums.counts,
        read={},
        digest=secrets.token_hex(8),
        markets=no_markets,
    )


def noised(matrix: csr_array, privacy: Privacy, rng: np.random.Generator) -> NoisedSums:
    """Sums over users with noise in every cell, of which those above a threshold are kept.

    Args:
        matrix: Shape (n_users, n_works): a row for each user; how much was liked does not count.
        privacy: What is promised.
        rng: Draws the noise.

    Raises:
        UsageError: A user has more items than may count.
    """
    if np.diff(matrix.indptr).max(initial=0) > privacy.items:
        raise UsageError(f"a user has more than {privacy.items} items; only so many may count")
    scales, n_works = privacy.scales, matrix.shape[1]
    ones = csr_array(
        (np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    liked = np.bincount(matrix.indices, minlength=n_works)
    counts = liked + rng.normal(0, scales["items"], n_works)
    counts[counts <= scales["items"] * float(ndtri(1 - FALSE_COUNTS))] = 0
    users = matrix.shape[0] + rng.normal(0, scales["users"])
    together = _pairs(ones, scales["pairs"], rng)
    return NoisedSums(
        _possible(together, counts), counts.astype(np.float32), max(1, round(float(users)))
    )


def _pairs(ones: csr_array, scale: float, rng: np.random.Generator) -> csr_array:
    """Noised co-occurrences above the threshold, those of the upper triangle."""
    n_works = ones.shape[1]
    chance = min(0.5, FALSE_PAIRS / max(1, n_works - 1))
    threshold = scale * float(ndtri(1 - chance))
    rows, columns, values = [], [], []
    for row, (there, sums) in enumerate(_rows(ones)):
        noisy = sums + rng.normal(0, scale, len(sums))
        kept = noisy > threshold
        absent = _absent(row, there, n_works, chance=chance, rng=rng)
        # The upper tail beyond the threshold, of a normal distribution.
        lifted = -scale * ndtri(chance * rng.random(len(absent)))
        columns += [there[kept], absent]
        values += [noisy[kept], lifted]
        rows.append(np.full(int(kept.sum()) + len(absent), row))
    empty = np.empty(0, np.int64)
    where = np.concatenate([empty, *rows]), np.concatenate([empty, *columns])
    return csr_array((np.concatenate([np.empty(0), *values]), where), shape=(n_works, n_works))


def _rows(ones: csr_array) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Of each work, the later ones that a user liked beside it, and how many users did."""
    by_work = ones.T.tocsr()
    works: Works = np.arange(ones.shape[1], dtype=np.int32)
    for block in blocks(works, ones.shape[1]):
        together = csr_array(by_work[block] @ ones)
        for row, work in enumerate(block.tolist()):
            entries = slice(together.indptr[row], together.indptr[row + 1])
            columns = together.indices[entries].astype(np.int64)
            later = columns > work
            yield columns[later], together.data[entries][later].astype(np.float64)


def _absent(
    row: int, there: NDArray[np.int64], n_works: int, *, chance: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which of the later works that no user liked beside one noise lifts above the threshold."""
    others = n_works - 1 - row - len(there)
    wanted = int(rng.binomial(others, chance)) if others > 0 else 0
    places = rng.choice(others, wanted, replace=False, shuffle=False) if wanted else there[:0]
    # Places among those that are left when `there` is taken out, as columns of the matrix.
    before = np.sort(there) - (row + 1) - np.arange(len(there))
    return places + row + 1 + np.searchsorted(before, places, side="right")


def _possible(pairs: csr_array, counts: NDArray[np.float64]) -> csr_array:
    """Symmetric, of works that have users, and no more together than the rarer one has."""
    upper = pairs.tocoo()
    most = np.minimum(counts[upper.coords[0]], counts[upper.coords[1]])
    values = np.minimum(upper.data, most)
    kept = values > 0
    half = csr_array(
        (values[kept].astype(np.float32), (upper.coords[0][kept], upper.coords[1][kept])),
        shape=pairs.shape,
    )
    whole = csr_array(half + half.T)
    whole.sort_indices()
    return whole
