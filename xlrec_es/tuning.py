"""Fusion weights learned from likes: searched once, tried often, and checked on other persons.

Persons are drawn into two groups. On the first, a coordinate search finds weights in each round of
a cross-validation, and their mean is proposed. On the second, which nothing was learned from, the
proposal must beat the present weights beyond the noise, or it is not taken.

A candidate moves one leg: it gets a share of the whole, and the others keep their proportions. So
every leg alone is among the first candidates.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.errors import UsageError
from xlrec_es.evaluation import LEAKY, NO_INDICATORS, Case, draw_order
from xlrec_es.experiment import plain
from xlrec_es.indices import find_live, update_meta
from xlrec_es.intervals import bootstrap, compare
from xlrec_es.leg_scores import Values
from xlrec_es.material import LEARN, Job, Material, check_size, gather
from xlrec_es.measures import NDCG, RECALL
from xlrec_es.metrics import ndcg_at_k, recall_at_k
from xlrec_es.query import COLLABORATIVE, LEGS
from xlrec_es.served import searches

FOLDS = 5
CHECKED = 0.3
"""Part of the persons that the proposal is checked on."""

MIN_PERSONS = 20
"""With fewer, a gain that matters cannot be told from noise."""

SHARES = tuple(np.linspace(0, 1, 11).round(3).tolist())
STEPS = (0.05, 0.025)
_DIGITS = 3
WORTH_A_MOVE = 0.0005
"""A move that gains less is not made: a leg that hardly matters would drift anywhere."""

Weights = tuple[float, ...]
"""By leg, adding up to 1."""

Worth = NDArray[np.float64]
"""Shape (n_cases,), or (n_cases, n_pools)."""


class Objective:
    """What weights are worth on cases: the mean of a measure over the pools."""

    def __init__(self, legs: Sequence[str], *, measure: str, k: int, mix: str) -> None:
        self.legs = tuple(legs)
        self._measure = ndcg_at_k if measure == NDCG else recall_at_k
        self._places = 10 if measure == NDCG else k
        self._mix = mix
        self._targets: list[frozenset[str]] = []
        self._values: list[Sequence[Values]] = []
        self._known: dict[Weights, Worth] = {}

    def add(self, case: Case, values: Sequence[Values]) -> None:
        """Take in a case with its candidates in each pool."""
        self._targets.append(case.targets)
        self._values.append(values)

    @property
    def trials(self) -> int:
        """How many weights were tried."""
        return len(self._known)

    def __call__(self, weights: Weights) -> Worth:
        """What the weights are worth for each case, in the mean over the pools."""
        worth: Worth = self.by_pool(weights).mean(axis=1)
        return worth

    def by_pool(self, weights: Weights) -> Worth:
        """What the weights are worth for each case in each pool."""
        if weights not in self._known:
            by_leg = dict(zip(self.legs, weights, strict=True))
            self._known[weights] = np.array(
                [
                    [self._one(pool, by_leg, targets) for pool in pools]
                    for pools, targets in zip(self._values, self._targets, strict=True)
                ]
            )
        return self._known[weights]

    def _one(self, values: Values, weights: Mapping[str, float], targets: frozenset[str]) -> float:
        ranked = values.ranked(weights, mix=self._mix, size=self._places)
        return self._measure([work for work, _ in ranked], targets, self._places)


def coordinate_search(worth: Callable[[Weights], float], start: Weights) -> Weights:
    """Weights that no move of one leg makes better.

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
            for leg in range(len(start)):
                for share in shares_of(best[leg]):
                    candidate = with_share(best, leg, share)
                    if (value := worth(candidate)) > height + WORTH_A_MOVE:
                        best, height, moved = candidate, value, True

    climb(lambda _: SHARES)
    for step in STEPS:
        climb(functools.partial(_beside_share, step))
    return best


def _beside_share(step: float, share: float) -> list[float]:
    return [near for near in (share - step, share + step) if 0 <= near <= 1]


