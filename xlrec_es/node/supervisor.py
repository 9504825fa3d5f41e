"""The process that starts one Elasticsearch, and sees to it that nothing of it is left.

It runs in a session of its own, so that a Ctrl-C or a closed terminal does not reach it, and ends
the server's whole process group when it is told to (SIGTERM), when the launcher ends, or when its
owner is gone, however that came about. The folder's lock is an open file that it inherits.

It is started as a file and imports the standard library alone: it must be up before anything else
can go wrong, whatever the caller's working directory and environment are.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_POLL_S = 0.2
_GRACE_S = 30.0
"""How long the server may take to close its indices before it is killed."""

# From Linux's <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Task:
    """What to run.

    Attributes:
        command: The launcher's command line.
        environment: All of its environment variables.
        owner: The process to die with, which is the supervisor's parent; None to live on.
        account: User and group id to run the launcher as; None for the supervisor's own.
        delete: A folder to delete when the owner is gone without having told us to stop.
    """

    command: list[str]
    environment: dict[str, str]
    owner: int | None
    account: tuple[int, int] | None
    delete: str | None


def spawn(task: Task, mark: str, *, lock: int, output: Path) -> subprocess.Popen[bytes]:
    """Start a supervisor.

    Args:
        task: What it should run.
        mark: An argument to know its process by.
        lock: Descriptor that it keeps open.
        output: File that gets what it and the launcher print.

    Returns:
        The supervisor if it has an owner; else a process that ends at once, having left the
        supervisor to itself.
    """
    command = [sys.executable, "-I", __file__, mark, json.dumps(asdict(task))]
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            pass_fds=(lock,),
            start_new_session=True,
        )


def supervise(task: Task) -> None:
    """Run the launcher until it ends or has to."""
    told_to_stop = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal told_to_stop
        told_to_stop = True

    signal.signal(signal.SIGTERM, stop)
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    launcher = _launch(task)
    try:
        while launcher.poll() is None and not told_to_stop and not _is_gone(task.owner):
            time.sleep(_POLL_S)
        if told_to_stop and task.delete is None:
            _end_gently(launcher)
    finally:
        _kill_group(launcher.pid)
    if task.delete and _is_gone(task.owner):
        shutil.rmtree(task.delete, ignore_errors=True)


def _is_gone(owner: int | None) -> bool:
    # A child whose parent dies gets another parent at once. No pipe could tell as surely: every
    # process that the owner forks (a data loader's workers) would hold its other end open.
    return owner is not None and os.getppid() != owner


def _launch(task: Task) -> subprocess.Popen[bytes]:
    if sys.platform == "linux":
        # The server is the launcher's child; when both are killed it becomes ours to reap, for the
        # first process of a container may not do it.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    uid, gid = task.account or (None, None)
    return subprocess.Popen(
        task.command,
        cwd="/",
        env=task.environment,
        user=uid,
        group=gid,
        extra_groups=None if task.account is None else [],
        process_group=0,
        preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
    )


def _die_with_parent() -> Callable[[], None]:
    """What a child of this process must call in order to be killed when this process is."""
    supervisor = os.getpid()
    prctl = ctypes.CDLL(None).prctl

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(1)

    return arrange


def _end_gently(launcher: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(launcher.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        launcher.wait(_GRACE_S)


def _kill_group(group: int) -> None:
    """Kill what is left of a process group, and wait until it is gone."""
    deadline = time.monotonic() + 10
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(group, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-group, os.WNOHANG)
            time.sleep(0.02)


if __name__ == "__main__":
    what = Task(**json.loads(sys.argv[2]))
    if what.owner is None and os.fork():
        os._exit(0)  # whoever started us need not wait for us, nor reap us
    supervise(what)
