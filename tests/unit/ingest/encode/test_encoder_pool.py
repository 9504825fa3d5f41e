"""Processes that a run has started. No torch here: they start in a moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from ingest.encode.encoder_pool import begin

SPAWN = multiprocessing.get_context("spawn")


def begin_with(_held: Any) -> None:  # noqa: ANN401 - what it is given, it holds until it ends
    begin()


def work_for_ever(told: Any) -> None:  # noqa: ANN401
    with ProcessPoolExecutor(1, SPAWN, begin_with, (told,)) as executor:
        told.send(executor.submit(os.getpid).result())
        threading.Event().wait()


def test_signals_are_the_runs_business() -> None:
    with ProcessPoolExecutor(1, SPAWN, begin) as executor:
        pid = executor.submit(os.getpid).result()
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
        assert executor.submit(os.getpid).result() == pid


def test_a_process_ends_with_a_run_that_is_killed() -> None:
    mine, theirs = SPAWN.Pipe()
    run = SPAWN.Process(target=work_for_ever, args=(theirs,))
    run.start()
    theirs.close()
    pid = mine.recv()
    assert pid != run.pid
    run.kill()
    run.join()
    assert mine.poll(30)  # the pipe ends when nobody holds its other end
    with pytest.raises(EOFError):
        mine.recv()
