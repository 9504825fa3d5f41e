from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from xlrec_es.errors import NodeError
from xlrec_es.node import status, stop
from xlrec_es.node.folder import NodeFolder, NodeRecord, default_folder

RECORD = NodeRecord(
    version="9.5.0",
    java="/java",
    language_analyzers=True,
    port=None,
    settings={"a.b": "c"},
    password=None,
)


@pytest.fixture
def node(tmp_path: Path) -> NodeFolder:
    return NodeFolder.at(tmp_path / "with space" / "node")


@pytest.fixture
def claimed(node: NodeFolder) -> Iterator[tuple[NodeFolder, int]]:
    lock = node.claim()
    assert lock is not None
    yield node, lock
    os.close(lock)


def sleeper(*arguments: str) -> subprocess.Popen[bytes]:
    """A process that does nothing, with these arguments on its command line."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *arguments])


def test_a_claimed_folder_cannot_be_claimed(claimed: tuple[NodeFolder, int]) -> None:
    node, _ = claimed
    assert node.is_locked()
    assert node.claim() is None
    assert status(node.path).state == "starting"


def test_the_lock_lives_as_long_as_a_process_that_inherited_it(node: NodeFolder) -> None:
    lock = node.claim()
    assert lock is not None
    heir = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    os.close(lock)
    assert node.is_locked()
    heir.kill()
    heir.wait()
    assert not node.is_locked()
    again = node.claim()
    assert again is not None
    os.close(again)


def test_the_record_survives_a_node_with_more_to_say(claimed: tuple[NodeFolder, int]) -> None:
    node, lock = claimed
    longer = replace(RECORD, settings={"x" * 100: "y" * 100})
    node.write(lock, longer)
    assert node.read() == longer
    node.write(lock, RECORD)
    assert node.read() == RECORD


@pytest.mark.parametrize("existed", [False, True])
def test_nobody_else_reads_the_password(node: NodeFolder, existed: bool) -> None:
    record = node.path / "xlrec-node.json"
    before = os.umask(0)
    try:
        if existed:
            record.parent.mkdir(parents=True)
            record.touch(0o666)
        lock = node.claim()
    finally:
        os.umask(before)
    assert lock is not None
    if not existed:
        assert record.stat().st_mode & 0o777 == 0o600, "from the beginning"
    node.write(lock, replace(RECORD, password="planted"))
    os.close(lock)
    assert "planted" in record.read_text()
    assert record.stat().st_mode & 0o777 == 0o600


def test_a_record_that_was_cut_off_counts_as_none(claimed: tuple[NodeFolder, int]) -> None:
    node, lock = claimed
    assert node.read() is None
    node.write(lock, RECORD)
    os.ftruncate(lock, 20)
    assert node.read() is None


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("chapter 1")
    with pytest.raises(NodeError, match="give an empty folder"):
        NodeFolder.at(tmp_path).claim()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NodeError, match="give another folder"):
        NodeFolder.at(tmp_path / "file").claim()


def test_nothing_runs_where_no_node_was(tmp_path: Path) -> None:
    assert status(tmp_path).state == "stopped"
    assert status(tmp_path / "absent").state == "stopped"
    with pytest.raises(NodeError, match="xlrec-es node start"):
        stop(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_only_marked_processes_belong_to_the_node(node: NodeFolder) -> None:
    neighbour = NodeFolder.at(node.path.with_name("node2"))
    others = [
        sleeper(str(node.console)),  # somebody reads the log
        sleeper(neighbour.server_mark),
        sleeper(f"{node.server_mark}/deeper"),
    ]
    ours = [sleeper(node.supervisor_mark), sleeper("x", node.launcher_mark, "y")]
    try:
        assert {p.pid for p in node.processes()} == {p.pid for p in ours}
        assert [p.pid for p in node.processes(node.launcher_mark)] == [ours[1].pid]
    finally:
        for process in (*ours, *others):
            process.kill()
            process.wait()


def test_what_a_crash_left_is_killed(node: NodeFolder) -> None:
    lock = node.claim()
    assert lock is not None
    node.write(lock, RECORD)
    os.close(lock)  # as when the supervisor is killed
    left = sleeper(node.server_mark)
    assert stop(node.path)
    assert left.wait(5) < 0
    assert not stop(node.path)


def test_root_gets_a_folder_that_others_can_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_folder() == Path("/var/lib/xlrec-es/node")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_folder() == Path("/data/xlrec-es/node")
