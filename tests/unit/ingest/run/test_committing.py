"""What is noted of settled records, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fakes import HashEncoder
from ingest.run.checkpoint import Checkpoint, State
from ingest.run.committing import Committer
from ingest.run.counts import Tally
from ingest.run.job import RunJob
from ingest.run.reject_file import RejectFile
from ingest.run.signals import Stop
from ingest.run.window import Window
from xlrec_es.records.jsonl import JsonlSource
from xlrec_es.records.record import Rejection


def test_what_is_set_aside_is_on_the_disk_before_a_checkpoint_counts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a power cut could leave a checkpoint that passes over records which are nowhere."""
    path, checkpoint = tmp_path / "rejects", tmp_path / "checkpoint"
    safe: list[int] = []  # bytes of rejects that are on the disk for good
    counted: list[int] = []
    fsync, save = os.fsync, Checkpoint.save

    def watch(file: int) -> None:
        fsync(file)
        if os.path.samestat(os.fstat(file), path.stat()):
            safe.append(path.stat().st_size)

    def compare(self: Checkpoint, state: State) -> None:
        counted.append(state.rejects_size)
        assert safe[-1:] == [state.rejects_size]
        save(self, state)

    monkeypatch.setattr(os, "fsync", watch)
    monkeypatch.setattr(Checkpoint, "save", compare)
    with RejectFile(path) as rejects:
        committer = Committer(
            job=RunJob("items", "i"),
            source=JsonlSource("items"),
            encoder=HashEncoder(),
            rejects=rejects,
            checkpoint=Checkpoint(checkpoint),
            state=State(),
            tally=Tally(),
            stop=Stop(),
            observe=lambda *_: None,
        )
        for position in (1, 2):
            window = Window(position, digest=str(position))
            window.reject(Rejection(position, "read", "not JSON", "{"))
            committer.set_aside(window)
            committer.save_checkpoint()
    assert counted[0] > 0
    assert counted[1] == 2 * counted[0] == path.stat().st_size
