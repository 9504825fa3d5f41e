"""One evaluation, from a file of interactions and an index to numbers with their intervals."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es import __version__
from xlrec_es.evaluate.baselines import RAW_MEAN
from xlrec_es.evaluate.case_search import RULES, TIMEOUT_S, history_of
from xlrec_es.evaluate.catalogue import read_titles
from xlrec_es.evaluate.dataset import EvaluationJob, Material, check_size, gather
from xlrec_es.evaluate.evaluator import (
    COVERAGE,
    NDCG,
    RECALL,
    Ground,
    by_pair,
    measure,
)
from xlrec_es.evaluate.metrics import coverage
from xlrec_es.evaluate.protocol import Case, draw_order
from xlrec_es.evaluate.significance import bootstrap_each, compare_each, plain
from xlrec_es.evaluate.systems import MEAN_VECTOR, RECOMMENDER, all_lists, notes_against
from xlrec_es.evaluate.vectorized_fusion import Ranked
from xlrec_es.recommend.recommender import Recommender

SAMPLES, SHOWN = 3, 10
"""Users whose lists are shown, and how far down."""

COMPARED = (RECALL, NDCG)
"""Measures by which systems are compared."""

CENTERED = (MEAN_VECTOR, RAW_MEAN)
"""Which two tell what centering brings."""


def run_experiment(
    client: Elasticsearch, job: EvaluationJob, *, step: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Evaluate.

    Args:
        client: Of the cluster.
        job: What, and how.
        step: Called with the number of cases after each round over a case.

    Returns:
        The report, ready to be written as JSON; all of it but `seconds` is the same for the same
        index, interactions and job.

    Raises:
        XlrecError: As for `gather`, `check_size`, or `Recommender.recommend`.
    """
    start = time.perf_counter()
    material = gather(client, job)
    check_size(job, material)
    lists, degraded = all_lists(client, job, material, step)
    known = material.likes.work[material.parts.training]
    users = np.bincount(known, minlength=len(material.pool.works)).astype(np.float64)
    ground = Ground.of(
        material.pool.works, material.pool.work_vectors(), users, len(material.likes.users)
    )
    pools = {kind: _pool_report(job, material, ground, lists, kind) for kind in material.pools}
    samples = _samples(client, job, material, lists)
    return {
        **_head(job, material),
        "notes": [
            *material.notes,
            *notes_against(client, job, material),
            *centering_notes(pools),
            *degraded,
        ],
        "pools": pools,
        "verdict": verdict(pools),
        "samples": samples,
        "seconds": round(time.perf_counter() - start, 1),
    }


def _head(job: EvaluationJob, material: Material) -> dict[str, Any]:
    """What was evaluated."""
    live, likes, parts = material.live, material.likes, material.parts
    return {
        "program": f"xlrec-es {__version__}",
        "index": live.name,
        "fingerprint": {**live.meta.fingerprint.to_meta(), "digest": live.meta.fingerprint.digest},
        "fusion": material.fusion.kind,
        "weights": dict(material.fusion.weights),
        "indicators": {**live.meta.indicators, "state": material.indicators},
        "encoder": {**live.meta.encoder, "state": material.encoder},
        "job": {**asdict(job), "interactions": job.interactions.name},
        "interactions": {
            **likes.report,
            "users": len(likes.users),
            "digest": likes.digest(),
            "training digest": likes.digest(parts.training),
        },
        "split": {
            "method": parts.method,
            "cut_off": parts.cut_off,
            "training": int(parts.training.sum()),
            "held out": int((~parts.training).sum()),
        },
        "cases": len(material.cases),
        "users": len({case.user for case in material.cases}),
        "languages": list(material.languages),
    }


def _pool_report(
    job: EvaluationJob,
    material: Material,
    ground: Ground,
    lists: Mapping[tuple[str, str], list[Ranked]],
    kind: str,
) -> dict[str, Any]:
    """All systems of a pool, each beside the recommender."""
    cases = material.cases_of(kind)
    users = [case.user for case in cases]
    works = list(itertools.compress(material.pool.works, material.among(kind)))
    mine = {name: found for (pool, name), found in lists.items() if pool == kind}
    values = {name: measure(cases, found, ground, job.k) for name, found in mine.items()}
    every = {(name, one): values[name][one] for name in mine for one in values[name]}
    intervals = bootstrap_each(every, users, seed=job.seed)
    gaps = {
        (name, one): values[RECOMMENDER][one] - values[name][one]
        for name in mine
        for one in COMPARED
        if name != RECOMMENDER
    }
    gaps[CENTERED] = values[MEAN_VECTOR][RECALL] - values[RAW_MEAN][RECALL]
    differences = compare_each(gaps, users, seed=job.seed)
    pairs = _pairs(job, material, kind, mine)
    systems = {}
    for name, found in mine.items():
        systems[name] = {
            "measures": {measured: plain(intervals[name, measured]) for measured in values[name]},
            COVERAGE: coverage([[w for w, _ in one] for one in found], works),
            "pairs": pairs[name],
        }
        if name != RECOMMENDER:
            systems[name]["recommender is better by"] = {
                measured: plain(differences[name, measured]) for measured in COMPARED
            }
    return {
        "cases": len(cases),
        "users": len(set(users)),
        "items": len(works),
        "source share of the pool": _source_share(material, kind),
        "centering is better by": plain(differences[CENTERED]),
        "systems": systems,
    }


