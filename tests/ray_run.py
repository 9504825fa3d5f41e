"""`xlrec-ingest run --engine ray` as a process, with an encoder that needs no model: to be killed.

python ray_run.py URL INDEX INPUT [--address HOST:PORT] [--resume]
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Sequence

from fakes import HashEncoder
from ingest.cli.main import main
from ingest.on_ray import engine
from ingest.on_ray.driver import Making
from ingest.run.job import RunJob
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.vector import Vector

UNIT_RECORDS = 250
PAUSE_S = 0.05
LICENSE = "cc-by-nc-4.0"


class SlowEncoder(HashEncoder):
    """Takes its time, so that there is a moment to kill it in."""

    license = LICENSE

    def encode(self, texts: Sequence[str]) -> Vector:
        time.sleep(PAUSE_S)
        return super().encode(texts)


def load(_job: RunJob) -> contextlib.AbstractContextManager[Encoder]:
    return contextlib.nullcontext(SlowEncoder())


if __name__ == "__main__":
    # By its name, or Ray could not find it in the processes of the actors.
    from ray_run import load as by_name

    making = Making(by_name, unit_records=UNIT_RECORDS)
    engine.run = functools.partial(engine.run, making=making)
    url, index, source, *options = sys.argv[1:]
    where = ["--url", url, "--timeout", "10", "--wait", "60", "--index", index]
    ray = ["--engine", "ray", "--workers", "2"]
    print("begun", flush=True)
    main(["run", source, *where, *ray, "--quiet", "--json", *options])
