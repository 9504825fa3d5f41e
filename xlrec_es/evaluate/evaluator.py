"""What each ranked list of an evaluation is worth, measure by measure. Pure.

See `xlrec_es.evaluate.metrics` for what the measures are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xlrec_es.evaluate.metrics import (
    hit_at_k,
    intra_list_diversity,
    ndcg_at_k,
    novelty,
    popularity_percentiles,
    recall_at_k,
    reciprocal_rank_at_k,
)
from xlrec_es.evaluate.protocol import Case
from xlrec_es.vectors.vector import Vector

if TYPE_CHECKING:  # it takes Elasticsearch's client, and commands need names from here for `--help`
    from xlrec_es.evaluate.vectorized_fusion import Ranked

RECALL, NDCG, MRR, HIT = "recall", "ndcg@10", "mrr", "hit"
COLD, WARM = "recall cold", "recall warm"
NOVELTY, DIVERSITY = "novelty", "diversity"
SOURCE_SHARE, POPULARITY = "source share", "popularity"
COVERAGE = "coverage"  # of all lists together

LABELS = {
    RECALL: "recall",
    NDCG: "nDCG@10",
    MRR: "MRR",
    HIT: "hit rate",
    COLD: "cold",
    WARM: "warm",
    NOVELTY: NOVELTY,
    DIVERSITY: DIVERSITY,
    SOURCE_SHARE: SOURCE_SHARE,
    POPULARITY: POPULARITY,
    COVERAGE: COVERAGE,
}
"""What people call the measures, in tables and charts."""

COLD_USERS = 5
"""A work that fewer users like in the training part is cold."""

MetricValues = NDArray[np.float64]
"""Shape (n_cases,); NaN where a case has none."""


def labels_at(k: int) -> dict[str, str]:
    """`LABELS`, where lists of k works are measured."""
    return {**LABELS, RECALL: f"{LABELS[RECALL]}@{k}"}


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of the works, from the training part alone.

    Attributes:
        numbers: Row of each work.
        vectors: Shape (n_works, dims), unit rows.
        users: How many like each work.
        everybody: How many users there are.
        percentiles: See `metrics.popularity_percentiles`.
    """

    numbers: Mapping[str, int]
    vectors: Vector
    users: Mapping[str, float]
    everybody: int
    percentiles: Mapping[str, float]

    @classmethod
    def of(
        cls, works: Sequence[str], vectors: Vector, users: NDArray[np.float64], everybody: int
    ) -> Ground:
        """Put together.

        Args:
            works: Ids.
            vectors: Shape (n_works, dims).
            users: Shape (n_works,): how many like each.
            everybody: How many users there are.
        """
        by_work = dict(zip(works, users.tolist(), strict=True))
        numbers = {work: number for number, work in enumerate(works)}
        return cls(numbers, vectors, by_work, everybody, popularity_percentiles(by_work))

    def is_cold(self, work: str) -> bool:
        """Whether hardly anybody likes it."""
        return self.users[work] < COLD_USERS


def measure(
    cases: Sequence[Case], lists: Sequence[Ranked], ground: Ground, k: int
) -> dict[str, MetricValues]:
    """Every measure of every case's list.

    Args:
        cases: At least one.
        lists: One for each case.
        ground: What is known of the works.
        k: Places that count; of nDCG ten.
    """
    rows = [_of_list(case, ranked, ground, k) for case, ranked in zip(cases, lists, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _of_list(case: Case, ranked: Ranked, ground: Ground, k: int) -> dict[str, float]:
    works = [work for work, _ in ranked]
    cold = {work for work in case.targets if ground.is_cold(work)}
    warm = case.targets - cold
    # Another index may have works that this one does not.
    known = [work for work in works if work in ground.numbers]
    popular = [ground.percentiles[work] for work in known]
    return {
        RECALL: recall_at_k(works, case.targets, k),
        NDCG: ndcg_at_k(works, case.targets, min(k, 10)),
        MRR: reciprocal_rank_at_k(works, case.targets, k),
        HIT: hit_at_k(works, case.targets, k),
        COLD: recall_at_k(works, cold, k) if cold else math.nan,
        WARM: recall_at_k(works, warm, k) if warm else math.nan,
        NOVELTY: novelty(works, ground.users, ground.everybody),
        DIVERSITY: intra_list_diversity(ground.vectors[[ground.numbers[w] for w in known]]),
        SOURCE_SHARE: _mean([float(language == case.source) for _, language in ranked]),
        POPULARITY: _mean(popular),
    }


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


PairValues = dict[tuple[str, str], tuple[list[str], dict[str, MetricValues]]]
"""By source and target language: users, and of each measure a value for each."""


def by_pair(
    cases: Sequence[Case],
    lists: Sequence[Ranked],
    languages: Mapping[str, Sequence[str]],
    k: int,
) -> PairValues:
    """recall@k and nDCG of the targets in each language, out of lists that all languages share.

    Args:
        cases: Whom.
        lists: One for each case.
        languages: Of each work.
        k: Places that count; of nDCG ten.
    """
    found: dict[tuple[str, str], tuple[list[str], dict[str, list[float]]]] = defaultdict(
        lambda: ([], {RECALL: [], NDCG: []})
    )
    for case, ranked in zip(cases, lists, strict=True):
        works = [work for work, _ in ranked]
        of: defaultdict[str, set[str]] = defaultdict(set)
        for work in case.targets:
            for target in languages[work]:
                of[target].add(work)
        for target, own in of.items():
            users, values = found[case.source, target]
            users.append(case.user)
            values[RECALL].append(recall_at_k(works, own, k))
            values[NDCG].append(ndcg_at_k(works, own, min(k, 10)))
    return {
        pair: (users, {name: np.array(some) for name, some in values.items()})
        for pair, (users, values) in sorted(found.items())
    }


def recall_by_pair(
    cases: Sequence[Case],
    lists: Sequence[Ranked],
    languages: Mapping[str, Sequence[str]],
    k: int,
) -> dict[tuple[str, str], tuple[list[str], MetricValues]]:
    """The recall of `by_pair` alone."""
    found = by_pair(cases, lists, languages, k)
    return {pair: (users, values[RECALL]) for pair, (users, values) in found.items()}
