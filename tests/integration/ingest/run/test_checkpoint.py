"""What must be as it was for `--resume` to go on from a checkpoint, on a real node."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.run import assemble as runs
from ingest.run.job import RunJob
from ingest.run.signals import Stop
from ingest.shard import Shard
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import ConfigError

DOCUMENTS = 3000


@pytest.fixture
def job(index_name: str, tmp_path: Path) -> RunJob:
    """Of a file with lines to be set aside, too."""
    source = tmp_path / "items.jsonl"
    records = ({"id": n, "language": "en", "title": f"title {n}"} for n in range(DOCUMENTS))
    source.write_text("\n".join(json.dumps(r) if r["id"] % 100 else "{" for r in records))
    checkpoint = tmp_path / "checkpoint"
    return RunJob(str(source), index_name, centering="none", checkpoint=checkpoint)


@pytest.fixture
def run(es: Elasticsearch, es_url: str) -> Callable[[RunJob], dict[str, Any]]:
    assert es
    return lambda job: runs.run(job, Connection(es_url), encoder=HashEncoder())


@pytest.fixture
def resumed(job: RunJob, run: object, es_url: str) -> RunJob:
    """Going on with a run that was stopped after some of it."""
    return stopped(job, es_url)


def stopped(job: RunJob, url: str) -> RunJob:
    stop = Stop()

    def at_once(phase: str, *_: object) -> None:
        if phase == "index":
            stop.requested.set()

    done = runs.run(job, Connection(url), encoder=HashEncoder(), stop=stop, observe=at_once)
    assert not done["complete"]
    assert 0 < position(job) < DOCUMENTS
    return replace(job, resume=True)


def position(job: RunJob) -> int:
    assert job.checkpoint
    found: int = json.loads(job.checkpoint.read_bytes())["state"]["position"]
    return found


def test_an_input_that_was_changed_is_refused_and_nothing_is_touched(
    resumed: RunJob, run: Callable[[RunJob], dict[str, Any]], es: Elasticsearch
) -> None:
    """Changed, put in, shortened: without --resume, all of what there is now arrives."""
    source, rejects = Path(resumed.source), Path(f"{resumed.source}.{resumed.index}.rejects.jsonl")
    before, settled = source.read_text().splitlines(), position(resumed)
    files = [path.read_bytes() for path in (rejects, resumed.checkpoint or rejects)]
    late = json.dumps({"id": 9999, "language": "en", "title": "late"})

    def refused(lines: list[str], why: str) -> None:
        source.write_text("\n".join(lines))
        with pytest.raises(ConfigError, match=f"{why}.*; run without --resume to begin again"):
            run(resumed)
        assert [path.read_bytes() for path in (rejects, resumed.checkpoint or rejects)] == files

    refused([*before[:5], late, *before[6:]], f"was changed somewhere up to its record {settled}")
    refused([*before[:5], late, *before[5:]], f"was changed somewhere up to its record {settled}")
    refused(before[: settled - 1], f"ends before its record {settled}")
    inserted = [*before[:5], late, *before[5:]]
    source.write_text("\n".join(inserted))
    done = run(replace(resumed, resume=False))
    assert done["complete"]
    assert es.exists(index=resumed.index, id="9999")
    assert es.count(index=resumed.index)["count"] == done["documents"]


def test_an_input_that_has_grown_is_gone_on_with(
    resumed: RunJob, run: Callable[[RunJob], dict[str, Any]], es: Elasticsearch
) -> None:
    settled = position(resumed)
    with Path(resumed.source).open("a") as file:
        file.write('\n{"id": 9999, "language": "en", "title": "late"}\n')
    done = run(resumed)
    assert (done["complete"], done["resumed_after"]) == (True, settled)
    assert es.exists(index=resumed.index, id="9999")
    assert done["rejected"] == DOCUMENTS // 100


def test_a_checkpoint_of_another_part_is_refused(
    job: RunJob, run: Callable[[RunJob], dict[str, Any]], es_url: str
) -> None:
    part = stopped(replace(job, shard=Shard(1, 2)), es_url)
    for other in (Shard(2, 2), Shard()):
        with pytest.raises(ConfigError, match=f"shard was '1/2' and is '{other}'"):
            run(replace(part, shard=other))
    assert run(part)["complete"]


def test_a_checkpoint_of_other_vectors_is_refused(
    resumed: RunJob, run: Callable[[RunJob], dict[str, Any]], es: Elasticsearch
) -> None:
    """The very index, which somebody has had made anew in place by another encoder."""
    [(index, body)] = es.indices.get_mapping(index=resumed.index).items()
    meta = body["mappings"]["_meta"]
    meta["xlrec"]["fingerprint"]["revision"] = "another"
    es.indices.put_mapping(index=index, meta=meta)
    with pytest.raises(ConfigError, match=r"is of another run: fingerprint was '.*' and is '"):
        run(resumed)
