"""A run of the worker as a process of its own, with an encoder that needs no model: to be killed.

python crashing_worker.py URL INDEX INPUT [--resume]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from fakes import HashEncoder
from ingest.run import assemble as runs
from ingest.run.job import RunJob
from xlrec_es.cluster.connection import Connection
from xlrec_es.vectors.vector import Vector


class SlowEncoder(HashEncoder):
    """Takes its time, so that there is a moment to kill it in."""

    batch_tokens = 128  # small windows: 256 texts

    def encode(self, texts: Sequence[str]) -> Vector:
        time.sleep(0.02)
        return super().encode(texts)


def main() -> None:
    url, index, source, *rest = sys.argv[1:]
    job = RunJob(source, index, calibration="none", resume="--resume" in rest, wait_s=200)
    print("begun", flush=True)
    summary = runs.run(job, Connection(url, timeout_s=10), encoder=SlowEncoder())
    print(summary["documents"], summary["resumed_after"])


if __name__ == "__main__":
    main()
