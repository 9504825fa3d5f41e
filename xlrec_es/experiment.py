"""One evaluation, from a file of interactions and an index to numbers with their intervals."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es import __version__
from xlrec_es.baselines import baselines, best
from xlrec_es.errors import SourceError, UsageError
from xlrec_es.evaluation import (
    LEAKY,
    POOLS,
    UNKNOWN,
    Case,
    Split,
    draw_order,
    indicator_leak,
    split,
    split_cases,
    target_leaks,
    without_twins,
)
from xlrec_es.fusion import AUTO
from xlrec_es.indices import LiveIndex, find_live
from xlrec_es.intervals import Difference, Interval, bootstrap, compare
from xlrec_es.leg_scores import Ranked
from xlrec_es.likes import Likes, read_likes
from xlrec_es.measures import COVERAGE, NDCG, RECALL, Ground, Values, measure, recall_by_pair
from xlrec_es.metrics import coverage
from xlrec_es.plan import WEIGHTS, Options
from xlrec_es.pool import Pool, mean_directions, read_pool
from xlrec_es.query import COLLABORATIVE, DENSE, LEXICAL, SearchOptions
from xlrec_es.recommend import Recommender
from xlrec_es.served import RULES, TIMEOUT_S, Wanted, history_of, searches, serve

RECOMMENDER = "recommender"
MEAN_VECTOR = "mean vector"
SAMPLES, SHOWN = 3, 10
"""Persons whose lists are shown, and how far down."""

COMPARED = (RECALL, NDCG)
"""Measures by which systems are compared."""

LEARN = (
    "take the training part with --write-training FILE and learn from it: "
    "xlrec-ingest indicators FILE --index INDEX"
)


@dataclass(frozen=True, slots=True)
class Job:
    """What is evaluated, and how.

    Attributes:
        interactions: File of interactions; see `likes.read_likes`.
        index: Alias or index.
        against: Another index, such as the live one, that is given the same cases; or None.
        fields: See `likes.read_likes`.
        min_rating: See `likes.read_likes`.
        method: See `evaluation.split`.
        part: See `evaluation.split`.
        seed: Of the split, of the persons that are drawn, and of the intervals.
        max_persons: At most so many persons; None: all.
        min_history: Likes in the source language that a case needs.
        k: Length of the lists.
        pools: Some of `evaluation.POOLS`.
        mix: How languages share the list; see `fusion.share_out`.
    """

    interactions: Path
    index: str
    against: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    min_rating: float | None = None
    method: str | None = None
    part: float = 0.2
    seed: int = 0
    max_persons: int | None = 500
    min_history: int = 2
    k: int = 50
    pools: tuple[str, ...] = POOLS
    mix: str = AUTO

    def options(self) -> Options:
        """How recommendations are made, the weights aside."""
        usual = SearchOptions()
        deep = replace(
            usual,
            candidates=max(usual.candidates, self.k),
            num_candidates=max(usual.num_candidates, 2 * self.k),
        )
        return Options(mix=self.mix, explain=False, search=deep)


@dataclass(frozen=True, slots=True)
class Material:
    """What an evaluation or a tuning works on.

    Attributes:
        live: The index.
        pool: What it has.
        likes: All likes.
        parts: How they are split.
        cases: Whom is recommended to.
        indicators: Whether indicators have seen the targets; see `evaluation.indicator_leak`.
        notes: What was left out, and what to mind, in sentences.
    """

    live: LiveIndex
    pool: Pool
    likes: Likes
    parts: Split
    cases: tuple[Case, ...]
    indicators: str
    notes: tuple[str, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have documents, sorted."""
        return tuple(sorted(set(self.pool.language)))

    @property
    def weights(self) -> Mapping[str, float]:
        """Fusion weights that the index is served with."""
        return self.live.meta.weights or WEIGHTS

    def legs(self) -> dict[str, dict[str, float]]:
        """A setting for each leg alone; popularity is a baseline of its own."""
        names = [DENSE, LEXICAL, *([COLLABORATIVE] if self.live.meta.indicators else [])]
        return {f"{leg} alone": {leg: 1.0} for leg in names}


