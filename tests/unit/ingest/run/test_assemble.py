"""A run refuses what it would lose before it asks anybody anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.run import assemble
from ingest.run.checkpoint import Checkpoint
from ingest.run.job import RunJob
from ingest.run.reject_file import RejectFile
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import ClusterUnreachable, ConfigError
from xlrec_es.records.record import Rejection

NOWHERE = Connection("http://127.0.0.1:1")
ITEMS = '{"id": 1, "title": "A puzzle"}\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_text(ITEMS)
    return path


def refused(job: RunJob) -> str:
    with pytest.raises(ConfigError) as error:
        assemble.run(job, NOWHERE)
    return str(error.value)


@pytest.mark.parametrize("link", [None, "symbolic", "hard"])
def test_the_input_is_neither_reject_file_nor_checkpoint(source: Path, link: str | None) -> None:
    path = source.with_name("link") if link else source
    if link == "symbolic":
        path.symlink_to(source)
    elif link == "hard":
        os.link(source, path)
    for kind, options in (("reject file", {"rejects": path}), ("checkpoint", {"checkpoint": path})):
        told = refused(RunJob(str(source), "shop", **options))
        assert told == f"the {kind} {path} is the input itself"
    assert source.read_text() == ITEMS


def test_a_reject_file_that_is_read_is_not_written(source: Path) -> None:
    rejects = source.with_name("rejects")
    with RejectFile(rejects) as file:
        file.write(Rejection(1, "read", "not JSON", "{"))
    told = refused(RunJob(f"rejects:{rejects}", "shop", rejects=rejects))
    assert told == f"the reject file {rejects} is the input itself"


def test_files_of_something_else_are_refused_and_stay(source: Path) -> None:
    valuable = source.with_name("valuable.txt")
    valuable.write_text("of great value")
    assert "is no checkpoint of a run" in refused(RunJob(str(source), "shop", checkpoint=valuable))
    assert "is no reject file" in refused(RunJob(str(source), "shop", rejects=valuable))
    beside = source.with_name("r.checkpoint.json")
    beside.write_text("{}")
    rejects = source.with_name("r.rejects.jsonl")
    assert "is no checkpoint of a run" in refused(RunJob(str(source), "shop", rejects=rejects))
    assert valuable.read_text() == "of great value"
    assert sorted(source.parent.iterdir()) == [source, beside, valuable]


def test_the_reject_file_is_not_the_checkpoint(source: Path) -> None:
    one = source.with_name("one")
    told = refused(RunJob(str(source), "shop", rejects=one, checkpoint=one))
    assert told == (
        f"the reject file {one} is the checkpoint, too; name another file with --checkpoint"
    )


def test_files_of_an_earlier_run_are_no_hindrance(source: Path) -> None:
    rejects, checkpoint = source.with_name("rejects"), source.with_name("checkpoint")
    with RejectFile(rejects) as file:
        file.write(Rejection(1, "read", "not JSON", "{"))
    Checkpoint(checkpoint).save(Checkpoint(None).load())
    with pytest.raises(ClusterUnreachable):
        assemble.run(RunJob(str(source), "shop", rejects=rejects, checkpoint=checkpoint), NOWHERE)
    assert rejects.stat().st_size
    assert checkpoint.stat().st_size
