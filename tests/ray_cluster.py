"""A Ray cluster of this machine that programs under test join: each would start one in 8 s.

python ray_cluster.py
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
ENVIRONMENT = {
    **os.environ,
    # Ray imports modules of the tests by their names.
    "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}",
    # Who has no token does not get in; https://docs.ray.io/en/latest/ray-security/token-auth.html
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(16),
}
"""Of the cluster and of all that joins it."""
WORKERS = 2


@dataclass(frozen=True, slots=True)
class RayCluster:
    """One that runs.

    Attributes:
        address: For `--address`.
        pid: Of the process whose children the workers are.
    """

    address: str
    pid: int


@contextlib.contextmanager
def running() -> Iterator[RayCluster]:
    """One with a place for each of `WORKERS`, for as long as the `with` block lasts."""
    with subprocess.Popen(
        [sys.executable, __file__],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,  # it ends when this is closed, also if the tests are killed
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address
        yield RayCluster(address, process.pid)
        process.stdin.close()


def main() -> None:
    from ingest.on_ray.session import RayOptions, session

    output = sys.stdout  # the session has its own
    with session(RayOptions(workers=WORKERS)):
        import ray  # not before the module of the session, which sets what Ray reads at its import

        print(ray.get_runtime_context().gcs_address, file=output, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