def gather(client: Elasticsearch, job: Job) -> Material:
    """Read the index and the interactions, split them, and look for leaks.

    Raises:
        UsageError: The index has one language only; likes have no time to be split by.
        SourceError: No interactions; none has an item of the index; nothing to evaluate.
        XlrecError: As for `find_live`.
    """
    live = find_live(client, job.index)
    pool = read_pool(client, live)
    languages = sorted(set(pool.language))
    if len(languages) < 2:
        raise UsageError(
            f"{live.name} has documents in one language only ({', '.join(languages) or 'none'}); "
            "recommendations across languages need two"
        )
    likes = read_likes(job.interactions, pool.items, fields=job.fields, min_rating=job.min_rating)
    parts = split(likes, method=job.method, part=job.part, seed=job.seed)
    cases: Sequence[Case] = split_cases(
        likes, parts, pool.languages, min_history=job.min_history, max_persons=job.max_persons
    )
    if leaks := target_leaks(cases):
        raise SourceError(f"a target has leaked into a history: {leaks[0]}")
    raw = live.meta.calibration.undo(pool.vectors, pool.language)
    cases, twins = without_twins(
        cases, pool.works, mean_directions(raw, pool.work, len(pool.works))
    )
    if not cases:
        raise SourceError("nothing to evaluate: every target has the text of a work of its history")
    notes = [f"{twins} targets left out: they have the very text of a known work"] if twins else []
    state = indicator_leak(live.meta.indicators, likes, parts)
    notes += _warnings(state, live)
    return Material(live, pool, likes, parts, tuple(cases), state, tuple(notes))


def _warnings(indicators: str, live: LiveIndex) -> list[str]:
    notes = []
    if indicators == LEAKY:
        notes.append(
            "LEAK: the index's indicators were learned from likes that are targets here, so the "
            f"collaborative leg, and what contains it, looks better than it is; {LEARN}"
        )
    if indicators == UNKNOWN:
        notes.append(
            "the index's indicators were learned from other likes than these: whether targets "
            f"were among them cannot be told. To be sure, {LEARN}"
        )
    if live.meta.indicators and not live.meta.indicators.get("complete", True):
        notes.append("the last run of xlrec-ingest indicators was cut short; run it again")
    return notes


def check_size(job: Job, material: Material) -> None:
    """Refuse lists that are longer than a pool.

    Raises:
        UsageError: k is more than a pool has works.
    """
    pool, cases, languages = material.pool, material.cases, material.languages
    for kind in job.pools:
        for source in sorted({case.source for case in cases}):
            competing = Case("", source, (), frozenset()).languages(kind, languages)
            works = int(pool.within(competing).sum())
            if job.k > works:
                raise UsageError(
                    f"k is {job.k}, but the {kind} pool for {source} has {works} works; "
                    f"use --k {works} or less"
                )


