"""What a few measures say of one setting of the recommender, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.evaluation import Case
from xlrec_es.metrics import ndcg_at_k, recall_at_k
from xlrec_es.plan import WEIGHTS, Options
from xlrec_es.served import Wanted, searches, serve


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
    found = searches(client, index, cases, options=options, languages=languages)
    wanted = Wanted((pool,), languages, k)
    lists = serve(found, cases, {"it": weights}, mix=str(options.mix), wanted=wanted).lists
    pairs = list(zip(cases, lists[pool, "it"], strict=True))
    works = [[work for work, _ in ranked] for _, ranked in pairs]
    return Measured(
        len(cases),
        float(np.mean([recall_at_k(w, c.targets, k) for w, c in zip(works, cases, strict=True)])),
        float(np.mean([ndcg_at_k(w, c.targets, 10) for w, c in zip(works, cases, strict=True)])),
        float(np.mean([np.mean([lang == case.source for _, lang in r]) for case, r in pairs])),
    )
