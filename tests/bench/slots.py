"""Slots divided equally between languages against slots by score, on one index and the same cases.

    python tests/bench/slots.py INTERACTIONS --url URL --index INDEX [--min-rating 7] [--seed 1]
        [--users 300] [--split random] [--min-history 5] [--sizes 10 50]

The index is made by `tests/bench/evaluate.py --steps prepare`, or by the commands of
xlrec_es/EVALUATION.md: its associations were learned from the training part of the same split. For
each candidate set and list size it prints recall of either and the paired difference, and for each
language its part of the slots, its part of the test interactions, and the recall of its test items.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xlrec_es import Connection, connect
from xlrec_es.evaluate.dataset import EvaluationJob, Material, gather
from xlrec_es.evaluate.evaluator import MetricValues, recall_by_pair
from xlrec_es.evaluate.metrics import ndcg_at_k, recall_at_k
from xlrec_es.evaluate.protocol import COLD_POOL, POOLS, Case
from xlrec_es.evaluate.significance import bootstrap, compare, plain
from xlrec_es.evaluate.systems import RECOMMENDER, Round, lists_of
from xlrec_es.evaluate.vectorized_fusion import Ranked
from xlrec_es.recommend.options import AUTO, EQUAL


def parts(names: Iterable[str]) -> dict[str, float]:
    """Each name's part of all."""
    counted = Counter(names)
    return {name: round(n / counted.total(), 3) for name, n in sorted(counted.items())}


def worth(
    measure: Callable[[Sequence[str], Collection[str], int], float],
    cases: Sequence[Case],
    lists: Sequence[Ranked],
    k: int,
) -> MetricValues:
    """What each case's list is worth, shape (n_cases,)."""
    pairs = zip(cases, lists, strict=True)
    return np.array([measure([work for work, _ in one], case.targets, k) for case, one in pairs])


def by_language(material: Material, kind: str, lists: Sequence[Ranked], k: int) -> dict[str, Any]:
    """Recall of each target language's test items, mean over cases of every source."""
    cases, languages = material.cases_of(kind), material.pool.languages
    found: dict[str, list[float]] = {}
    for (_, target), (_, values) in recall_by_pair(cases, lists, languages, k).items():
        found.setdefault(target, []).extend(values)
    return {target: round(float(np.mean(values)), 3) for target, values in sorted(found.items())}


def compared(given: argparse.Namespace, job: EvaluationJob) -> dict[str, Any]:
    """What either division of slots gives, for one size of lists."""
    materials, lists = {}, {}
    with connect(Connection(given.url)) as client:
        for mix in (EQUAL, AUTO):
            one = replace(job, mix=mix)
            material = materials[mix] = gather(client, one)
            wanted = Round.of(material, POOLS, {RECOMMENDER: material.fusion})
            lists[mix] = lists_of(client, one, wanted)[0]
    report: dict[str, Any] = {}
    for kind in POOLS:
        material = materials[EQUAL]
        cases = material.cases_of(kind)
        users = [case.user for case in cases]
        found = {mix: lists[mix][kind, RECOMMENDER] for mix in lists}
        languages = material.pool.languages
        report[kind] = {"cases": len(cases), "users": len(set(users))}
        report[kind]["test items"] = parts(
            languages[work][0] for case in cases for work in case.targets
        )
        for measure, at in ((recall_at_k, job.k), (ndcg_at_k, min(job.k, 10))):
            values = {mix: worth(measure, cases, found[mix], at) for mix in found}
            report[kind][measure.__name__] = {
                **{mix: plain(bootstrap(values[mix], users, seed=job.seed)) for mix in values},
                "auto - equal": plain(compare(values[AUTO], values[EQUAL], users, seed=job.seed)),
            }
        for mix, ranked in found.items():
            report[kind][mix] = {
                "slots": parts(language for one in ranked for _, language in one),
                "recall by language": by_language(material, kind, ranked, job.k),
                "languages in a list": round(
                    float(np.mean([len({language for _, language in one}) for one in ranked])), 2
                ),
            }
    return report


def asked(about: str, *, cold: bool = False) -> tuple[argparse.Namespace, EvaluationJob]:
    """What the command line gives, and the job that it describes.

    Args:
        about: What the program is for.
        cold: Whether it can hold out items altogether.
    """
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    parser.add_argument("interactions", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--index", required=True)
    parser.add_argument("--min-rating", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--split", dest="method")
    parser.add_argument("--min-history", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 50])
    if cold:
        parser.add_argument("--cold", type=float, default=0.0)
    given = parser.parse_args()
    part = given.cold if cold else 0.0
    return given, EvaluationJob(
        given.interactions,
        given.index,
        min_rating=given.min_rating,
        method=given.method,
        seed=given.seed,
        max_users=given.users,
        min_history=given.min_history,
        cold=part,
        pools=(*POOLS, *([COLD_POOL] if part else [])),
    )


def main() -> None:
    given, job = asked(__doc__ or "")
    print(json.dumps({k: compared(given, replace(job, k=k)) for k in given.sizes}, indent=1))


if __name__ == "__main__":
    main()
