"""`xlrec-ingest run` and `replay`, as far as they come without a cluster: no file is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ingest.cli.main import main
from ingest.run.job import RunJob
from ingest.run.reject_file import RejectFile
from xlrec_es.records.record import Rejection

NOWHERE = ("--index", "shop", "--url", "http://127.0.0.1:1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that one stands in, with files of a team."""
    monkeypatch.chdir(tmp_path)
    Path("items.jsonl").write_text('{"id": 1, "title": "A puzzle"}\n')
    Path("log.jsonl").write_text('{"line": 1, "record": {"id": 1}}\n')
    Path("empty").touch()
    Path("valuable.txt").write_text("of great value")
    Path("link").symlink_to("items.jsonl")
    with RejectFile(Path("rejects")) as rejects:
        rejects.write(Rejection(1, "document", "no id in id", {"title": "A puzzle"}))
    return tmp_path


def called(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, *NOWHERE])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replay", "items.jsonl"], "items.jsonl is no reject file, and stays as it is: line 1 is"),
        (["replay", "log.jsonl"], "log.jsonl is no reject file, and stays as it is: line 1 is"),
        (["replay", "empty"], "empty has no line: there is nothing to replay, and it stays"),
        (["run", "items.jsonl", "--checkpoint", "items.jsonl"], "items.jsonl is the input itself"),
        (["run", "items.jsonl", "--checkpoint", "link"], "the checkpoint link is the input itself"),
        (["run", "link", "--checkpoint", "items.jsonl"], "items.jsonl is the input itself"),
        (["run", "items.jsonl", "--checkpoint", "valuable.txt"], "valuable.txt is no checkpoint"),
        (["run", "items.jsonl", "--rejects", "link"], "the reject file link is the input itself"),
        (["run", "items.jsonl", "--rejects", "valuable.txt"], "valuable.txt is no reject file"),
    ],
)
def test_what_is_no_file_of_a_run_is_refused_and_stays(
    folder: Path, arguments: list[str], message: str
) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = called(*arguments)
    assert done.exit_code == 2, done.output
    assert message in done.stderr.replace("\n", " ")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("complete", [True, False])
def test_a_replay_names_the_file_that_is_there_afterwards(
    folder: Path, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    def rejected_again(job: RunJob, *_: object, **__: object) -> dict[str, Any]:
        assert job.rejects
        job.rejects.write_bytes(Path("rejects").read_bytes())
        written = str(job.rejects)
        return {"warnings": [], "rejected": 1, "rejects": written, "complete": complete}

    monkeypatch.setattr("ingest.run.assemble.run", rejected_again)
    monkeypatch.setattr("ingest.run.signals.end", lambda *_: exit(1))
    done = called("replay", "rejects", "--json")
    assert done.exit_code == (3 if complete else 1)
    named = json.loads(done.stdout)["rejects"]
    assert named == ("rejects" if complete else "rejects.new")
    assert Path(named).exists()
    assert Path("rejects.new").exists() is not complete
