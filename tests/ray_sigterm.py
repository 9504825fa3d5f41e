"""Joins a Ray cluster and is asked to end by SIGTERM; prints what a run knows of it.

python ray_sigterm.py ADDRESS
"""

from __future__ import annotations

import json
import os
import signal
import sys

from ingest.on_ray.session import RayOptions, session
from ingest.run.signals import stoppable


def main(address: str) -> None:
    said: list[str] = []
    with stoppable(said.append) as stop:
        with session(RayOptions(address)) as places:
            stop.can_drain = True
            os.kill(os.getpid(), signal.SIGTERM)
            asked = stop.requested.wait(5)
        print(json.dumps({"workers": places.count, "asked": asked, "said": said}))


if __name__ == "__main__":
    main(sys.argv[1])
