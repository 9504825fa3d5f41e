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
from typing import Any

from slots import asked, worth

from xlrec_es import Connection, connect
from xlrec_es.evaluate.dataset import EvaluationJob, gather
from xlrec_es.evaluate.metrics import recall_at_k
from xlrec_es.evaluate.protocol import COLD_POOL
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
            one = Round.of(material, pools, settings)
            lists, _ = lists_of(client, job, one)
            users = [case.user for case in one.cases]
            for kind in pools:
                recall = {
                    name: worth(recall_at_k, one.cases, lists[kind, name], job.k)
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
    given, job = asked(__doc__ or "", cold=True)
    print(json.dumps({k: compared(given, replace(job, k=k)) for k in given.sizes}, indent=1))


if __name__ == "__main__":
    main()
