"""The ranked lists of every system that an evaluation compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.evaluate.baselines import baselines, best
from xlrec_es.evaluate.case_search import WantedLists, answers, serve
from xlrec_es.evaluate.catalogue import Pool
from xlrec_es.evaluate.dataset import EvaluationJob, Material, warnings_of
from xlrec_es.evaluate.protocol import COLD_POOL, Case
from xlrec_es.evaluate.vectorized_fusion import Fusion, Ranked, RetrieverScores
from xlrec_es.index.live_index import find_live
from xlrec_es.languages import named_by
from xlrec_es.recommend.options import DENSE, Options

RECOMMENDER = "recommender"
MEAN_VECTOR = "mean vector"
AGAINST = "other index"


def all_lists(
    client: Elasticsearch, job: EvaluationJob, material: Material, step: Callable[[int], None]
) -> tuple[dict[tuple[str, str], list[Ranked]], tuple[str, ...]]:
    """The lists of every system.

    Args:
        client: Of the cluster.
        job: What is evaluated, and how.
        material: Of the job.
        step: See `experiment.run_experiment`.

    Returns:
        By pool and system, one list for each case of the pool; and what was not answered in full,
        in sentences.

    Raises:
        XlrecError: As for `case_search.answers`.
    """
    lists: dict[tuple[str, str], list[Ranked]] = {}
    degraded: tuple[str, ...] = ()
    rounds = _rounds(client, job, material)
    total = sum(len(one.cases) for one in rounds)
    for one in rounds:
        found, problems = lists_of(client, job, one, lambda: step(total))
        lists |= found
        degraded += problems
    return lists | _baseline_lists(job, material), degraded


@dataclass(frozen=True, slots=True)
class Round:
    """One search of cases.

    Attributes:
        index: What is searched.
        cases: Whom to search for.
        pools: In which the answers are ranked.
        options: How.
        settings: How retrievers are fused, by system.
        languages: In which.
    """

    index: str
    cases: Sequence[Case]
    pools: Sequence[str]
    options: Options
    settings: Mapping[str, Fusion]
    languages: tuple[str, ...]

    @classmethod
    def of(cls, material: Material, pools: Sequence[str], settings: Mapping[str, Fusion]) -> Round:
        """A round on the index itself, of pools that have the same cases and works."""
        return cls(
            index=material.live.searched,
            cases=material.cases_of(pools[0]),
            pools=pools,
            options=material.options_of(pools[0]),
            settings=settings,
            languages=material.languages,
        )

    @property
    def retrievers(self) -> dict[str, float]:
        """Every retriever that a setting wants."""
        return {
            retriever: 1.0
            for fusion in self.settings.values()
            for retriever, weight in fusion.weights.items()
            if weight > 0
        }


def lists_of(
    client: Elasticsearch, job: EvaluationJob, one: Round, step: Callable[[], None] = lambda: None
) -> tuple[Mapping[tuple[str, str], list[Ranked]], tuple[str, ...]]:
    """The lists of the systems of one round; see `all_lists`.

    Args:
        client: Of the cluster.
        job: What is evaluated, and how.
        one: The round.
        step: Called after each case.
    """
    options = replace(one.options, weights=one.retrievers)
    found = answers(client, one.index, one.cases, options=options, languages=one.languages)
    served = serve(
        (RetrieverScores.of(searched) for searched in found),
        one.cases,
        one.settings,
        mix=job.mix,
        wanted=WantedLists(one.pools, one.languages, job.k),
        step=step,
    )
    return served.lists, served.degraded


def _rounds(client: Elasticsearch, job: EvaluationJob, material: Material) -> list[Round]:
    return [
        one for pools in _together(material) for one in _rounds_of(client, job, material, pools)
    ]


def _together(material: Material) -> list[list[str]]:
    """Pools that have the same cases and works: the cold one is alone."""
    alike = [kind for kind in material.pools if kind != COLD_POOL]
    cold = [kind for kind in material.pools if kind == COLD_POOL]
    return [pools for pools in (alike, cold) if pools]


def _rounds_of(
    client: Elasticsearch, job: EvaluationJob, material: Material, pools: Sequence[str]
) -> list[Round]:
    one = Round.of(material, pools, {RECOMMENDER: material.fusion, **material.retrievers()})
    mean = {MEAN_VECTOR: Fusion({DENSE: 1.0})}
    rounds = [one, replace(one, options=replace(one.options, max_interests=1), settings=mean)]
    if job.against is not None:
        other = find_live(client, job.against)
        shared = tuple(lang for lang in one.languages if named_by(lang, other.meta.languages))
        theirs = {AGAINST: Fusion.of(other)}
        rounds.append(replace(one, index=other.searched, settings=theirs, languages=shared))
    return rounds


def _baseline_lists(job: EvaluationJob, material: Material) -> dict[tuple[str, str], list[Ranked]]:
    pool, likes = material.pool, material.likes
    scorers = baselines(
        pool, likes, material.parts.training, material.live.meta.centering, seed=job.seed
    )
    numbers = {work: number for number, work in enumerate(pool.works)}
    lists: dict[tuple[str, str], list[Ranked]] = {
        (kind, name): [] for kind in material.pools for name in scorers
    }
    # A cold case is another case with fewer targets, and targets matter to no score.
    cold = {(case.user, case.source) for case in material.cases_of(COLD_POOL)}
    within: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for case in material.cases:
        known = [numbers[work] for work in (*case.history, *case.seen)]
        kinds = [
            kind for kind in material.pools if kind != COLD_POOL or (case.user, case.source) in cold
        ]
        for kind in kinds:
            if (kind, case.source) not in within:
                languages = case.languages(kind, material.languages)
                within[kind, case.source] = pool.within(languages) & material.among(kind)
        for name, scorer in scorers.items() if kinds else ():
            scores = scorer(case)
            for kind in kinds:
                allowed = within[kind, case.source].copy()
                allowed[known] = False
                languages = case.languages(kind, material.languages)
                lists[kind, name].append(
                    tuple(
                        (pool.works[work], _language(pool, pool.works[work], languages))
                        for work in best(scores, allowed, job.k)
                    )
                )
    return lists


def _language(pool: Pool, work: str, languages: Sequence[str]) -> str:
    """The first of a work's languages that competes."""
    return next(language for language in pool.languages[work] if language in languages)


def notes_against(client: Elasticsearch, job: EvaluationJob, material: Material) -> list[str]:
    """What to mind of the other index."""
    if job.against is None:
        return []
    other = find_live(client, job.against)
    notes = warnings_of(other, material.likes, material.parts)
    return [f"{other.name}: {note}" for note in notes]
