"""How a process behaves that a run has started: it works until the run ends, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def begin() -> None:
    """To be called first in the process.

    What a signal means, the run decides: Ctrl-C goes to all processes of a terminal, and SIGTERM to
    all of a service, while what is being computed is still to be written. And a process must not
    outlive a run that is killed, or it would hold a GPU's memory for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_run, daemon=True).start()


def _end_with_the_run() -> None:
    run = multiprocessing.parent_process()
    if run is not None:
        run.join()
    os._exit(1)
