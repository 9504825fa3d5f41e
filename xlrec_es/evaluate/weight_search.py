"""Which fusion weights and profile options are worth most on cases that were searched once. Pure.

A candidate moves one retriever: it gets a share of the whole, and the others keep their
proportions. So every retriever alone is among the first candidates.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xlrec_es.evaluate.evaluator import NDCG
from xlrec_es.evaluate.metrics import ndcg_at_k, recall_at_k
from xlrec_es.evaluate.protocol import Case, draw_order
from xlrec_es.evaluate.vectorized_fusion import Fusion, Values
from xlrec_es.recommend.options import CASCADE, COLLABORATIVE, DENSE, WEIGHTS

FOLDS = 5

SHARES = tuple(np.linspace(0, 1, 11).round(3).tolist())
STEPS = (0.05, 0.025)
DIGITS = 3
WORTH_A_MOVE = 0.0005
"""A move that gains less is not made: a retriever that hardly matters would drift anywhere."""

FILLS_IN = 0.001
"""A weight that decides nothing but where the other retrievers find nothing, or the same."""

Weights = tuple[float, ...]
"""By retriever, adding up to 1; none at all stand for the cascade, which has none to learn."""

CASCADED: Weights = ()

Worth = NDArray[np.float64]
"""Shape (n_cases,), or (n_cases, n_pools)."""


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What of `options.Options` decides how a history is read; `_meta.xlrec.options`."""

    max_interests: int


Setting = tuple[ProfileOptions, Weights]


class Objective:
    """What settings are worth on cases: the mean of a measure over the pools."""

    def __init__(self, retrievers: Sequence[str], *, measure: str, k: int, mix: str) -> None:
        self.retrievers = tuple(retrievers)
        self._measure = ndcg_at_k if measure == NDCG else recall_at_k
        self._places = 10 if measure == NDCG else k
        self._mix = mix
        self._values: dict[ProfileOptions, list[tuple[frozenset[str], Sequence[Values]]]] = {}
        self._known: dict[Setting, Worth] = {}

    def add(self, case: Case, values: Sequence[Values], profile: ProfileOptions) -> None:
        """Take in a case with its candidates in each pool, as found with these options.

        Every case has to come for every options that come, in the same order.
        """
        self._values.setdefault(profile, []).append((case.targets, values))

    @property
    def profiles(self) -> list[ProfileOptions]:
        """All that have come."""
        return list(self._values)

    @property
    def trials(self) -> int:
        """How many settings were tried."""
        return len(self._known)

    def __call__(self, setting: Setting) -> Worth:
        """What a setting is worth for each case, in the mean over the pools."""
        worth: Worth = self.by_pool(setting).mean(axis=1)
        return worth

    def by_pool(self, setting: Setting) -> Worth:
        """What a setting is worth for each case in each pool."""
        if setting not in self._known:
            profile, weights = setting
            fusion = Fusion(WEIGHTS, CASCADE)
            if weights != CASCADED:
                fusion = Fusion(dict(zip(self.retrievers, weights, strict=True)))
            self._known[setting] = np.array(
                [
                    [self._one(pool, fusion, targets) for pool in pools]
                    for targets, pools in self._values[profile]
                ]
            )
        return self._known[setting]

    def _one(self, values: Values, fusion: Fusion, targets: frozenset[str]) -> float:
        ranked = values.ranked(fusion, mix=self._mix, size=self._places)
        return self._measure([work for work, _ in ranked], targets, self._places)


def coordinate_search(worth: Callable[[Weights], float], start: Weights) -> Weights:
    """Weights that no move of one retriever makes better.

    Args:
        worth: To be made as large as possible.
        start: Adds up to 1.
    """
    best, height = start, worth(start)

    def climb(shares_of: Callable[[float], Sequence[float]]) -> None:
        nonlocal best, height
        moved = True
        while moved:
            moved = False
            for retriever in range(len(start)):
                for share in shares_of(best[retriever]):
                    candidate = with_share(best, retriever, share)
                    if (value := worth(candidate)) > height + WORTH_A_MOVE:
                        best, height, moved = candidate, value, True

    climb(lambda _: SHARES)
    for step in STEPS:
        climb(functools.partial(_beside_share, step))
    return best


