"""A folder as programs write it that export in parts: some files have no records."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.cli.run import REJECTED
from ingest.run import assemble
from ingest.run.job import RunJob
from ingest.run.reject_file import replaced
from ingest.sources.rejects import SCHEME
from ray_cluster import ENVIRONMENT, TESTS, RayCluster
from xlrec_es.cluster.connection import Connection

HEADER = "id,language,title\n"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two states of `x`, in different files, and two records that are rejected."""
    path = tmp_path / "items"
    path.mkdir()
    (path / "a.csv").write_text(HEADER)
    records = [{"id": f"{n}", "language": "en", "title": f"title {n}"} for n in range(300)]
    records.append({"id": "x", "language": "en", "title": "the first"})
    (path / "b.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in records) + "{broken\n")
    (path / "c.csv").write_text("")
    (path / "d.csv").write_text(HEADER)
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), path / "e.parquet")
    (path / "f.csv").write_text(f"{HEADER}x,en,the second\nragged\n")
    return path


def entries(path: Path) -> list[dict[str, object]]:
    """Without the time."""
    return [json.loads(line) | {"time": None} for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("centering", ["center", "none"])
def test_files_without_records_change_nothing_and_rejects_name_their_file(
    es: Elasticsearch,
    es_url: str,
    index_name: str,
    folder: Path,
    centering: str,
    ray_there: RayCluster,
) -> None:
    done = subprocess.run(
        [
            *(sys.executable, str(TESTS / "ray_run.py"), es_url, index_name, str(folder)),
            *("--centering", centering, "--address", ray_there.address),
        ],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == REJECTED, done.stderr
    summary = json.loads(done.stdout.removeprefix("begun\n"))
    assert (summary["rejected"], summary["complete"]) == (2, True)
    es.indices.refresh(index=index_name)
    assert es.count(index=index_name)["count"] == 301
    found = es.get(index=index_name, id="x")["_source"]
    assert found["title"] == "the second", "the last state in the input"

    rejects = Path(f"{folder}.{index_name}.rejects.jsonl")
    first = entries(rejects)
    assert [(one["file"], one["line"]) for one in first] == [
        (str(folder / "b.jsonl"), 302),
        (str(folder / "f.csv"), 3),
    ]
    with replaced(rejects) as still:
        job = RunJob(f"{SCHEME}{rejects}", index_name, rejects=still, centering=centering)
        assemble.run(job, Connection(es_url), encoder=HashEncoder())
    again = entries(rejects)
    for name in ("file", "line", "record"):
        assert [one[name] for one in again] == [one[name] for one in first]