def with_share(weights: Weights, leg: int, share: float) -> Weights:
    """The weights with one leg's share set, and the others in their old proportions.

    Args:
        weights: Adding up to 1.
        leg: Which.
        share: 0..1.
    """
    rest = sum(weights) - weights[leg]
    others = len(weights) - 1
    moved = [
        share if i == leg else (1 - share) * (w / rest if rest > 0 else 1 / others)
        for i, w in enumerate(weights)
    ]
    return rounded(moved)


def rounded(weights: Sequence[float]) -> Weights:
    """Adding up to 1, with so few digits that people can read them."""
    total = sum(weights)
    return tuple(round(w / total, _DIGITS) for w in weights)


def cross_validate(
    objective: Objective, persons: Sequence[str], start: Weights, *, seed: int
) -> tuple[list[Weights], Worth]:
    """Search on all folds but one, one after the other.

    Args:
        objective: Of the cases.
        persons: Whose case each is.
        start: Weights to begin with.
        seed: Of the folds.

    Returns:
        The weights of each fold, and what they are worth on the cases of the fold that they have
        not seen.
    """
    order = draw_order(persons, seed=seed)
    fold_of = {person: number % FOLDS for number, person in enumerate(order)}
    folds = np.array([fold_of[person] for person in persons])
    found: list[Weights] = []
    unseen = np.zeros(len(persons))
    for fold in range(FOLDS):
        seen = folds != fold
        best = coordinate_search(functools.partial(_mean_worth, objective, seen), start)
        found.append(best)
        unseen[~seen] = objective(best)[~seen]
    return found, unseen


def _mean_worth(objective: Objective, some: NDArray[np.bool_], weights: Weights) -> float:
    return float(objective(weights)[some].mean())


