"""What an actor of Ray does, without Ray: it is a plain object."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder, WordWeights
from ingest.encode.options import EncoderOptions, SparseModel
from ingest.encode.sparse.beside import beside
from ingest.on_ray.ray_data import XlrecDatasink, XlrecEncoder
from ingest.on_ray.unit_worker import Looked, Task, UnitDone, UnitWorker
from ingest.on_ray.units import units_of
from ingest.run.job import RunJob
from xlrec_es.cluster import scan
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import ConfigError

SPARSE = EncoderOptions(sparse=SparseModel("words"))


def test_learned_sparse_weights_are_made_by_actors_too(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    path = tmp_path / "items.jsonl"
    titles = [f"chess board {n}" for n in range(20)]
    records = [{"id": str(n), "language": "en", "title": t} for n, t in enumerate(titles)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    job = RunJob(str(path), index_name, encoder=SPARSE)
    task = Task(
        job,
        Connection(es_url),
        1,
        tmp_path / "rejects",
        requests=1,
        renews=False,
        encoder=lambda _job: contextlib.nullcontext(beside(HashEncoder(), WordWeights())),
    )
    worker = UnitWorker(task)
    [unit] = units_of([path])
    looked = worker.look(unit, sample=True)
    assert isinstance(looked, Looked)
    assert isinstance(worker.create(unit, looked.sampled), str)
    done = worker.run(unit, tries=True)
    assert isinstance(done, UnitDone)
    assert done.error is None
    es.indices.refresh(index=index_name)
    body = {"_source": scan.whole_source(es)}
    found = {h["_id"]: h["_source"] for hits in scan.pages(es, index_name, body) for h in hits}
    assert len(found) == len(titles)
    for n, title in enumerate(titles):
        assert found[str(n)]["xlrec"]["sparse"] == WordWeights().encode([title])[0]


def test_adapters_for_ray_data_refuse_a_sparse_model() -> None:
    job = RunJob("items", "shop", encoder=SPARSE)
    for adapter in (
        lambda: XlrecEncoder(job),
        lambda: XlrecDatasink(Connection("http://127.0.0.1:1"), job),
    ):
        with pytest.raises(ConfigError, match="carry vectors, and no learned sparse weights"):
            adapter()
