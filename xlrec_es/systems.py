"""The ranked lists of every system that an evaluation compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from elasticsearch import Elasticsearch

from xlrec_es.baselines import baselines, best
from xlrec_es.evaluation import indicator_leak
from xlrec_es.indices import find_live
from xlrec_es.leg_scores import Ranked
from xlrec_es.material import Job, Material, warnings_of
from xlrec_es.plan import WEIGHTS, Options
from xlrec_es.pool import Pool
from xlrec_es.query import DENSE
from xlrec_es.served import Wanted, searches, serve

RECOMMENDER = "recommender"
MEAN_VECTOR = "mean vector"
AGAINST = "other index"


def all_lists(
    client: Elasticsearch, job: Job, material: Material, step: Callable[[int], None]
) -> tuple[dict[tuple[str, str], list[Ranked]], tuple[str, ...]]:
    """The lists of every system.

    Args:
        client: Of the cluster.
        job: What is evaluated, and how.
        material: Of the job.
        step: See `experiment.run`.

    Returns:
        By pool and system, one list for each case; and what was not answered in full, in sentences.

    Raises:
        XlrecError: As for `served.searches`.
    """
    lists: dict[tuple[str, str], list[Ranked]] = {}
    degraded: tuple[str, ...] = ()
    rounds = _rounds(client, job, material)
    for one in rounds:
        found, problems = lists_of(client, job, material, one, lambda n: step(len(rounds) * n))
        lists |= found
        degraded += problems
    return lists | _baseline_lists(job, material), degraded


@dataclass(frozen=True, slots=True)
class Round:
    """One search of all cases.

    Attributes:
        index: Physical name.
        options: How.
        settings: Fusion weights by system.
        languages: In which.
    """

    index: str
    options: Options
    settings: Mapping[str, Mapping[str, float]]
    languages: tuple[str, ...]

    @property
    def legs(self) -> dict[str, float]:
        """Every leg that a setting wants."""
        return {leg: 1.0 for w in self.settings.values() for leg, weight in w.items() if weight > 0}


def lists_of(
    client: Elasticsearch, job: Job, material: Material, one: Round, step: Callable[[int], None]
) -> tuple[Mapping[tuple[str, str], list[Ranked]], tuple[str, ...]]:
    """The lists of the systems of one round; see `all_lists`.

    Args:
        client: Of the cluster.
        job: What is evaluated, and how.
        material: Of the job.
        one: The round.
        step: Called with the number of cases after each case.
    """
    found = searches(
        client,
        one.index,
        material.cases,
        options=replace(one.options, weights=one.legs),
        languages=one.languages,
    )
    served = serve(
        found,
        material.cases,
        one.settings,
        mix=job.mix,
        wanted=Wanted(job.pools, one.languages, job.k),
        step=lambda: step(len(material.cases)),
    )
    return served.lists, served.degraded


def _rounds(client: Elasticsearch, job: Job, material: Material) -> list[Round]:
    own, options, languages = material.live.name, material.options, material.languages
    rounds = [
        Round(own, options, {RECOMMENDER: material.weights, **material.legs()}, languages),
        Round(own, replace(options, max_interests=1), {MEAN_VECTOR: {DENSE: 1.0}}, languages),
    ]
    if job.against is not None:
        other = find_live(client, job.against)
        shared = tuple(lang for lang in languages if lang in other.meta.languages)
        weights = other.meta.weights or WEIGHTS
        rounds.append(Round(other.name, options, {AGAINST: weights}, shared))
    return rounds


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


def notes_against(client: Elasticsearch, job: Job, material: Material) -> list[str]:
    """What to mind of the other index."""
    if job.against is None:
        return []
    other = find_live(client, job.against)
    state = indicator_leak(other.meta.indicators, material.likes, material.parts)
    return [f"{other.name}: {note}" for note in warnings_of(state, other)]