def run(
    client: Elasticsearch,
    job: Job,
    *,
    measure: str = RECALL,
    dry_run: bool = False,
    step: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Find weights, check them, and write them into `_meta.xlrec` if they are better.

    Args:
        client: Of the cluster.
        job: On which likes, and what lists are like.
        measure: `recall` (of k) or `ndcg@10`; the mean over the job's pools is made large.
        dry_run: Whether nothing is to be written.
        step: Called with the number of cases after each that was searched.

    Returns:
        The report, ready to be written as JSON.

    Raises:
        UsageError: The index's indicators have seen the targets; too few persons.
        XlrecError: As for `material.gather`.
    """
    begun = time.perf_counter()
    material = gather(client, job)
    check_size(job, material)
    _refuse(material)
    legs = [leg for leg in LEGS if leg != COLLABORATIVE or material.indicators != NO_INDICATORS]
    before = rounded([material.weights.get(leg, 0.0) for leg in legs])
    tuning, checking = (Objective(legs, measure=measure, k=job.k, mix=job.mix) for _ in range(2))
    groups = _groups(material.cases, seed=job.seed)
    _fill(client, job, material, {"tuning": tuning, "checking": checking}, groups, step)
    persons = [case.person for case in material.cases if groups[case.person] == "tuning"]
    others = [case.person for case in material.cases if groups[case.person] == "checking"]
    folds, unseen = cross_validate(tuning, persons, before, seed=job.seed)
    proposed = rounded(np.mean(folds, axis=0).tolist())
    gain = compare(checking(proposed), checking(before), others, seed=job.seed)
    accepted = proposed != before and gain.interval.low > 0
    report = {
        "index": material.live.name,
        "measure": measure if measure == NDCG else f"{measure}@{job.k}",
        "pools": list(job.pools),
        "mix": job.mix,
        "seed": job.seed,
        "persons": {"tuning": len(set(persons)), "checking": len(set(others))},
        "before": dict(zip(legs, before, strict=True)),
        "proposed": dict(zip(legs, proposed, strict=True)),
        "folds": [dict(zip(legs, weights, strict=True)) for weights in folds],
        "gain in cross-validation": plain(compare(unseen, tuning(before), persons, seed=job.seed)),
        "gain on other persons": plain(gain),
        "on other persons": {
            pool: _in_pool(job, legs, checking, number, others, (before, proposed))
            for number, pool in enumerate(job.pools)
        },
        "accepted": accepted,
        "written": accepted and not dry_run,
        "notes": list(material.notes),
        "trials": tuning.trials,
    }
    if report["written"]:
        _write(client, material, report)
    return report | {"seconds": round(time.perf_counter() - begun, 1)}


def _refuse(material: Material) -> None:
    if material.indicators == LEAKY:
        raise UsageError(
            "the index's indicators were learned from the very likes that weights would be "
            f"learned from, so the collaborative leg would get too much; {LEARN}"
        )
    persons = len({case.person for case in material.cases})
    if persons < MIN_PERSONS:
        raise UsageError(
            f"{persons} persons have a case; to learn weights takes {MIN_PERSONS} or more"
        )


def _groups(cases: Sequence[Case], *, seed: int) -> dict[str, str]:
    """Which group each person is in."""
    order = draw_order((case.person for case in cases), seed=seed)
    checked = round(CHECKED * len(order))
    return {p: "checking" if number < checked else "tuning" for number, p in enumerate(order)}


def _fill(
    client: Elasticsearch,
    job: Job,
    material: Material,
    objectives: Mapping[str, Objective],
    groups: Mapping[str, str],
    step: Callable[[int], None],
) -> None:
    """Search for every case, once."""
    legs = next(iter(objectives.values())).legs
    options = replace(job.options(), weights=dict.fromkeys(legs, 1.0))
    cases, languages = material.cases, material.languages
    found = searches(client, material.live.name, cases, options=options, languages=languages)
    for case, scores in zip(cases, found, strict=True):
        values = [scores.narrowed(case.languages(pool, languages)) for pool in job.pools]
        objectives[groups[case.person]].add(case, values)
        step(len(cases))


def _in_pool(
    job: Job,
    legs: Sequence[str],
    objective: Objective,
    pool: int,
    persons: Sequence[str],
    weights: tuple[Weights, Weights],
) -> dict[str, Any]:
    """What the present weights, the proposed ones and each leg alone are worth in one pool."""
    before, proposed = weights
    alone = {f"{leg} alone": tuple(float(leg == one) for one in legs) for leg in legs}
    worth = {
        name: objective.by_pool(some)[:, pool]
        for name, some in {"proposed": proposed, "before": before, **alone}.items()
    }
    best = max(alone, key=lambda name: float(worth[name].mean()))
    return {
        "systems": {
            name: plain(bootstrap(values, persons, seed=job.seed)) for name, values in worth.items()
        },
        "best leg": best,
        "proposed is better than it by": plain(
            compare(worth["proposed"], worth[best], persons, seed=job.seed)
        ),
    }


def _write(client: Elasticsearch, material: Material, report: Mapping[str, Any]) -> None:
    # Other things of _meta may have changed meanwhile.
    live = find_live(client, material.live.name)
    evidence = {
        **{name: report[name] for name in ("measure", "pools", "mix", "seed", "persons", "before")},
        "gain": report["gain on other persons"],
        "likes": material.likes.digest(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    weights = with_untried(report["proposed"], material.weights)
    update_meta(client, live, replace(live.meta, weights=weights, tuning=evidence))


def with_untried(proposed: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """The weights to serve with: a leg that could not be tried keeps its share of the whole.

    Without indicators the collaborative leg finds nothing, and counts for nothing; once they are
    learned, it has its weight.

    Args:
        proposed: Of the legs that were tried, adding up to 1.
        before: Of all legs.
    """
    total = sum(before.values())
    untried = {leg: w / total for leg, w in before.items() if leg not in proposed and w > 0}
    rest = 1 - sum(untried.values())
    return {leg: round(w * rest, _DIGITS) for leg, w in proposed.items() if w > 0} | untried
