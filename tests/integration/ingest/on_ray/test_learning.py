"""What is learned in blocks on Ray is what is learned here, to the last bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from catalogue import TOPICS, WORKS_PER_TOPIC, write_catalogue
from ingest.indicators.learners import LEARNERS
from ray_cluster import ENVIRONMENT, TESTS, RayCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_every_learner_learns_the_same_in_blocks(ray_there: RayCluster, tmp_path: Path) -> None:
    output = tmp_path / "found.json"
    subprocess.run(
        [sys.executable, str(TESTS / "ray_learning.py"), ray_there.address, str(output)],
        env=ENVIRONMENT,
        check=True,
        timeout=200,
    )
    assert json.loads(output.read_text()) == dict.fromkeys(LEARNERS, True)


def test_the_command_changes_nothing_that_was_learned_here(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    """Nor does one whose interactions are on disk."""
    write_catalogue(es, index_name)
    draw = np.random.default_rng(0)
    rows = [
        f"u{user}\t{TOPICS[user % len(TOPICS)]}-{n}"
        for user in range(200)
        for n in range(WORKS_PER_TOPIC)
        if draw.random() < 0.6
    ]
    path = tmp_path / "likes.tsv"
    path.write_text("\n".join(["user\titem", *rows]) + "\n")

    def learn(*options: str) -> dict[str, object]:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ingest", "learn", str(path), "--json"),
                *("--index", index_name, "--url", es_url, *options),
            ],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    here = learn()
    assert here["changed"]
    folder = tmp_path / "disk"
    folder.mkdir()
    there = learn("--engine", "ray", "--workers", "2", "--on-disk", str(folder))
    assert there["generation"] == here["generation"]
    assert there["changed"] == 0
    assert there["unchanged"] == here["changed"]
    assert there["interactions"] == here["interactions"]
    assert list(folder.iterdir()) == []
