"""The cascade against a weighted mixture and each retriever alone, on one index and the same cases.

    python tests/bench/cascade.py INTERACTIONS --url URL --index INDEX [--min-rating 7] [--seed 1]
        [--users 500] [--split random] [--min-history 5] [--cold .2] [--sizes 10 50]

The index is made by `tests/bench/evaluate.py --steps prepare`, or by the commands of
xlrec_es/EVALUATION.md: its associations were learned from the training part of the same split. For
each candidate set and list size it prints recall of every system, and the paired difference of the
cascade to each.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xlrec_es import Connection, connect
from xlrec_es.evaluate.dataset import EvaluationJob, gather
from xlrec_es.evaluate.metrics import recall_at_k
from xlrec_es.evaluate.protocol import COLD_POOL, POOLS
from xlrec_es.evaluate.significance import bootstrap, compare, plain
from xlrec_es.evaluate.systems import Round, lists_of
from xlrec_es.evaluate.vectorized_fusion import Fusion
from xlrec_es.recommend.options import CASCADE, WEIGHTED, WEIGHTS


def compared(given: argparse.Namespace, job: EvaluationJob) -> dict[str, Any]:
    """What each system finds, for one size of lists."""
    report: dict[str, Any] = {}
    with connect(Connection(given.url)) as client:
        material = gather(client, job)
        settings = {
            CASCADE: Fusion(WEIGHTS, CASCADE),
            WEIGHTED: Fusion(WEIGHTS),
            **material.retrievers(),
        }
        warm = tuple(kind for kind in material.pools if kind != COLD_POOL)
        for pools in filter(None, (warm, tuple(set(material.pools) - set(warm)))):
            one = Round(
                index=material.live.searched,
                cases=material.cases_of(pools[0]),
                pools=pools,
                options=material.options_of(pools[0]),
                settings=settings,
                languages=material.languages,
            )
            lists, _ = lists_of(client, job, one)
            users = [case.user for case in one.cases]
            for kind in pools:
                recall = {
                    name: np.array(
                        [
                            recall_at_k([work for work, _ in ranked], case.targets, job.k)
                            for case, ranked in zip(one.cases, lists[kind, name], strict=True)
                        ]
                    )
                    for name in settings
                }
                report[kind] = {"cases": len(users), "users": len(set(users))} | {
                    name: {
                        "recall": plain(bootstrap(values, users, seed=job.seed)),
                        "cascade is better by": plain(
                            compare(recall[CASCADE], values, users, seed=job.seed)
                        ),
                    }
                    for name, values in recall.items()
                }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("interactions", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--index", required=True)
    parser.add_argument("--min-rating", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--split", dest="method")
    parser.add_argument("--min-history", type=int, default=2)
    parser.add_argument("--cold", type=float, default=0.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 50])
    given = parser.parse_args()
    job = EvaluationJob(
        given.interactions,
        given.index,
        min_rating=given.min_rating,
        method=given.method,
        seed=given.seed,
        max_users=given.users,
        min_history=given.min_history,
        cold=given.cold,
        pools=(*POOLS, *([COLD_POOL] if given.cold else [])),
    )
    print(json.dumps({k: compared(given, replace(job, k=k)) for k in given.sizes}, indent=1))


if __name__ == "__main__":
    main()
