"""Signals, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

STANDS_STILL = """
import os, signal, threading
from ingest.run import signals as stopping
stopping.DRAIN_S = 1
with stopping.stoppable() as stop:
    stop.can_drain = {can_drain}
    threading.Timer({again}, os.kill, (os.getpid(), signal.SIGTERM)).start()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(60)
"""
GOES_ON = (
    "What was acknowledged is in the index; the same command goes on from there, with --resume at "
    "once."
)
NOTHING = "This run has written no document yet; run the same command again."


@pytest.mark.parametrize(
    ("can_drain", "again", "how", "advice"),
    [
        (True, 50, "without an answer for 1 s", GOES_ON),
        (True, 0.2, "at once", GOES_ON),  # asked twice
        (False, 50, "at once", NOTHING),  # there is nothing to bring to an end
    ],
)
def test_a_run_that_cannot_be_brought_to_its_end_ends_all_the_same(
    can_drain: bool, again: float, how: str, advice: str
) -> None:
    code = STANDS_STILL.format(can_drain=can_drain, again=again)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 143
    assert done.stderr.splitlines()[-1] == f"Stopped by SIGTERM {how}. {advice}"