def _pairs(
    job: EvaluationJob, material: Material, kind: str, mine: Mapping[str, Sequence[Ranked]]
) -> dict[str, list[dict[str, Any]]]:
    """By system two measures for each pair of languages, and how far the recommender is above."""
    cases, languages = material.cases_of(kind), material.pool.languages
    found = {name: by_pair(cases, lists, languages, job.k) for name, lists in mine.items()}
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in mine}
    for pair, (users, own) in found[RECOMMENDER].items():
        values = {(name, one): found[name][pair][1][one] for name in mine for one in COMPARED}
        gaps = {(name, "gap"): own[RECALL] - values[name, RECALL] for name in mine}
        intervals = bootstrap_each(values | gaps, users, seed=job.seed)
        for name in mine:
            told[name].append(
                {
                    "source": pair[0],
                    "target": pair[1],
                    "users": len(set(users)),
                    **{one: plain(intervals[name, one]) for one in COMPARED},
                    "recommender is better by": plain(intervals[name, "gap"]),
                }
            )
    return told


def _sampled(job: EvaluationJob, material: Material) -> list[int]:
    """Numbers of the cases that are shown, one of each of the first users of a draw."""
    cases = material.cases_of(material.pools[0])
    users = draw_order((case.user for case in cases), seed=job.seed)[:SAMPLES]
    first = {case.user: number for number, case in reversed([*enumerate(cases)])}
    return [first[user] for user in users]


def _samples(
    client: Elasticsearch,
    job: EvaluationJob,
    material: Material,
    lists: Mapping[tuple[str, str], list[Ranked]],
) -> list[dict[str, Any]]:
    """Cases for people, with titles of the works that they are shown and of no others."""
    numbers, kind = _sampled(job, material), material.pools[0]
    cases = material.cases_of(kind)
    heads = [
        {name: found[number][:SHOWN] for (pool, name), found in lists.items() if pool == kind}
        for number in numbers
    ]
    shown = {work for head in heads for ranked in head.values() for work, _ in ranked}
    named = shown.union(*((*cases[number].history, *cases[number].targets) for number in numbers))
    titles = read_titles(client, material.live, named)
    return [
        _sample(client, job, material, cases[number], titles, head)
        for number, head in zip(numbers, heads, strict=True)
    ]


def _sample(
    client: Elasticsearch,
    job: EvaluationJob,
    material: Material,
    case: Case,
    titles: Mapping[tuple[str, str], str],
    heads: Mapping[str, Ranked],
) -> dict[str, Any]:
    """One case for people: what is liked, what was held out, and the heads of all lists."""
    kind = material.pools[0]
    recommender = Recommender(
        client,
        material.live.searched,
        options=replace(material.options_of(kind), explain=True, rules=RULES),
        timeout_s=TIMEOUT_S,
    )
    languages = case.languages(kind, material.languages)
    shown = recommender.recommend(history_of(case), languages=languages, size=job.k).items
    reasons = {
        item.work: [{"title": r.title or r.item, "share": r.share} for r in item.reasons]
        for item in shown
    }

    def title(work: str, language: str) -> str:
        return titles.get((work, language), work)  # it is gone, or another index's

    return {
        "user": case.user,
        "source": case.source,
        "pool": kind,
        "history": [title(work, case.source) for work in case.history],
        "held out": [
            title(work, material.pool.languages[work][0]) for work in sorted(case.targets)
        ],
        "lists": {
            name: [
                {
                    "title": title(work, language),
                    "language": language,
                    "held out": work in case.targets,
                    **({"reasons": reasons.get(work, [])} if name == RECOMMENDER else {}),
                }
                for work, language in ranked
            ]
            for name, ranked in heads.items()
        },
    }


def _source_share(material: Material, kind: str) -> float:
    """The part of the pool's works that is in the source language, mean over cases."""
    pool = material.pool
    of = {lang: float(pool.within([lang]).mean()) for lang in material.languages}
    shares = [
        of[case.source] if case.source in case.languages(kind, material.languages) else 0.0
        for case in material.cases_of(kind)
    ]
    return float(np.mean(shares))


ENOUGH_USERS = 100
"""A pair of languages with fewer is not judged."""


def verdict(pools: Mapping[str, Any]) -> list[str]:
    """Where another system is significantly better than the recommender, in sentences.

    Args:
        pools: As in the report.

    Returns:
        One sentence if there is none.
    """
    found = []
    for kind, pool in pools.items():
        for name, system in pool["systems"].items():
            if name == RECOMMENDER:
                continue
            gap = system["recommender is better by"][RECALL]
            if gap["high"] < 0:
                found.append(f"{kind} pool: {name} has {_above(gap)}")
            found += [
                f"{kind} pool, {pair['source']} to {pair['target']}: {name} has "
                f"{_above(pair['recommender is better by'])}"
                for pair in system["pairs"]
                if pair["users"] >= ENOUGH_USERS and pair["recommender is better by"]["high"] < 0
            ]
    return found or [
        "no retriever and no baseline has significantly more recall than the recommender, in any "
        f"pool or pair of languages with {ENOUGH_USERS} users"
    ]


def centering_notes(pools: Mapping[str, Any]) -> list[str]:
    """Where vectors as the encoder makes them find more than centered ones, in sentences.

    Args:
        pools: As in the report.
    """
    return [
        f"{kind} pool: uncentered vectors find more, the mean vector's recall being "
        f"{-gap['mean']:.3f} [{-gap['high']:.3f}, {-gap['low']:.3f}] higher; make a version with "
        "--centering none, and evaluate it --against this one"
        for kind, pool in pools.items()
        if (gap := pool["centering is better by"])["high"] < 0
    ]


def _above(gap: Mapping[str, float]) -> str:
    return (
        f"{-gap['mean']:.3f} more recall than the recommender "
        f"[{-gap['high']:.3f}, {-gap['low']:.3f}]"
    )
