"""Popularity, everywhere and market by market.

A market is what rows of interactions name in a column of that name: a country, a shop. Without the
column it is the language in which a user is at home: that of most documents that they liked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ingest.indicators.learners.sparse_blocks import Floats
from xlrec_es.errors import SourceError
from xlrec_es.index.indicators import storable
from xlrec_es.records.values import MAX_POPULARITY

COLUMN, LANGUAGE = "column", "language"
MAX_MARKETS = 300
"""More are taken for a mistake: each document keeps a number for each."""

PRIOR_USERS = 20.0
"""So many users who like what everybody likes are added to those of a market."""


@dataclass(frozen=True, slots=True)
class Markets:
    """How many liked a work, market by market.

    Attributes:
        names: Of the markets, sorted.
        origin: `column` or `language`.
        users: Shape (n_works, n_markets), float32; older likes count less.
    """

    names: tuple[str, ...]
    origin: str
    users: csr_array


class MarketNumbers:
    """Markets that rows have named so far, as numbers; the same name may have both origins."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, origin: str, name: str) -> int:
        """The number of a market.

        Raises:
            SourceError: There are too many.
        """
        if len(self._numbers) == MAX_MARKETS and (origin, name) not in self._numbers:
            raise SourceError(
                f"the interactions name more than {MAX_MARKETS} markets, the last of them "
                f"{name!r}; a market is a country, or a shop. Say which column has it: "
                "--field market=NAME"
            )
        return self._numbers.setdefault((origin, name), len(self._numbers))

    def count(
        self,
        users: NDArray[np.int32],
        works: NDArray[np.int32],
        markets: NDArray[np.int16],
        recent: NDArray[np.float32],
        *,
        n_works: int,
    ) -> Markets:
        """Count each like where it was made, or else where its user is at home.

        Args:
            users: Number of each like's user, shape (n,).
            works: Number of its work.
            markets: Number of its market; below zero: none.
            recent: What it counts, 0..1.
            n_works: Of the catalog.
        """
        counts = MarketCounts(self, n_works)
        counts.add(users, works, markets, recent)
        return counts.markets()

    @property
    def named(self) -> list[tuple[str, str]]:
        """Origin and name of each market, in the order of the numbers."""
        return [*self._numbers]


class MarketCounts:
    """Likes counted by market, users after users; once all rows have named their markets.

    Args:
        numbers: Of the markets.
        n_works: Of the catalog.
    """

    def __init__(self, numbers: MarketNumbers, n_works: int) -> None:
        known = numbers.named
        self._given = any(origin == COLUMN for origin, _ in known)
        self._origin = COLUMN if self._given else LANGUAGE
        self._names = tuple(sorted(name for of, name in known if of == self._origin))
        places = {(self._origin, name): place for place, name in enumerate(self._names)}
        self._columns = np.array([*(places.get(market, -1) for market in known), -1])
        self._n_works = n_works
        self._pairs = np.empty(0, np.int64)  # of works and markets, sorted
        self._sums = np.empty(0, np.float64)

    def add(
        self,
        users: NDArray[np.int32],
        works: NDArray[np.int32],
        markets: NDArray[np.int16],
        recent: NDArray[np.float32],
    ) -> None:
        """Count likes, those of a user all at once; arguments as of `MarketNumbers.count`."""
        at = self._columns[np.maximum(markets, -1)]
        if not self._given:
            at = main_markets(users, at)
        there = at >= 0
        pairs = works[there].astype(np.int64) * len(self._names) + at[there]
        both = np.union1d(self._pairs, pairs)
        sums = np.zeros(len(both))
        sums[np.searchsorted(both, self._pairs)] = self._sums
        np.add.at(sums, np.searchsorted(both, pairs), recent[there])
        self._pairs, self._sums = both, sums

    def markets(self) -> Markets:
        """What was counted."""
        shape = (self._n_works, len(self._names))
        places = np.divmod(self._pairs, max(1, len(self._names)))
        counted = csr_array((self._sums.astype(np.float32), places), shape=shape)
        return Markets(self._names, self._origin, counted)


def main_markets(users: NDArray[np.int32], markets: NDArray[np.int64]) -> NDArray[np.int64]:
    """By row the market that most rows of its user name; the first of several; -1: none."""
    there = markets >= 0
    width = int(markets.max(initial=0)) + 1
    pairs, counts = np.unique(
        users[there].astype(np.int64) * width + markets[there], return_counts=True
    )
    whose, named = np.divmod(pairs, width)
    order = np.lexsort((named, -counts, whose))
    first = order[np.flatnonzero(np.diff(whose[order], prepend=-1))]
    main = np.full(int(users.max(initial=0)) + 1, -1)
    main[whose[first]] = named[first]
    found: NDArray[np.int64] = main[users]
    return found


def popularity(users: Floats) -> Floats:
    """How many liked a work, as 0..1 on the worker's logarithmic scale."""
    scaled = np.log1p(users.astype(np.float64)) / np.log1p(MAX_POPULARITY)
    found: Floats = np.minimum(scaled, 1).astype(np.float32)
    return found


def by_market(markets: Markets, users: Floats, n_users: int, works: NDArray[np.int32]) -> Floats:
    """Popularity of some works in each market.

    A market of few users says little: `PRIOR_USERS` who like what everybody likes are added.

    Args:
        markets: How many liked them where.
        users: And everywhere, shape (n_works,).
        n_users: How many users there are.
        works: Of which.

    Returns:
        Shape (len(works), n_markets), 0..1, as `storable` rounds; 0: nobody anywhere liked it.
    """
    there = markets.users[works].toarray()  # (len(works), n_markets)
    everywhere = users[works, None] * (PRIOR_USERS / max(1, n_users))
    values = popularity(there + everywhere)
    rounded = storable(values.ravel()).reshape(values.shape)
    rounded[values == 0] = 0
    return rounded
