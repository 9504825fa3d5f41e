"""Memory and time of reading interactions, by the number of rows.

    python tests/bench/learning/collect.py [--rows 1000000 2000000 4000000] [--works 100000]

Synthetic rows with user, item, event and time, fifty a user, in Arrow batches made while they are
read. Each size is measured in a process of its own, for its peak memory; what a process
holds before it reads (Python, Arrow, the catalogue) is given apart. Time is processor time, the
making of the rows included. Prints a JSON line for each, and the bytes that a row more takes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from ingest.indicators.interaction_matrix import LikeRules, collect

ROWS_PER_USER = 50
BATCH = 100_000
NOW_S = 1_790_000_000


@dataclass(frozen=True)
class Measured:
    rows: int
    likes: int
    cpu_seconds: float
    before_mb: float
    peak_mb: float


def batches(n_rows: int, n_works: int) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(0)
    events = np.array(["view", "cart", "purchase"])
    for _ in range(0, n_rows, BATCH):
        works = np.minimum((rng.pareto(0.8, BATCH) * 50).astype(np.int64), n_works - 1)
        yield pa.RecordBatch.from_pydict(
            {
                "user": pa.array(rng.integers(0, n_rows // ROWS_PER_USER, BATCH)),
                "item": pa.array(works).cast(pa.string()),
                "event": pa.array(events[rng.integers(0, 3, BATCH)]),
                "time": pa.array(NOW_S - rng.integers(0, 10**8, BATCH)),
            }
        )


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(n_rows: int, n_works: int) -> Measured:
    items = {str(n): str(n) for n in range(n_works)}
    for _ in batches(BATCH, n_works):  # what Arrow and numpy need once
        pass
    before, start = peak_mb(), time.process_time()
    rules = LikeRules(half_life_days=180)
    likes = collect(batches(n_rows, n_works), items, rules, now_s=NOW_S)
    seconds = time.process_time() - start
    return Measured(
        n_rows, likes.matrix.nnz, round(seconds, 1), round(before, 1), round(peak_mb(), 1)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 2_000_000, 4_000_000])
    parser.add_argument("--works", type=int, default=100_000)
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    found = []
    for n_rows in args.rows:
        with context.Pool(1) as pool:
            found.append(pool.apply(measure, (n_rows, args.works)))
            print(json.dumps(asdict(found[-1])), flush=True)
    if len(found) > 1:
        first, last = found[0], found[-1]
        slope = (last.peak_mb - first.peak_mb) * 2**20 / (last.rows - first.rows)
        print(json.dumps({"bytes a row": round(slope, 1)}))


if __name__ == "__main__":
    main()
