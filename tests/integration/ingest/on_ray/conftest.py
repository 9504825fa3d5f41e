"""One Ray cluster for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ray_cluster
from ray_cluster import RayCluster


@pytest.fixture(scope="session")
def ray_there() -> Iterator[RayCluster]:
    with ray_cluster.running() as running:
        yield running
