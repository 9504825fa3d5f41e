"""Memory, time and disk of learning from interactions that are kept on disk, by their number.

    python tests/bench/learning/beyond_memory.py [--rows 10000000 25000000] [--folder FOLDER]
        [--memory-mb 1024] [--learn-items 200000]

Synthetic rows of 2 million users and 200,000 items, in Arrow batches made while they are read:
user, item, event and time; a hundredth of the items has a fifth of the rows. Each size is measured
in a process of its own: largest private memory (RssAnon), and that with mapped files, whose pages
the system takes back when it needs them (VmHWM). Learning is local EASE of all items, or the first
so many. Prints a JSON line for each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.indicators.interaction_matrix import LikeRules
from ingest.indicators.large.collecting import collect_on_disk
from ingest.indicators.large.on_disk import OnDisk
from ingest.indicators.learners import LocalEase

USERS, ITEMS = 2_000_000, 200_000
BATCH = 100_000
NOW_S = 1_790_000_000


@dataclass(frozen=True)
class Measured:
    rows: int
    likes: int
    learned_items: int
    collect_s: float
    collect_cpu_s: float
    learn_s: float
    learn_cpu_s: float
    before_gb: float
    collect_private_gb: float
    learn_private_gb: float
    with_mapped_gb: float
    disk_gb: float


def batches(n_rows: int) -> Iterator[pa.RecordBatch]:
    draw = np.random.default_rng(0)
    events = np.array(["view", "cart", "purchase"])
    for _ in range(0, n_rows, BATCH):
        items = (ITEMS * draw.random(BATCH) ** 3).astype(np.int64)
        yield pa.RecordBatch.from_pydict(
            {
                "user": pa.array(draw.integers(0, USERS, BATCH)),
                "item": pa.array(items).cast(pa.string()),
                "event": pa.array(events[draw.integers(0, 3, BATCH)]),
                "time": pa.array(NOW_S - draw.integers(0, 10**8, BATCH)),
            }
        )


class Watch(threading.Thread):
    """The largest private memory, and the largest size of a folder, looked at now and then."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.private_gb = self.disk_gb = 0.0

    def run(self) -> None:
        while True:
            self.private_gb = max(self.private_gb, status_gb("RssAnon"))
            size = 0
            for path in self.folder.rglob("*"):
                try:
                    size += path.stat().st_blocks * 512
                except OSError:  # just removed
                    continue
            self.disk_gb = max(self.disk_gb, size / 1e9)
            time.sleep(0.2)

    def taken(self) -> float:
        """The largest private memory since this was asked before."""
        found, self.private_gb = self.private_gb, 0.0
        return round(found, 2)


def status_gb(name: str) -> float:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1]) / 1024**2


def measure(n_rows: int, folder: str, memory_mb: int, learn_items: int) -> Measured:
    items = {str(n): str(n) for n in range(ITEMS)}
    before = status_gb("RssAnon")
    with OnDisk(Path(folder), memory_mb).opened() as on_disk:
        watch = Watch(on_disk.folder)
        watch.start()
        start, busy = time.perf_counter(), time.process_time()
        rules = LikeRules(half_life_days=180)
        likes = collect_on_disk(batches(n_rows), items, rules, now_s=NOW_S, on_disk=on_disk)
        collected, collect_cpu = time.perf_counter() - start, time.process_time() - busy
        collect_private = watch.taken()
        start, busy = time.perf_counter(), time.process_time()
        works = np.arange(min(ITEMS, learn_items), dtype=np.int32)
        if len(works):
            LocalEase().learn(likes.matrix, works)
        return Measured(
            n_rows,
            likes.matrix.nnz,
            len(works),
            round(collected, 1),
            round(collect_cpu, 1),
            round(time.perf_counter() - start, 1),
            round(time.process_time() - busy, 1),
            round(before, 2),
            collect_private,
            watch.taken(),
            round(status_gb("VmHWM"), 2),
            round(watch.disk_gb, 2),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000_000, 25_000_000])
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--memory-mb", type=int, default=1024)
    parser.add_argument("--learn-items", type=int, default=ITEMS)
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for n_rows in args.rows:
        with context.Pool(1) as pool:
            options = (n_rows, args.folder, args.memory_mb, args.learn_items)
            print(json.dumps(asdict(pool.apply(measure, options))), flush=True)


if __name__ == "__main__":
    main()
