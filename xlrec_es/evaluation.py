"""Can the works that a person likes in other languages be found from those in one language?

The protocol is README's, "Evaluation": a case is one person and one source language; the history is
what they liked in it, the targets what they liked in other languages and not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from xlrec_es.metrics import ndcg_at_k, recall_at_k
from xlrec_es.recommend import Recommender
from xlrec_es.types import History

CROSS = "cross"
MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Case:
    """One person, seen from one source language.

    Attributes:
        person: Id.
        source: Source language.
        history: Works liked in the source language. Sorted.
        targets: Works liked in other languages, and not to be had in the source language.
    """

    person: str
    source: str
    history: tuple[str, ...]
    targets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over the cases.

    Attributes:
        cases: How many.
        recall: recall@k.
        ndcg: nDCG@10.
        source_share: Part of the top k that is in the source language.
    """

    cases: int
    recall: float
    ndcg: float
    source_share: float


def make_cases(
    likes: Iterable[tuple[str, str]],
    languages: Mapping[str, Collection[str]],
    *,
    min_history: int = 2,
) -> list[Case]:
    """All cases with a history and a target.

    Args:
        likes: Pairs of person and work.
        languages: The languages that each work of the index is in; likes of others are left out.
        min_history: Shortest history that counts.

    Returns:
        Sorted by person and source language.
    """
    liked: dict[str, set[str]] = defaultdict(set)
    for person, work in likes:
        if work in languages:
            liked[person].add(work)
    cases = []
    for person, works in sorted(liked.items()):
        for source in sorted({language for work in works for language in languages[work]}):
            history = {work for work in works if source in languages[work]}
            targets = works - history
            if len(history) >= min_history and targets:
                cases.append(Case(person, source, tuple(sorted(history)), frozenset(targets)))
    return cases


def evaluate(
    recommender: Recommender,
    cases: Collection[Case],
    *,
    languages: Collection[str],
    pool: str = CROSS,
    k: int = 50,
) -> Scores:
    """Send what the recommender sends, and see what comes back.

    Args:
        recommender: What is measured.
        cases: At least one.
        languages: Of the index.
        pool: `cross`: all languages but the source compete; `mixed`: all.
        k: Length of the lists for recall and share.

    Raises:
        ValueError: No cases.
        XlrecError: As for `Recommender.recommend`.
    """
    if not cases:
        raise ValueError("no cases: nobody liked works in two languages")
    recalls, ndcgs, shares = [], [], []
    for case in cases:
        targets = [lang for lang in languages if pool == MIXED or lang != case.source]
        found = recommender.recommend(History.of(case.history), languages=targets, size=k).items
        ranked = [item.work for item in found]
        recalls.append(recall_at_k(ranked, case.targets, k))
        ndcgs.append(ndcg_at_k(ranked, case.targets, 10))
        shares.append(np.mean([item.language == case.source for item in found]))
    return Scores(
        len(cases), float(np.mean(recalls)), float(np.mean(ndcgs)), float(np.mean(shares))
    )
