"""Purchases of many users with planted intervals, and what a list of them is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bought = dict[str, list[float]]
"""Days of purchases by item."""


@dataclass(frozen=True)
class PurchaseLog:
    """Who bought what, on which day; half of the items are hardly ever bought twice.

    Attributes:
        users: By user, the days of their purchases by item.
        gaps: Shape (n_items,): days after which an item is bought again, planted.
        staple: Shape (n_items,): whether it is one that is bought again.
    """

    users: Sequence[Bought]
    gaps: NDArray[np.float64]
    staple: NDArray[np.bool_]

    @classmethod
    def simulated(
        cls, seed: int, *, users: int = 500, items: int = 200, days: int = 365
    ) -> PurchaseLog:
        random = np.random.default_rng(seed)
        gaps = np.exp(random.normal(np.log(35), 0.6, items))
        staple = random.random(items) < 0.5
        repeats = np.where(staple, random.uniform(0.3, 0.9, items), 0.02)
        popular = random.zipf(1.5, items).astype(float)
        popular = popular / popular.sum() / 2 + 0.5 / items
        found: list[Bought] = []
        for _ in range(users):
            own = np.exp(random.normal(0, 0.2))
            bought: Bought = {}
            for item in random.choice(items, 25, replace=False, p=popular):
                day = float(random.uniform(0, days - 20))
                bought[str(item)] = [day]
                if random.random() < repeats[item]:
                    while (day := day + gaps[item] * own * np.exp(random.normal(0, 0.3))) < days:
                        bought[str(item)].append(float(day))
            found.append(bought)
        return cls(found, gaps, staple)

    def before(self, day: float) -> list[Bought]:
        """What was known then."""
        known = ({i: [d for d in ds if d < day] for i, ds in one.items()} for one in self.users)
        return [{item: days for item, days in one.items() if days} for one in known]

    def bought_again(self, start: float, end: float) -> list[set[str]]:
        """Of each user, the items bought before that are bought between the two days."""
        return [
            {
                i
                for i, days in one.items()
                if days[0] < start and any(start <= d < end for d in days)
            }
            for one in self.users
        ]


def most_frequent(bought: Mapping[str, Sequence[float]]) -> list[str]:
    """Baseline: what a user bought most often; of that, the latest."""
    return sorted(bought, key=lambda item: (-len(bought[item]), -max(bought[item])))


def most_recent(bought: Mapping[str, Sequence[float]]) -> list[str]:
    """Baseline: what a user bought last."""
    return sorted(bought, key=lambda item: -max(bought[item]))


def recall(ranked: Sequence[str], wanted: Set[str], k: int) -> float:
    """The part of what is wanted that is among the first k, of as many as these can hold."""
    return len({*ranked[:k]} & wanted) / min(k, len(wanted))
