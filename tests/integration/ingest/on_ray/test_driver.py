"""Whatever dies or refuses, and whoever reads what: the index is that of one undisturbed worker."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from elasticsearch import Elasticsearch

from disturbed import contents, rejected_lines, write_catalogue
from fakes import HashEncoder
from fault_proxy import Fault, fault_proxy
from ingest.cli.run import REJECTED
from ingest.run import assemble
from ingest.run.job import RunJob
from ray_cluster import ENVIRONMENT, TESTS, RayCluster
from ray_run import LICENSE
from xlrec_es.cluster.connection import Connection

RECORDS = 2000
KILLS = 5
REFUSED = 6
"""Then no more: each refusal halves a request, and the pauses before it is sent again double."""
RAN_TO_THE_END = REJECTED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Alone:
    """What one worker makes of a catalogue, and of another one after it."""

    def __init__(self, es: Elasticsearch, url: str, folder: Path) -> None:
        self.path = folder / "items.jsonl"
        self.bad = write_catalogue(self.path, RECORDS)
        self.later = folder / "later.jsonl"
        _write_later(self.path, self.later)
        self.job = RunJob(str(self.path), "xlrec-test-alone")
        self.contents = self.run(es, url, self.path)
        self.contents_later = self.run(es, url, self.later)
        assert self.contents != self.contents_later
        es.indices.delete(index=f"{self.job.index}-xlrec-v1")

    def run(self, es: Elasticsearch, url: str, path: Path) -> dict[str, object]:
        job = RunJob(str(path), self.job.index, rejects=path.with_suffix(".rejects.jsonl"))
        assemble.run(job, Connection(url), encoder=HashEncoder())
        return contents(es, job.index)


def _write_later(first: Path, later: Path) -> None:
    """States that come again, far from each other: some are what the index has, and some are gone.

    Each item is in another state first, and then, in a later unit, as the index has it; every third
    is deleted in between, and every fourth is deleted at the end.
    """
    good = [json.loads(line) for line in first.read_bytes().splitlines()]
    good = [record for record in good if record.get("title") and "_op" not in record]
    chosen = good[:500]
    records = [{**record, "title": f"other {n}"} for n, record in enumerate(chosen)]
    records += [{"_op": "delete", "id": record["id"]} for record in chosen[::3]]
    records += chosen
    records += [{"_op": "delete", "id": record["id"]} for record in chosen[::4]]
    later.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


@pytest.fixture(scope="module")
def alone(es: Elasticsearch, es_url: str, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    return Alone(es, es_url, tmp_path_factory.mktemp("alone"))


@pytest.fixture
def source(alone: Alone, tmp_path: Path) -> Path:
    """The catalogue in a folder of its own, where the rejects go."""
    path = tmp_path / "items.jsonl"
    path.write_bytes(alone.path.read_bytes())
    return path


@contextlib.contextmanager
def begun(url: str, index: str, source: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A driver with two actors, which has begun."""
    with subprocess.Popen(
        [sys.executable, str(TESTS / "ray_run.py"), url, index, str(source), *options],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        yield process
        if process.poll() is None:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=200)
    return process.returncode, output, errors


def actors(ray_there: RayCluster) -> list[psutil.Process]:
    """Processes of actors that work."""
    found = []
    for process in psutil.Process(ray_there.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[0].startswith("ray::UnitWorker.run"):
                found.append(process)
    return found


def units_done(es: Elasticsearch, index: str) -> int:
    """How many units are noted, beside the index."""
    noted = f"{index}-xlrec-units-*"
    if not es.indices.exists(index=noted, allow_no_indices=False):
        return 0
    es.indices.refresh(index=noted)
    return int(es.count(index=noted, query={"exists": {"field": "unit"}})["count"])


def check(es: Elasticsearch, index: str, source: Path, alone: Alone) -> None:
    """The index is that of one worker, bad records are set aside once each, and no note is left."""
    assert contents(es, index) == alone.contents
    assert rejected_lines(Path(f"{source}.{index}.rejects.jsonl")) == alone.bad
    assert not es.indices.exists(index=f"{index}-xlrec-units-*", allow_no_indices=False)


def test_actors_are_killed_while_half_of_the_first_requests_are_refused(
    es: Elasticsearch,
    es_url: str,
    index_name: str,
    source: Path,
    alone: Alone,
    ray_there: RayCluster,
) -> None:
    draw = random.Random(1)
    refused = killed = 0

    def refuse(_body: bytes) -> Fault | None:
        nonlocal refused
        if refused < REFUSED and draw.random() < 0.5:
            refused += 1
            return Fault(forward=False, status=429)
        return None

    with fault_proxy(es_url) as proxy:
        proxy.when = refuse
        with begun(proxy.url, index_name, source, "--address", ray_there.address) as process:
            while killed < KILLS and process.poll() is None:
                for actor in actors(ray_there)[:1]:
                    with contextlib.suppress(psutil.Error):
                        actor.kill()
                        killed += 1
                time.sleep(draw.random() / 2)
            code, output, errors = ended(process)
    assert code == RAN_TO_THE_END, errors
    assert killed == KILLS
    assert refused == REFUSED
    summary = json.loads(output)
    assert summary["rejected"] == len(alone.bad)
    assert [LICENSE in warning for warning in summary["warnings"]] == [True]
    assert summary["retries"] > 0
    check(es, index_name, source, alone)


def test_a_driver_is_interrupted_and_then_killed_and_each_time_gone_on_from(
    es: Elasticsearch,
    es_url: str,
    index_name: str,
    source: Path,
    alone: Alone,
    ray_there: RayCluster,
) -> None:
    options = ("--address", ray_there.address, "--resume")
    done = 0
    for number, codes in ((signal.SIGINT, {130}), (signal.SIGKILL, {-9})):
        with begun(es_url, index_name, source, *options) as process:
            while process.poll() is None:
                if units_done(es, index_name) > done:
                    break
                time.sleep(0.05)
            process.send_signal(number)
            code, _, errors = ended(process)
            assert code in codes, errors
            assert "Traceback" not in errors
        noted = units_done(es, index_name)
        assert noted > done
        done = noted
    with begun(es_url, index_name, source, *options) as process:
        code, output, errors = ended(process)
    assert code == RAN_TO_THE_END, errors
    summary = json.loads(output)
    assert summary["resumed_after"] == done
    assert summary["rejected"] == len(alone.bad)
    assert [LICENSE in warning for warning in summary["warnings"]] == [True]
    check(es, index_name, source, alone)


def test_states_and_deletions_in_different_units_come_to_what_the_order_of_the_input_says(
    es: Elasticsearch, es_url: str, index_name: str, source: Path, alone: Alone
) -> None:
    """Also where the index has a later state already, which is passed over before others.

    The driver starts a Ray of its own.
    """
    job = RunJob(str(source), index_name)
    assemble.run(job, Connection(es_url), encoder=HashEncoder())
    with begun(es_url, index_name, alone.later) as process:
        code, output, errors = ended(process)
    assert code == 0, errors
    assert contents(es, index_name) == alone.contents_later
    assert json.loads(output)["deleted"] > 0
