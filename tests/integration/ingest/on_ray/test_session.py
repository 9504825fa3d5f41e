"""A cluster of Ray is joined, and a run is then stopped as any other."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ray_cluster import ENVIRONMENT, TESTS, RayCluster

pytestmark = pytest.mark.slow


def joined(address: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TESTS / "ray_sigterm.py"), address],
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_run_ends_gently_on_sigterm(ray_there: RayCluster) -> None:
    """Ray's own handler would end the process."""
    done = joined(ray_there.address)
    assert done.returncode == 0, done.stderr
    told = "Stopping: what is encoded is still written ..."
    assert json.loads(done.stdout) == {"workers": 1, "asked": True, "said": [told]}


def test_a_cluster_that_asks_for_a_token_is_told(ray_there: RayCluster) -> None:
    done = joined(ray_there.address, RAY_AUTH_MODE="disabled")
    assert done.returncode != 0
    assert f"cannot reach Ray at {ray_there.address}: Failed to connect" in done.stderr
    assert "set RAY_AUTH_MODE=token if it has a token" in done.stderr
