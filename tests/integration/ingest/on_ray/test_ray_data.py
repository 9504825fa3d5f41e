"""A catalog in Ray Data is encoded and written, and a task that Ray repeats changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from elasticsearch import Elasticsearch

from disturbed import contents, rejected_lines
from fakes import HashEncoder
from ingest.on_ray.ray_data import XlrecDatasink, XlrecEncoder
from ingest.run import assemble
from ingest.run.job import RunJob
from ingest.write.modes import COMPANION
from ray_cluster import ENVIRONMENT, TESTS, RayCluster
from ray_dataset import hash_encoder
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import IndexUnusable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_dataset_is_written_as_the_file_would_be(
    es: Elasticsearch, es_url: str, index_name: str, ray_there: RayCluster, tmp_path: Path
) -> None:
    path = tmp_path / "items.jsonl"
    records: list[dict[str, object]] = [
        {"id": n, "language": ("en", "de", "ja")[n % 3], "title": f"title {n}", "price": n / 4}
        for n in range(300)
    ]
    records[17] = {"id": 17, "language": "en", "title": "", "price": 1.0}
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    assemble.run(RunJob(str(path), index_name), Connection(es_url), encoder=HashEncoder())
    wanted = contents(es, index_name)
    gone = [{"delete": {"_id": id_}} for id_ in wanted if int(id_) < 200]
    es.bulk(index=index_name, operations=gone, refresh=True)
    assert len(contents(es, index_name)) == 100
    rejects = tmp_path / "ray.rejects.jsonl"
    done = subprocess.run(
        [
            *(sys.executable, str(TESTS / "ray_dataset.py"), ray_there.address),
            *(es_url, index_name, str(path), str(rejects)),
        ],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert contents(es, index_name) == wanted
    first, second = json.loads(done.stdout.splitlines()[-1])
    assert first["indexed"] + first["unchanged"] == 299
    assert first["indexed"] == 199
    assert second["unchanged"] == 299
    assert first["rejected"] == second["rejected"] == 1
    assert len(rejected_lines(rejects)) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vectors": {"quantization": "int4"}}, "otherwise than is asked for"),
        ({"mode": COMPANION}, "use neither --in-place nor --companion"),
    ],
)
def test_an_index_that_was_made_otherwise_is_refused(
    es_url: str, index_name: str, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"id": 1, "language": "en", "title": "one"}\n', "utf-8")
    job = RunJob(str(path), index_name, centering="none")
    assemble.run(job, Connection(es_url), encoder=HashEncoder())
    table = pa.table({"id": [1], "language": ["en"], "title": ["one"]})
    encoded = XlrecEncoder(job, hash_encoder)(table)
    with pytest.raises(IndexUnusable, match=told):
        XlrecDatasink(Connection(es_url), replace(job, **change)).write([encoded], None)
    written = XlrecDatasink(Connection(es_url), job).write([encoded], None)
    assert written.counts["unchanged"] == 1
