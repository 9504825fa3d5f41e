"""What did not get through is tried again."""

from __future__ import annotations

import subprocess
import sys

TRIED_TWICE = """
from xlrec_es.cluster.retry import NotReady, Patience

answers = iter([NotReady("not yet"), None])

def ask():
    if error := next(answers):
        raise error
    print("done")

Patience(max_wait_s=0.01).retrying(lambda error: isinstance(error, NotReady))(ask)
"""


def test_trying_again_is_silent_unless_somebody_listens() -> None:
    """Python writes warnings that no handler takes to standard error, across a progress bar."""
    command = [sys.executable, "-c", TRIED_TWICE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")
