"""What `run --engine ray` refuses before there is a Ray, as a run in one process refuses it."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import HashEncoder
from ingest.on_ray import engine
from ingest.on_ray.session import RayOptions
from ingest.run import assemble
from ingest.run.job import RunJob
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import IndexUnusable, IngestError

NOWHERE = RayOptions("127.0.0.1:1")


def test_an_index_whose_vectors_are_indexed_otherwise_is_refused(
    es_url: str, index_name: str, tmp_path: Path
) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"id": 1, "language": "en", "title": "one"}\n', "utf-8")
    job, connection = RunJob(str(path), index_name), Connection(es_url)
    alone = functools.partial(assemble.run, encoder=HashEncoder())
    on_ray = functools.partial(engine.run, options=NOWHERE)
    alone(job, connection)
    other = replace(job, vectors={"quantization": "int4"})
    for run in (alone, on_ray):
        with pytest.raises(IndexUnusable, match="int8_hnsw, otherwise than is asked for"):
            run(other, connection)
    with pytest.raises(IngestError, match="cannot reach Ray"):
        on_ray(replace(job, vectors={"quantization": "int8"}), connection)
