"""Recall of associations and of popularity that are learned with differential privacy.

    python tests/bench/learning/privacy.py DATA/anime [--epsilon 1 8] [--items 20] [--users 300]

A fifth of each user's likes is held out, all others are learned from by local EASE. A case is a
user: the history is what they like in the training part, and the targets are their held-out likes,
among all items that they do not know. A list has the items that associations find, the best first,
and then the most popular ones. Nothing is inherited by text here, and no Elasticsearch is asked.
Prints JSON: recall@50 with 95% intervals over users, of one draw of the noise.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from ingest.indicators.learners import LocalEase
from ingest.indicators.noise import DELTA, ITEMS, Privacy, noised
from xlrec_es.evaluate.metrics import recall_at_k
from xlrec_es.evaluate.significance import bootstrap

LIKED = {"anime": 7.0, "movies": 4.0}
HELD_OUT, K, NOW_S = 0.2, 50, 1_790_000_000


def read(folder: Path, seed: int) -> tuple[list[str], dict[str, list[str]], dict[str, set[str]]]:
    """All items, and of each user the training part and the held-out part of their likes."""
    draw, least = random.Random(seed), LIKED.get(folder.name, 0.0)
    lines = (folder / "items.jsonl").open(encoding="utf-8")
    items = [str(json.loads(line)["id"]) for line in lines]
    known, learned, held = set(items), defaultdict(list), defaultdict(set)
    for row in csv.DictReader((folder / "interactions.tsv").open(), delimiter="\t"):
        if row["item"] in known and float(row.get("rating") or least) >= least:
            if draw.random() < HELD_OUT:
                held[row["user"]].add(row["item"])
            else:
                learned[row["user"]].append(row["item"])
    return items, dict(learned), dict(held)


def likes_of(items: list[str], learned: Mapping[str, list[str]], most: int) -> LikeMatrix:
    rows = [(user, item) for user, some in learned.items() for item in some]
    batch = pa.RecordBatch.from_pydict({"user": [u for u, _ in rows], "item": [i for _, i in rows]})
    rules = LikeRules(max_works=most)
    return collect([batch], {item: item for item in items}, rules, now_s=NOW_S)


def recalls(
    likes: LikeMatrix,
    learned: Mapping[str, list[str]],
    held: Mapping[str, set[str]],
    *,
    weights: NDArray[np.float32] | None,
    popular: NDArray[np.floating[Any]],
) -> list[float]:
    """Of each case; without weights, of popularity alone."""
    place = {work: n for n, work in enumerate(likes.works)}
    found = []
    for user, targets in held.items():
        own = [place[item] for item in learned.get(user, ())]
        scores = np.zeros(len(place)) if weights is None else weights[:, own].sum(axis=1)
        order = np.lexsort((-popular, -scores))
        known = {*own}
        best = [likes.works[n] for n in order[: K + len(own)] if n not in known][:K]
        found.append(recall_at_k(best, targets, K))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--users", type=int, default=300, help="that are tested")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    items, learned, held = read(options.folder, options.seed)
    tested = sorted(user for user in held if user in learned)
    drawn = random.Random(options.seed).sample(tested, min(options.users, len(tested)))
    cases = {user: held[user] for user in drawn}
    works = np.arange(len({*items}), dtype=np.int32)

    def measured(name: str, likes: LikeMatrix, sums: Any, popular: Any) -> None:  # noqa: ANN401
        began = time.process_time()
        weights = LocalEase().learn(sums, works).toarray()
        seconds = time.process_time() - began
        for what, some in (("associations", weights), ("popularity", None)):
            each = recalls(likes, learned, cases, weights=some, popular=popular)
            found = bootstrap(np.array(each), drawn, seed=0)
            row = {"noise": name, "what": what, "recall@50": [found.mean, found.low, found.high]}
            print(json.dumps(row | {"seconds": round(seconds, 1)}), flush=True)

    every = likes_of(items, learned, 1000)
    measured("none", every, every.matrix, every.users)
    capped = likes_of(items, learned, options.items)
    print(json.dumps({"users": capped.matrix.shape[0], "cases": len(cases), "items": len(works)}))
    measured(f"none, {options.items} items of a user", capped, capped.matrix, capped.users)
    rng = np.random.default_rng(options.seed)
    for epsilon in options.epsilon:
        promised = Privacy(epsilon, DELTA, options.items)
        sums = noised(capped.matrix, promised, rng)
        measured(f"epsilon {epsilon:g}", capped, sums, sums.counts)


if __name__ == "__main__":
    main()
