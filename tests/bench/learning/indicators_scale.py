"""How local EASE grows with the catalogue: time per work, and memory, against exact EASE.

    python tests/bench/learning/indicators_scale.py [--works 5000 10000 20000 40000 80000]
        [--exact 20000]

And of the transfer, whose search for neighbours grows with the square of the works: all works
inherit, vectors have 384 dimensions, every fifth work is cold, and works have 200 indicators, of
which hardly two works have the same (`transfer`).

Synthetic likes: four users a work, popularity and length of histories by power laws, tastes in
clusters. Each size is measured in a process of its own, for its peak memory; the time per work is
processor time, which other work on the machine hardly changes. Prints a JSON line for each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from ingest.indicators.cold_start import Transfer
from ingest.indicators.learners import LEARNERS, LocalEase

LIKES_PER_USER = 16
LOCAL, TRANSFER = "local-ease", "transfer"
INDICATORS, DIMS = 200, 384
CLUSTER = 250  # works


@dataclass(frozen=True)
class Measured:
    model: str
    works: int
    likes: int
    seconds: float
    cpu_ms_per_work: float
    peak_gb: float
    before_gb: float


def synthetic_likes(n_works: int) -> csr_array:
    rng = np.random.default_rng(n_works)
    n_users = 4 * n_works
    lengths = np.minimum(500, 4 + rng.pareto(1.5, n_users) * LIKES_PER_USER / 3).astype(int)
    users = np.repeat(np.arange(n_users), lengths)
    n_clusters = max(1, n_works // CLUSTER)
    # Most likes of a user are in a cluster or two; in it, the first works are liked by most.
    home = rng.integers(0, n_clusters, (n_users, 2))[users, rng.integers(0, 2, len(users))]
    away = rng.random(len(users)) < 0.1
    clusters = np.where(away, rng.integers(0, n_clusters, len(users)), home)
    place = np.minimum((rng.pareto(0.6, len(users)) * 4).astype(np.int64), 10**9) % CLUSTER
    works = (clusters * CLUSTER + place) % n_works
    likes = csr_array((np.ones(len(works), np.float32), (users, works)), shape=(n_users, n_works))
    likes.data[:] = 1
    likes.sort_indices()
    return likes


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def transfer(n_works: int, device: str) -> Callable[[], object]:
    """All that works inherit, ready to be reckoned."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n_works, DIMS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    users = np.where(np.arange(n_works) % 5, 10, 0).astype(np.float32)
    counts = INDICATORS * (users > 0)
    columns = rng.integers(0, n_works, counts.sum(), np.int32)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    own = csr_array((rng.random(len(columns), np.float32), columns, starts), (n_works, n_works))
    own.sum_duplicates()
    return lambda: Transfer(device=device).apply(own, users, vectors)


def measure(model: str, n_works: int, device: str) -> Measured:
    likes = synthetic_likes(n_works)
    works = np.arange(n_works, dtype=np.int32)
    inherit = transfer(n_works, device)
    learner = LocalEase(device=device) if model == LOCAL else LEARNERS["ease"]()
    if device != "cpu":  # what it takes to begin is not a matter of works
        torch.zeros(1, device=device)
    before = peak_gb()
    start, busy = time.perf_counter(), time.process_time()
    if model == TRANSFER:
        inherit()
    else:
        learner.learn(likes, works)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return Measured(
        model,
        n_works,
        likes.nnz,
        round(seconds, 1),
        round(1000 * busy / n_works, 3),
        round(peak_gb(), 2),
        round(before, 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", type=int, nargs="+", default=[5000, 10000, 20000, 40000, 80000])
    parser.add_argument("--exact", type=int, default=20_000, help="Largest size for exact EASE.")
    parser.add_argument("--device", default="cpu", help="Of local EASE and the transfer.")
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for n_works in args.works:
        exact = ("ease",) if n_works <= args.exact else ()
        for model in (LOCAL, TRANSFER, *exact):
            with context.Pool(1) as pool:
                print(
                    json.dumps(asdict(pool.apply(measure, (model, n_works, args.device)))),
                    flush=True,
                )


if __name__ == "__main__":
    main()
