"""What is promised when something dies: nothing lost, nothing twice, the index as it should be."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from disturbed import DOCUMENTS, contents, rejected_lines, write_catalogue
from fakes import HashEncoder
from ingest.cli.run import REJECTED
from ingest.run import assemble as runs
from ingest.run.counts import Tally
from ingest.run.job import RunJob
from ingest.run.signals import Stop
from ingest.shard import Shard
from nodes import small_node
from xlrec_es.cluster.connection import Connection, connect
from xlrec_es.errors import AliasMoved, ConfigError, TooManyRejects
from xlrec_es.node import NodeInfo

KILLS = 20
TESTS = Path(__file__).parents[3]


class Undisturbed:
    """A catalogue, and what becomes of it when nothing goes wrong."""

    def __init__(self, es: Elasticsearch, url: str, folder: Path) -> None:
        self.path = folder / "items.jsonl"
        self.bad = write_catalogue(self.path)
        job = RunJob(str(self.path), "xlrec-test-undisturbed", centering="none")
        runs.run(job, Connection(url), encoder=HashEncoder())
        self.contents = contents(es, job.index)
        rejects = folder / f"items.jsonl.{job.index}.rejects.jsonl"
        assert rejected_lines(rejects) == self.bad
        rejects.unlink()
        es.indices.delete(index=f"{job.index}-xlrec-v1")


@pytest.fixture(scope="module")
def undisturbed(
    es: Elasticsearch, es_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    return Undisturbed(es, es_url, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def source(undisturbed: Undisturbed, tmp_path: Path) -> Path:
    """The catalogue in a folder of its own, where rejects and checkpoint go."""
    path = tmp_path / "items.jsonl"
    path.write_bytes(undisturbed.path.read_bytes())
    return path


def start(url: str, index: str, source: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(TESTS / "crashing_worker.py"), url, index, str(source), *options],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        stdout=subprocess.PIPE,
    )


def check(es: Elasticsearch, index: str, source: Path, undisturbed: Undisturbed) -> None:
    """The index is that of an undisturbed run, and the bad records are set aside once each."""
    assert contents(es, index) == undisturbed.contents
    assert rejected_lines(Path(f"{source}.{index}.rejects.jsonl")) == undisturbed.bad
    assert not Path(f"{source}.{index}.checkpoint.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)  # 21 processes, each of which imports a lot
def test_a_run_that_is_killed_again_and_again(
    es: Elasticsearch, es_url: str, index_name: str, source: Path, undisturbed: Undisturbed
) -> None:
    """SIGKILL and SIGTERM in turns at 20 random moments; each run goes on where it can."""
    draw = random.Random(2)
    checkpoint = Path(f"{source}.{index_name}.checkpoint.json")
    ways = {signal.SIGKILL: {-9}, signal.SIGTERM: {-15, 143}}  # the former: before it listens
    killed = went_on = 0
    for _ in range(3 * KILLS):  # a run that has come to its end first does not count
        if killed == KILLS:
            break
        number = list(ways)[killed % 2]
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        went_on += before > 0
        with start(es_url, index_name, source, "--resume") as process:
            assert process.stdout
            assert process.stdout.readline() == b"begun\n"
            while killed % 4 and process.poll() is None:  # three in four get somewhere first
                if checkpoint.exists() and checkpoint.stat().st_mtime_ns > before:
                    break
                time.sleep(0.01)
            time.sleep(0.5 * draw.random())
            process.send_signal(number)
            process.communicate(timeout=60)  # or its summary would find nobody to read it
        assert process.returncode in {REJECTED, *ways[number]}
        killed += process.returncode != REJECTED
    assert killed == KILLS
    assert went_on > KILLS / 2
    settled = json.loads(checkpoint.read_bytes())["state"]["position"] if checkpoint.exists() else 0
    with start(es_url, index_name, source, "--resume") as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == REJECTED
    assert json.loads(output.removeprefix(b"begun\n"))["resumed_after"] == settled
    check(es, index_name, source, undisturbed)
    es.index(index=index_name, id="more", document={"title": "it can be written"})


@pytest.fixture
def own_node() -> Iterator[NodeInfo]:
    with small_node() as node:
        yield node


def during(action: Callable[[], None], after_s: float) -> threading.Thread:
    thread = threading.Timer(after_s, action)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_node_that_stands_still_and_one_that_refuses(
    own_node: NodeInfo, source: Path, undisturbed: Undisturbed
) -> None:
    """SIGSTOP for longer than the time-out, then a write block, in one run."""
    with connect(Connection(own_node.url)) as es:

        def block() -> None:
            index = "shop-xlrec-v1"
            es.indices.put_settings(index=index, settings={"index.blocks.write": True})
            time.sleep(2)
            es.indices.put_settings(index=index, settings={"index.blocks.write": False})

        with start(own_node.url, "shop", source) as process:
            while not es.indices.exists(index="shop"):
                time.sleep(0.05)
            os.kill(own_node.pid, signal.SIGSTOP)
            time.sleep(12)  # the worker's time-out is 10 s
            os.kill(own_node.pid, signal.SIGCONT)
            block()
            assert process.wait(timeout=200) == REJECTED
        check(es, "shop", source, undisturbed)


NARROW = {
    "thread_pool.write.queue_size": "1",  # items are refused with 429
    "indexing_pressure.memory.limit": "150kb",  # requests are, and for ever if they are larger
    "http.max_content_length": "100kb",  # 413
}


@pytest.mark.slow
def test_a_narrow_node_that_is_not_there_at_first_and_is_killed_later(
    source: Path, undisturbed: Undisturbed
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="xlrec-node-"))
    folder.chmod(0o755)  # the node's own user must enter it
    checkpoint = Path(f"{source}.shop.checkpoint.json")
    with start(f"http://127.0.0.1:{port}", "shop", source) as process:
        try:
            with small_node(folder=folder, port=port, settings=NARROW) as node:
                while not checkpoint.exists():
                    assert process.poll() is None
                    time.sleep(0.05)
                time.sleep(1)
                os.kill(node.pid, signal.SIGKILL)
            with (
                small_node(folder=folder, port=port, settings=NARROW) as node,
                connect(Connection(node.url)) as es,
            ):
                assert process.wait(timeout=200) == REJECTED
                check(es, "shop", source, undisturbed)
        finally:
            process.kill()
            shutil.rmtree(folder)


def test_stopping_drains_and_resuming_goes_on(
    es: Elasticsearch, es_url: str, index_name: str, source: Path, undisturbed: Undisturbed
) -> None:
    stop = Stop()
    job = RunJob(str(source), index_name, centering="none")
    encoder = HashEncoder()

    def watch(phase: str, tally: Tally, _fraction: float | None) -> None:
        if phase == "index" and tally.documents > 1000:
            stop.requested.set()

    first = runs.run(job, Connection(es_url), encoder=encoder, stop=stop, observe=watch)
    assert not first["complete"]
    assert 1000 < first["documents"] < DOCUMENTS
    n_encoded = len(encoder.encoded)
    # What was encoded was written; nothing of it is encoded again.
    second = runs.run(replace(job, resume=True), Connection(es_url), encoder=encoder)
    assert second["complete"]
    assert second["resumed_after"] > 1000
    assert len(encoder.encoded) - n_encoded == second["encoded"] - first["encoded"]
    assert len(encoder.encoded) == second["encoded"]
    check(es, index_name, source, undisturbed)


def test_a_checkpoint_of_another_run_is_refused(
    es: Elasticsearch, es_url: str, index_name: str, tmp_path: Path
) -> None:
    source = tmp_path / "items.jsonl"
    write_catalogue(source, 3000)
    stop = Stop()
    job = RunJob(str(source), index_name, centering="none")

    def at_once(phase: str, *_: object) -> None:
        if phase == "index":
            stop.requested.set()

    runs.run(job, Connection(es_url), encoder=HashEncoder(), stop=stop, observe=at_once)
    again = replace(job, resume=True)

    def refused(job: RunJob, why: str) -> None:
        with pytest.raises(ConfigError, match=why):
            runs.run(job, Connection(es_url), encoder=HashEncoder())

    refused(replace(again, fields=replace(job.fields, title="name")), r"fields was .* and is")
    lines = source.read_text("utf-8")
    source.write_text('{"id": 0, "title": "another beginning"}\n' + lines, "utf-8")
    refused(again, "source's beginning was")
    source.write_text(lines + '{"id": "more", "title": "it may grow", "language": "en"}\n', "utf-8")
    es.indices.delete(index=f"{index_name}-xlrec-v1")
    refused(again, "index was .* and is None")
    checkpoint = Path(f"{source}.{index_name}.checkpoint.json")
    checkpoint.write_text("{", "utf-8")
    refused(job, "is no checkpoint of a run, and is not replaced")
    checkpoint.write_text('{\n  "schema": 1,\n  "identity": {', "utf-8")
    refused(again, "cannot be read")
    done = runs.run(job, Connection(es_url), encoder=HashEncoder())  # without --resume: from anew
    assert done["complete"]
    assert not checkpoint.exists()


def test_a_swap_during_the_run_is_noticed(
    es: Elasticsearch, es_url: str, index_name: str, source: Path
) -> None:
    job = RunJob(str(source), index_name, centering="none")
    runs.run(replace(job, shard=Shard(1, 50)), Connection(es_url), encoder=HashEncoder())
    mapping = es.indices.get_mapping(index=index_name)[f"{index_name}-xlrec-v1"]["mappings"]
    es.indices.create(index=f"{index_name}-xlrec-v2", mappings=mapping)

    def swap(phase: str, *_: object) -> None:
        if phase == "index":
            actions = [
                {"remove": {"index": f"{index_name}-xlrec-v*", "alias": index_name}},
                {"add": {"index": f"{index_name}-xlrec-v2", "alias": index_name}},
            ]
            es.indices.update_aliases(actions=actions)

    with pytest.raises(AliasMoved, match=r"was swapped from .*-v1 to .*-v2 during the run"):
        runs.run(job, Connection(es_url), encoder=HashEncoder(), observe=swap)


def test_too_many_rejects_end_the_run(es_url: str, index_name: str, tmp_path: Path) -> None:
    source = tmp_path / "items.jsonl"
    good = {"id": 1, "language": "en", "title": "a good one"}
    source.write_text("\n".join([json.dumps(good)] + ["{"] * 2000), "utf-8")
    job = RunJob(str(source), index_name, centering="none", max_rejects=100)
    with pytest.raises(TooManyRejects, match=r"more than --max-rejects 100; .* says why"):
        runs.run(job, Connection(es_url), encoder=HashEncoder())
    assert len(rejected_lines(Path(f"{source}.{index_name}.rejects.jsonl"))) < 2000


def test_shards_together_are_the_whole(
    es: Elasticsearch, es_url: str, index_name: str, source: Path, undisturbed: Undisturbed
) -> None:
    """Several at once, each with the whole file; one of them makes the index."""
    jobs = [
        RunJob(str(source), index_name, centering="none", shard=Shard(number, 3))
        for number in (1, 2, 3)
    ]
    in_parallel(lambda job: runs.run(job, Connection(es_url), encoder=HashEncoder()), jobs)
    assert contents(es, index_name) == undisturbed.contents
    parts = [Path(f"{source}.{index_name}.{n}-of-3.rejects.jsonl") for n in (1, 2, 3)]
    assert sorted(line for path in parts for line in rejected_lines(path)) == undisturbed.bad
    assert len(list(source.parent.iterdir())) == 4  # nothing else is left


def test_indices_that_are_made_of_one_input_at_a_time_have_files_of_their_own(
    es: Elasticsearch, es_url: str, index_name: str, source: Path, undisturbed: Undisturbed
) -> None:
    names = [f"{index_name}-{number}" for number in (1, 2)]
    jobs = [RunJob(str(source), name, centering="none") for name in names]
    in_parallel(lambda job: runs.run(job, Connection(es_url), encoder=HashEncoder()), jobs)
    for name in names:
        check(es, name, source, undisturbed)


def test_a_second_run_that_would_write_the_same_files_is_refused(
    es_url: str, index_name: str, source: Path
) -> None:
    job = RunJob(str(source), index_name, centering="none")
    refused: list[str] = []

    def begin_again(phase: str, *_: object) -> None:
        if phase == "index" and not refused:
            for other in (
                job,
                replace(job, index="other", rejects=rejects),
                replace(job, index="other", checkpoint=checkpoint),
            ):
                with pytest.raises(ConfigError) as error:
                    runs.run(other, Connection(es_url), encoder=HashEncoder())
                refused.append(str(error.value))

    rejects, checkpoint = (
        Path(f"{source}.{index_name}.{kind}") for kind in ("rejects.jsonl", "checkpoint.json")
    )
    done = runs.run(job, Connection(es_url), encoder=HashEncoder(), observe=begin_again)
    assert done["complete"]
    assert refused == [
        f"another run is writing {path}; wait until it has ended, or name another file with {name}"
        for path, name in (
            (rejects, "--rejects"),
            (rejects, "--rejects"),
            (checkpoint, "--checkpoint"),
        )
    ]


def in_parallel(function: Callable[[RunJob], object], jobs: list[RunJob]) -> None:
    """All at once; the first error is raised."""
    with ThreadPoolExecutor(len(jobs)) as executor:
        list(executor.map(function, jobs))
