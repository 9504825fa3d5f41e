"""The supervisor with a shell script in Elasticsearch's place: many deaths in little time."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import pytest

from xlrec_es.node import supervisor
from xlrec_es.node.account import server_account
from xlrec_es.node.supervisor import Task

# A launcher and its server, both deaf to SIGTERM; `$0` is the mark that all processes carry.
DEAF = "trap '' TERM; sleep $0 & sleep $0"
POLITE = "trap 'echo bye; exit' TERM; sleep $0 & wait"
# The launcher ends and leaves its server behind.
CRASH = "sleep $0 & sleep 0.3; exit 1"

# An owner: it starts a supervisor, says so, and waits for its own end. The module is imported by
# itself, as it must be able to: it starts in a tenth of the time.
OWNER = f"""
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(supervisor.__file__).parent)!r})
from supervisor import Task, spawn
mark, folder, task = sys.argv[1:]
task = Task(**(json.loads(task) | {{"owner": os.getpid()}}))
lock = os.open(folder + "/lock", os.O_RDWR | os.O_CREAT)
child = spawn(task, mark, lock=lock, output=Path(folder) / "console.log")
print(child.pid, flush=True)
time.sleep(300)
"""

OWNER_OF_WORKER = OWNER.replace("print(", "os.fork()\nprint(")


@dataclass(frozen=True)
class Stage:
    """Where one play of owner, supervisor and launcher happens."""

    folder: Path
    mark: str

    def task(self, script: str, **changes: object) -> Task:
        task = Task(
            command=["sh", "-c", script, self.mark],
            environment=dict(os.environ),
            owner=None,
            account=None,
            delete=None,
        )
        return Task(**(asdict(task) | changes))

    def start_owner(self, task: Task) -> subprocess.Popen[str]:
        command = [sys.executable, "-I", "-c", OWNER, self.mark, str(self.folder)]
        return subprocess.Popen(
            [*command, json.dumps(asdict(task))], stdout=subprocess.PIPE, text=True
        )

    def processes(self) -> list[str]:
        """The names of the processes that carry the mark, the owner and its worker apart."""
        return sorted(
            process.info["name"]
            for process in psutil.process_iter(["name", "cmdline"])
            if self.mark in (process.info["cmdline"] or ())
            and not {OWNER, OWNER_OF_WORKER}.intersection(process.info["cmdline"])
        )

    def wait_for(self, what: Callable[[], bool], timeout_s: float = 15) -> None:
        deadline = time.monotonic() + timeout_s
        while not what():
            assert time.monotonic() < deadline, self.processes()
            time.sleep(0.02)

    def is_up(self) -> bool:
        return self.processes().count("sleep") == 2

    def is_empty(self) -> bool:
        return not self.processes()

    @property
    def console(self) -> str:
        return (self.folder / "console.log").read_text()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "node"
    folder.mkdir()
    stage = Stage(folder, f"300.{random.randrange(10**12):012}")
    yield stage
    for process in psutil.process_iter(["cmdline"]):  # of a test that failed
        if stage.mark in (process.info["cmdline"] or ()):
            process.kill()


def end(owner: subprocess.Popen[str], how: int = signal.SIGKILL) -> None:
    owner.send_signal(how)
    owner.communicate()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_outlives_the_owner(stage: Stage, how: int) -> None:
    owner = stage.start_owner(stage.task(DEAF, delete=str(stage.folder)))
    stage.wait_for(stage.is_up)
    end(owner, how)
    stage.wait_for(stage.is_empty)
    stage.wait_for(lambda: not stage.folder.exists())


@pytest.mark.parametrize("delay_s", [0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15])
def test_the_owner_may_die_while_all_this_is_starting(stage: Stage, delay_s: float) -> None:
    owner = stage.start_owner(stage.task(DEAF))
    assert owner.stdout is not None
    owner.stdout.readline()
    time.sleep(delay_s)
    end(owner)
    stage.wait_for(stage.is_empty)


def test_a_child_of_the_owner_does_not_keep_the_node_alive(stage: Stage) -> None:
    """A data loader's worker, forked by the owner, has all of the owner's open files."""
    task = stage.task(DEAF)
    owner = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-c",
            OWNER_OF_WORKER,
            stage.mark,
            str(stage.folder),
            json.dumps(asdict(task)),
        ]
    )
    stage.wait_for(lambda: stage.processes().count("sleep") == 2)
    [worker] = [
        child
        for child in psutil.Process(owner.pid).children()
        if OWNER_OF_WORKER in child.cmdline()
    ]
    owner.kill()
    owner.wait()
    stage.wait_for(lambda: "sleep" not in stage.processes())
    assert worker.is_running()
    worker.kill()


@pytest.mark.xfail(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_the_launcher_dies_with_a_killed_supervisor(stage: Stage) -> None:
    owner = stage.start_owner(stage.task("exec sleep $0"))
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    stage.wait_for(lambda: "sleep" in stage.processes())
    os.kill(pid, signal.SIGKILL)
    stage.wait_for(stage.is_empty)
    end(owner)


def test_the_server_does_not_outlive_its_launcher(stage: Stage) -> None:
    owner = stage.start_owner(stage.task(CRASH))
    stage.wait_for(lambda: "sleep" in stage.processes())
    stage.wait_for(stage.is_empty)
    end(owner)


def run_alone(stage: Stage, task: Task) -> None:
    """Start a supervisor without an owner, as `xlrec-es node start` does."""
    lock = os.open(stage.folder / "lock", os.O_RDWR | os.O_CREAT)
    starter = supervisor.spawn(task, stage.mark, lock=lock, output=stage.folder / "console.log")
    os.close(lock)
    assert starter.wait(10) == 0


def tell_to_stop(stage: Stage) -> None:
    for process in psutil.process_iter(["cmdline"]):
        cmdline = process.info["cmdline"] or ()
        if stage.mark in cmdline and supervisor.__file__ in cmdline:
            process.terminate()


def test_a_node_without_owner_may_close_its_indices(stage: Stage) -> None:
    run_alone(stage, stage.task(POLITE))
    stage.wait_for(lambda: "sleep" in stage.processes())
    tell_to_stop(stage)
    stage.wait_for(stage.is_empty)
    assert "bye" in stage.console


def test_a_node_that_does_not_stop_is_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(supervisor.__file__).read_text()
    impatient = stage.folder / "supervisor.py"
    impatient.write_text(source.replace("_GRACE_S = 30.0", "_GRACE_S = 0.5"))
    monkeypatch.setattr(supervisor, "__file__", str(impatient))
    run_alone(stage, stage.task(DEAF))
    stage.wait_for(stage.is_up)
    tell_to_stop(stage)
    stage.wait_for(stage.is_empty)


def test_the_launcher_gets_the_environment_and_account_given(stage: Stage) -> None:
    account = server_account()
    task = stage.task(
        'echo "$GREETING $(id -u)"',
        environment={"PATH": os.environ["PATH"], "GREETING": "hello"},
        account=(account.uid, account.gid) if account else None,
    )
    run_alone(stage, task)
    stage.wait_for(stage.is_empty)
    assert stage.console == f"hello {account.uid if account else os.getuid()}\n"


def test_what_cannot_be_launched_is_said_in_the_console(stage: Stage) -> None:
    run_alone(stage, stage.task("", command=["/no/such/launcher"]))
    stage.wait_for(lambda: "/no/such/launcher" in stage.console)
