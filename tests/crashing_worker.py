"""`xlrec-ingest run` as a process, with an encoder that needs no model: to be killed.

python crashing_worker.py URL INDEX INPUT [--resume]
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence

from fakes import HashEncoder
from ingest.cli.main import main
from ingest.cli.run import run
from ingest.run import assemble
from ingest.run.job import RunJob
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.vector import Vector


class SlowEncoder(HashEncoder):
    """Takes its time, so that there is a moment to kill it in."""

    batch_tokens = 128  # small windows: 256 texts

    def encode(self, texts: Sequence[str]) -> Vector:
        time.sleep(0.02)
        return super().encode(texts)


def load(job: RunJob) -> contextlib.AbstractContextManager[Encoder]:
    return contextlib.nullcontext(SlowEncoder())


if __name__ == "__main__":
    assert run  # it is imported by now, so that what is killed is the run
    assemble.load = load
    url, index, source, *options = sys.argv[1:]
    where = ["--url", url, "--timeout", "10", "--wait", "200", "--index", index]
    print("begun", flush=True)
    main(["run", source, *where, "--centering", "none", "--quiet", "--json", *options])