def run(
    client: Elasticsearch, job: Job, *, step: Callable[[int], None] = lambda _: None
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
    lists, degraded = _all_lists(client, job, material, step)
    known = material.likes.work[material.parts.training]
    persons: Values = np.bincount(known, minlength=len(material.pool.works)).astype(float)
    ground = Ground.of(
        material.pool.works, material.pool.work_vectors(), persons, len(material.likes.persons)
    )
    pools = {kind: _pool_report(job, material, ground, lists, kind) for kind in job.pools}
    samples = [_sample(client, job, material, lists, number) for number in _sampled(job, material)]
    return {
        **_head(job, material),
        "notes": [*material.notes, *degraded],
        "pools": pools,
        "verdict": verdict(pools),
        "samples": samples,
        "seconds": round(time.perf_counter() - start, 1),
    }


def _head(job: Job, material: Material) -> dict[str, Any]:
    """What was evaluated."""
    live, likes, parts = material.live, material.likes, material.parts
    return {
        "program": f"xlrec-es {__version__}",
        "index": live.name,
        "fingerprint": {**live.meta.fingerprint.to_meta(), "digest": live.meta.fingerprint.digest},
        "weights": dict(material.weights),
        "indicators": {**live.meta.indicators, "state": material.indicators},
        "job": {**asdict(job), "interactions": job.interactions.name},
        "interactions": {
            **likes.report,
            "persons": len(likes.persons),
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
        "persons": len({case.person for case in material.cases}),
        "languages": list(material.languages),
    }


def _all_lists(
    client: Elasticsearch, job: Job, material: Material, step: Callable[[int], None]
) -> tuple[dict[tuple[str, str], list[Ranked]], tuple[str, ...]]:
    """The lists of every system, by pool and name."""
    cases, languages, options = material.cases, material.languages, job.options()
    lists: dict[tuple[str, str], list[Ranked]] = {}
    degraded: tuple[str, ...] = ()
    rounds = [(material.live.name, options, {RECOMMENDER: material.weights, **material.legs()})]
    one_interest = replace(options, max_interests=1)
    rounds.append((material.live.name, one_interest, {MEAN_VECTOR: {DENSE: 1.0}}))
    if job.against is not None:
        other = find_live(client, job.against)
        rounds.append((other.name, options, {other.name: other.meta.weights or WEIGHTS}))
    for index, how, settings in rounds:
        legs = dict.fromkeys((leg for w in settings.values() for leg in w if w[leg] > 0), 1.0)
        found = searches(
            client, index, cases, options=replace(how, weights=legs), languages=languages
        )
        served = serve(
            found,
            cases,
            settings,
            mix=job.mix,
            wanted=Wanted(job.pools, languages, job.k),
            step=lambda: step(len(rounds) * len(cases)),
        )
        lists |= served.lists
        degraded += served.degraded
    return lists | _baseline_lists(job, material), degraded


def _baseline_lists(job: Job, material: Material) -> dict[tuple[str, str], list[Ranked]]:
    pool, likes = material.pool, material.likes
    scorers = baselines(
        pool, likes, material.parts.training, material.live.meta.calibration, seed=job.seed
    )
    numbers = {work: number for number, work in enumerate(pool.works)}
    lists: dict[tuple[str, str], list[Ranked]] = {(p, s): [] for p in job.pools for s in scorers}
    within = {
        languages: pool.within(languages)
        for kind in job.pools
        for languages in {case.languages(kind, material.languages) for case in material.cases}
    }
    for case in material.cases:
        for name, scorer in scorers.items():
            scores = scorer(case)
            for kind in job.pools:
                languages = case.languages(kind, material.languages)
                allowed = within[languages].copy()
                allowed[[numbers[work] for work in (*case.history, *case.seen)]] = False
                works = [pool.works[number] for number in best(scores, allowed, job.k)]
                lists[kind, name].append(tuple((w, _language(pool, w, languages)) for w in works))
    return lists


def _language(pool: Pool, work: str, languages: Sequence[str]) -> str:
    """The first of a work's languages that competes."""
    return next(language for language in pool.languages[work] if language in languages)


def _pool_report(
    job: Job,
    material: Material,
    ground: Ground,
    lists: Mapping[tuple[str, str], list[Ranked]],
    kind: str,
) -> dict[str, Any]:
    """All systems of a pool, each beside the recommender."""
    cases = material.cases
    persons = [case.person for case in cases]
    mine = {name: found for (pool, name), found in lists.items() if pool == kind}
    values = {name: measure(cases, found, ground, job.k) for name, found in mine.items()}
    systems = {}
    for name, found in mine.items():
        systems[name] = {
            "measures": {
                measured: plain(bootstrap(numbers, persons, seed=job.seed))
                for measured, numbers in values[name].items()
            },
            COVERAGE: coverage([[w for w, _ in one] for one in found], material.pool.works),
            "pairs": _pairs(job, material, found, mine[RECOMMENDER]),
        }
        if name != RECOMMENDER:
            systems[name]["recommender is better by"] = {
                measured: plain(
                    compare(
                        values[RECOMMENDER][measured],
                        values[name][measured],
                        persons,
                        seed=job.seed,
                    )
                )
                for measured in COMPARED
            }
    return {"source share of the pool": _source_share(material, kind), "systems": systems}


def plain(found: Interval | Difference) -> dict[str, Any]:
    """An interval or a comparison as JSON has it: what is no number is null."""
    if isinstance(found, Difference):
        return {**plain(found.interval), "p_value": found.p_value}
    return {name: None if math.isnan(x) else x for name, x in asdict(found).items()}


def _pairs(
    job: Job, material: Material, found: Sequence[Ranked], recommended: Sequence[Ranked]
) -> list[dict[str, Any]]:
    """recall@k by source and target language, and how far the recommender is above it."""
    cases, languages = material.cases, material.pool.languages
    own = recall_by_pair(cases, recommended, languages, job.k)
    return [
        {
            "source": source,
            "target": target,
            "persons": len(set(persons)),
            "recall": plain(bootstrap(values, persons, seed=job.seed)),
            "recommender is better by": plain(
                bootstrap(own[source, target][1] - values, persons, seed=job.seed)
            ),
        }
        for (source, target), (persons, values) in recall_by_pair(
            cases, found, languages, job.k
        ).items()
    ]


def _sampled(job: Job, material: Material) -> list[int]:
    """Numbers of the cases that are shown, one of each of the first persons of a draw."""
    persons = draw_order((case.person for case in material.cases), seed=job.seed)[:SAMPLES]
    first = {case.person: number for number, case in reversed([*enumerate(material.cases)])}
    return [first[person] for person in persons]


def _sample(
    client: Elasticsearch,
    job: Job,
    material: Material,
    lists: Mapping[tuple[str, str], list[Ranked]],
    number: int,
) -> dict[str, Any]:
    """One case for people: what is liked, what was held out, and the heads of all lists."""
    case, titles, kind = material.cases[number], material.pool.titles, job.pools[0]
    recommender = Recommender(
        client,
        material.live.name,
        options=replace(job.options(), explain=True, rules=RULES),
        timeout_s=TIMEOUT_S,
    )
    languages = case.languages(kind, material.languages)
    shown = recommender.recommend(history_of(case), languages=languages, size=job.k).items
    reasons = {
        item.work: [{"title": r.title or r.item, "share": r.share} for r in item.reasons]
        for item in shown
    }
    return {
        "person": case.person,
        "source": case.source,
        "pool": kind,
        "likes": [titles[work] for work in case.history],
        "held out": [titles[work] for work in sorted(case.targets)],
        "lists": {
            name: [
                {
                    "title": titles[work],
                    "language": language,
                    "held out": work in case.targets,
                    **({"reasons": reasons.get(work, [])} if name == RECOMMENDER else {}),
                }
                for work, language in found[number][:SHOWN]
            ]
            for (pool, name), found in lists.items()
            if pool == kind
        },
    }


def _source_share(material: Material, kind: str) -> float:
    """The part of the pool's works that is in the source language, mean over cases."""
    pool = material.pool
    of = {lang: float(pool.within([lang]).mean()) for lang in material.languages}
    shares = [
        of[case.source] if case.source in case.languages(kind, material.languages) else 0.0
        for case in material.cases
    ]
    return float(np.mean(shares))


ENOUGH_PERSONS = 100
"""A pair of languages with fewer is not judged."""


def verdict(pools: Mapping[str, Any]) -> list[str]:
    """Where another system is better than the recommender beyond the noise, in sentences.

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
                if pair["persons"] >= ENOUGH_PERSONS
                and pair["recommender is better by"]["high"] < 0
            ]
    return found or [
        "no leg and no baseline has more recall than the recommender beyond the noise, in any pool "
        f"or pair of languages with {ENOUGH_PERSONS} persons"
    ]


def _above(gap: Mapping[str, float]) -> str:
    return (
        f"{-gap['mean']:.3f} more recall than the recommender "
        f"[{-gap['high']:.3f}, {-gap['low']:.3f}]"
    )