def _beside_share(step: float, share: float) -> list[float]:
    return [near for near in (share - step, share + step) if 0 <= near <= 1]


def with_share(weights: Weights, retriever: int, share: float) -> Weights:
    """The weights with one retriever's share set, and the others in their old proportions.

    Args:
        weights: Adding up to 1.
        retriever: Which.
        share: 0..1.
    """
    rest = sum(weights) - weights[retriever]
    others = len(weights) - 1
    moved = [
        share if i == retriever else (1 - share) * (w / rest if rest > 0 else 1 / others)
        for i, w in enumerate(weights)
    ]
    return rounded(moved)


def rounded(weights: Sequence[float]) -> Weights:
    """Adding up to 1, with so few digits that people can read them."""
    total = sum(weights)
    return tuple(round(w / total, DIGITS) for w in weights)


def search(objective: Objective, seen: NDArray[np.bool_], start: Setting) -> Setting:
    """A setting that neither other weights nor other profile options make better.

    Args:
        objective: Of the cases.
        seen: Shape (n_cases,): on which of them.
        start: To begin with.
    """

    def worth(profile: ProfileOptions, weights: Weights) -> float:
        return float(objective((profile, weights))[seen].mean())

    profile, weights = start
    while True:
        weights = coordinate_search(functools.partial(worth, profile), weights)
        best = max(objective.profiles, key=lambda other: worth(other, weights))
        if worth(best, weights) <= worth(profile, weights) + WORTH_A_MOVE:
            return profile, weights
        profile = best


def cross_validate(
    objective: Objective, users: Sequence[str], start: Setting, *, seed: int
) -> tuple[list[Setting], Worth]:
    """Search on all folds but one, one after the other.

    Args:
        objective: Of the cases.
        users: Whose case each is.
        start: To begin with.
        seed: Of the folds.

    Returns:
        The setting of each fold, and what it is worth on the cases of the fold that it has not
        seen.
    """
    order = draw_order(users, seed=seed)
    fold_of = {user: number % FOLDS for number, user in enumerate(order)}
    folds = np.array([fold_of[user] for user in users])
    found: list[Setting] = []
    unseen = np.zeros(len(users))
    for fold in range(FOLDS):
        seen = folds != fold
        best = search(objective, seen, start)
        found.append(best)
        unseen[~seen] = objective(best)[~seen]
    return found, unseen


def proposal(objective: Objective, folds: Sequence[Setting], unseen: Worth) -> Setting:
    """What the folds agree on, unless the cascade or one retriever does as well.

    A mixture that was learned has to be better than what needs no learning: on users whom it has
    not seen it is worth less than on those it was learned from, and a cascade or a retriever alone
    is not.

    Args:
        objective: Of the cases.
        folds: See `cross_validate`.
        unseen: See `cross_validate`.
    """
    profile, weights = agreed(folds)
    unlearned = [
        *([(profile, CASCADED)] if COLLABORATIVE in objective.retrievers else []),
        *((profile, mostly(objective.retrievers, retriever)) for retriever in objective.retrievers),
    ]
    best = max(unlearned, key=lambda setting: float(objective(setting).mean()))
    if objective(best).mean() >= unseen.mean():
        return best
    return profile, weights


def mostly(retrievers: Sequence[str], retriever: str) -> Weights:
    """One retriever, and the dense one where it finds nothing, for that always finds something."""
    by_retriever = {DENSE: FILLS_IN} | {retriever: 1.0 if retriever == DENSE else 1 - FILLS_IN}
    return tuple(by_retriever.get(one, 0.0) for one in retrievers)


def agreed(folds: Sequence[Setting]) -> Setting:
    """The profile options that most folds found, and the mean of those folds' weights."""
    [(profile, _)] = Counter(profile for profile, _ in folds).most_common(1)
    return profile, rounded(np.mean([w for own, w in folds if own == profile], axis=0).tolist())
