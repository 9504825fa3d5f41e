"""What a few measures say of one setting of the recommender, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.evaluate.baselines import RAW_MEAN, baselines, best
from xlrec_es.evaluate.case_search import WantedLists, answers, serve
from xlrec_es.evaluate.catalogue import read_pool
from xlrec_es.evaluate.metrics import ndcg_at_k, recall_at_k
from xlrec_es.evaluate.protocol import Case
from xlrec_es.evaluate.vectorized_fusion import Fusion, RetrieverScores
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.likes import read_likes
from xlrec_es.recommend.options import WEIGHTS, Options


@dataclass(frozen=True)
class Measured:
    """Means over the cases."""

    cases: int
    recall: float
    ndcg: float
    source_share: float


def measured(
    client: Elasticsearch,
    index: str,
    cases: Sequence[Case],
    *,
    options: Options,
    pool: str,
    languages: Collection[str],
    k: int = 50,
) -> Measured:
    """recall@k, nDCG@10, and the part of the source language in the top k."""
    weights = options.weights or WEIGHTS
    found = answers(client, index, cases, options=options, languages=languages)
    scores = (RetrieverScores.of(searched) for searched in found)
    wanted = WantedLists((pool,), languages, k)
    lists = serve(
        scores, cases, {"it": Fusion(weights)}, mix=str(options.division), wanted=wanted
    ).lists
    pairs = list(zip(cases, lists[pool, "it"], strict=True))
    works = [[work for work, _ in ranked] for _, ranked in pairs]
    return Measured(
        len(cases),
        float(np.mean([recall_at_k(w, c.targets, k) for w, c in zip(works, cases, strict=True)])),
        float(np.mean([ndcg_at_k(w, c.targets, 10) for w, c in zip(works, cases, strict=True)])),
        float(np.mean([np.mean([lang == case.source for _, lang in r]) for case, r in pairs])),
    )


def measured_raw_mean(
    client: Elasticsearch, index: str, cases: Sequence[Case], interactions: Path, *, k: int = 50
) -> Measured:
    """The same of what everybody tries first: the texts nearest to the uncentered mean vector."""
    live = find_live(client, index)
    pool = read_pool(client, live)
    likes = read_likes(interactions, pool.items)
    training = np.ones(len(likes), bool)
    scorer = baselines(pool, likes, training, live.meta.centering, seed=0)[RAW_MEAN]
    numbers = {work: number for number, work in enumerate(pool.works)}
    lists = []
    for case in cases:
        allowed = np.ones(len(pool.works), bool)
        allowed[[numbers[work] for work in case.history]] = False
        lists.append([pool.works[number] for number in best(scorer(case), allowed, k)])
    pairs = list(zip(lists, cases, strict=True))
    return Measured(
        len(cases),
        float(np.mean([recall_at_k(works, case.targets, k) for works, case in pairs])),
        float(np.mean([ndcg_at_k(works, case.targets, 10) for works, case in pairs])),
        float(
            np.mean([np.mean([c.source in pool.languages[w] for w in works]) for works, c in pairs])
        ),
    )
