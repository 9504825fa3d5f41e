"""The demo as people run it: a process of its own, judged by what it prints."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from measured import measured, measured_raw_mean
from xlrec_es import Connection, Options, connect
from xlrec_es.demo import documents_in
from xlrec_es.evaluate.protocol import MIXED, make_cases
from xlrec_es.index.live_index import find_live

SAMPLE = resources.files("xlrec_es") / "sample"
# Encoding the sample takes a minute on two idle cores, and many on busy ones.
pytestmark = pytest.mark.timeout(1200)

XLREC_ES = [sys.executable, "-m", "xlrec_es"]


def run(*arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*XLREC_ES, *arguments], capture_output=True, text=True, check=False, timeout=timeout
    )


@pytest.fixture(scope="module")
def demo(es_url: str) -> Iterator[dict[str, Any]]:
    """What the demo prints, on the session's node; its index stays for this module's tests."""
    done = run("demo", "--url", es_url, "--json", timeout=1000)
    assert done.returncode == 0, done.stderr
    yield json.loads(done.stdout)
    with connect(Connection(es_url)) as client:
        client.indices.delete(index="xlrec-demo-xlrec-v1", ignore_unavailable=True)


@pytest.fixture(scope="module")
def languages_of() -> dict[str, list[str]]:
    records = [
        json.loads(line)
        for line in gzip.decompress((SAMPLE / "items.jsonl.gz").read_bytes()).splitlines()
    ]
    return {
        record["id"]: [record["language"]] if "language" in record else [*record["translations"]]
        for record in records
    }


@pytest.mark.slow
def test_every_target_language_gets_results_from_the_history(
    demo: dict[str, Any], languages_of: dict[str, list[str]]
) -> None:
    assert len(demo["scenes"]) == 3
    sources = [
        set.intersection(*(set(languages_of[work]) for work in scene["likes"]))
        for scene in demo["scenes"]
    ]
    assert len(set.union(*sources)) >= 3, "three histories in different languages"
    for scene, source in zip(demo["scenes"], sources, strict=True):
        items = scene["result"]["items"]
        assert {item["language"] for item in items} == set(scene["languages"])
        assert not source & set(scene["languages"])
        assert not {item["work"] for item in items} & set(scene["likes"])
        assert scene["result"]["unknown_items"] == []
        for item in items:
            assert item["language"] in languages_of[item["work"]]
            assert item["title"]
            assert item["reasons"]
            assert {reason["item"] for reason in item["reasons"]} <= set(scene["likes"])
            assert item["legs"]


@pytest.mark.slow
def test_the_second_run_ingests_nothing_and_prints_commands_that_work(
    demo: dict[str, Any], es_url: str, es: Elasticsearch
) -> None:
    before = es.indices.stats(index="xlrec-demo")["_all"]["primaries"]["indexing"]["index_total"]
    done = run("demo", "--url", es_url)
    assert done.returncode == 0, done.stderr
    after = es.indices.stats(index="xlrec-demo")["_all"]["primaries"]["indexing"]["index_total"]
    assert after == before > 0
    commands = [line.split() for line in done.stdout.splitlines() if line.startswith("  xlrec-es ")]
    assert [command[1] for command in commands] == ["recommend", "query"]
    for command in commands:
        again = run(*command[1:])
        assert again.returncode == 0, again.stderr
        assert again.stdout


@pytest.mark.slow
def test_calibration_and_the_nearest_interest_carry_taste_over_the_border(
    demo: dict[str, Any], es: Elasticsearch, languages_of: dict[str, list[str]]
) -> None:
    """recall@50 of the dense leg in the mixed pool, against the raw mean vector's."""
    rows = (SAMPLE / "interactions.tsv").read_text("utf-8").splitlines()[1:]
    cases = make_cases([tuple(row.split("\t")) for row in rows], languages_of)
    languages = find_live(es, "xlrec-demo").meta.languages
    dense = Options(weights={"dense": 1.0}, mix="auto")
    with resources.as_file(SAMPLE / "interactions.tsv") as path:
        baseline = measured_raw_mean(es, "xlrec-demo", cases, path)
    calibrated = measured(es, "xlrec-demo", cases, options=dense, pool=MIXED, languages=languages)
    print(f"raw mean: {baseline}\ncalibrated, nearest interest: {calibrated}")
    assert calibrated.cases == baseline.cases > 200
    assert calibrated.recall >= 1.5 * baseline.recall
    assert calibrated.source_share < 0.3 < baseline.source_share


def test_the_sample_is_whole_and_small(languages_of: dict[str, list[str]]) -> None:
    sample = (SAMPLE / "items.jsonl.gz").read_bytes()
    assert documents_in(sample) == sum(map(len, languages_of.values()))
    assert len(languages_of) == 1578
    files = [entry for entry in SAMPLE.iterdir() if entry.is_file()]
    assert sum(len(entry.read_bytes()) for entry in files) < 1.5e6
    assert b"Debian" in (SAMPLE / "ATTRIBUTION.md").read_bytes()


def processes_that_name(path: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(path) in command:
                found.append(command)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "seconds"),
    [(signal.SIGKILL, 2), (signal.SIGKILL, 25), (signal.SIGTERM, 12), (signal.SIGINT, 25)],
)
def test_a_killed_demo_leaves_no_process(how: int, seconds: float, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    demo = subprocess.Popen(
        [*XLREC_ES, "demo", "--folder", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    demo.send_signal(how)
    demo.wait(timeout=30)
    deadline = time.monotonic() + 30
    while (left := processes_that_name(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
