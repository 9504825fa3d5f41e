"""A file as a dataset of Ray Data, written twice by the adapters; prints what became of it.

python ray_dataset.py ADDRESS URL INDEX INPUT REJECTS
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import ray

from fakes import HashEncoder
from ingest.on_ray.ray_data import XlrecDatasink, XlrecEncoder
from ingest.on_ray.session import RayOptions, session
from ingest.run.job import RunJob
from xlrec_es.cluster.connection import Connection
from xlrec_es.vectors.encoder import Encoder


def hash_encoder(_job: RunJob) -> contextlib.AbstractContextManager[Encoder]:
    return contextlib.nullcontext(HashEncoder())


def main(address: str, url: str, index: str, source: str, rejects: str) -> None:
    # By its name, or Ray could not find it in other processes.
    from ray_dataset import hash_encoder as by_name

    job = RunJob(source, index, rejects=Path(rejects))
    found = []
    with session(RayOptions(address, workers=2)):
        for _ in range(2):
            encoded = ray.data.read_json(source).map_batches(
                XlrecEncoder,
                fn_constructor_args=(job, by_name),
                batch_format="pyarrow",
                batch_size=64,
                concurrency=1,
            )
            sink = XlrecDatasink(Connection(url), job)
            encoded.write_datasink(sink)
            found.append(dict(sink.counts.as_json()))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
