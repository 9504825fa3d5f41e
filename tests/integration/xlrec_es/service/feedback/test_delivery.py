"""What was answered 202 is in Elasticsearch in the end, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from http_service import Service, service
from nodes import small_node
from xlrec_es.node.info import NodeInfo

KILLS = 6
"""Of the service; and one of the node."""


@dataclass
class Crowd:
    """Callers that send events for as long as it lasts, and know which were accepted."""

    target: Service
    accepted: set[str] = field(default_factory=set)
    refused: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def sending(self, callers: int = 4) -> Iterator[None]:
        threads = [threading.Thread(target=self._send) for _ in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _send(self) -> None:
        while not self._done.is_set():
            ids = [uuid.uuid4().hex for _ in range(3)]
            events = [{"user": "ann", "item": "chess-1", "id": id_} for id_ in ids]
            try:
                answer = self.target.post("/v1/events", {"events": events})
            except (OSError, ValueError):  # it was killed before it had answered
                time.sleep(0.05)
                continue
            except Exception:  # http.client's own: half an answer
                continue
            if answer.status == 202:
                self.accepted |= set(answer.json["ids"])
            else:
                self.refused += 1


def there(es: Elasticsearch, index: str, wanted: set[str], seconds: float = 60) -> set[str]:
    """Which of the ids are in the index, once all are or time is up."""
    end = time.monotonic() + seconds
    found: set[str] = set()
    while time.monotonic() < end:
        with suppress(Exception):
            es.indices.refresh(index=index)
            ids, found = sorted(wanted), set()
            for start in range(0, len(ids), 5000):
                answer = es.search(
                    index=index,
                    query={"ids": {"values": ids[start : start + 5000]}},
                    size=5000,
                    source=False,
                )
                found |= {hit["_id"] for hit in answer["hits"]["hits"]}
            if found == wanted:
                return found
        time.sleep(0.2)
    return found


class KillableNode:
    """A node of its own, at one address for as long as it lives and after."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.info: NodeInfo = self._start()

    def _start(self) -> NodeInfo:
        return self._stack.enter_context(small_node(folder=self._folder, port=self._port))

    def kill(self) -> None:
        """By SIGKILL: it has no time to write anything down."""
        assert self.info.pid is not None
        os.kill(self.info.pid, signal.SIGKILL)
        self._stack.close()

    def start(self) -> None:
        self.info = self._start()

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def node() -> Iterator[KillableNode]:
    # Not in pytest's own folder, which the account that runs Elasticsearch may not enter.
    with tempfile.TemporaryDirectory(prefix="xlrec-killable-") as folder:
        Path(folder).chmod(0o755)
        started = KillableNode(Path(folder))
        yield started
        started.stop()


@pytest.fixture
def client(node: KillableNode) -> Iterator[Elasticsearch]:
    with Elasticsearch(node.info.url, request_timeout=30) as made:
        yield made


def arguments(node: KillableNode, index: str, folder: Path) -> tuple[str, ...]:
    return (
        *("-i", index, "--url", node.info.url, "--events-index", f"{index}-events"),
        *("--spool", str(folder / "spool"), "--timeout", "5"),
    )


@pytest.mark.slow
def test_nothing_is_lost_by_kills(
    node: KillableNode, client: Elasticsearch, tmp_path: Path
) -> None:
    name = "kills"
    write_catalogue(client, name)
    latest = Service.start(tmp_path, *arguments(node, name, tmp_path))
    try:
        port = latest.url.rpartition(":")[2]
        crowd = Crowd(latest)
        chance = random.Random(7)
        with crowd.sending():
            for kill in range(KILLS):
                time.sleep(chance.uniform(0.2, 1.0))
                latest.stop(signal.SIGKILL)
                if kill == KILLS // 2:
                    node.kill()
                latest = Service.start(tmp_path, *arguments(node, name, tmp_path), "--port", port)
                if kill == KILLS // 2:
                    time.sleep(1)
                    node.start()
            time.sleep(0.5)
        assert len(crowd.accepted) > 50
        lost = crowd.accepted - there(client, f"{name}-events", crowd.accepted)
    finally:
        latest.stop(signal.SIGKILL)
    assert not lost


def test_a_stop_under_load_loses_nothing(
    node: KillableNode, client: Elasticsearch, tmp_path: Path
) -> None:
    name = "stops"
    write_catalogue(client, name)
    with service(tmp_path, *arguments(node, name, tmp_path), "--workers", "2") as started:
        crowd = Crowd(started)
        with crowd.sending():
            time.sleep(1.5)
            assert started.stop() == 0
        assert "Traceback" not in started.log.read_text("utf-8")
    assert crowd.accepted
    with service(tmp_path, *arguments(node, name, tmp_path)):
        assert there(client, f"{name}-events", crowd.accepted) == crowd.accepted


@pytest.mark.slow
def test_while_the_node_is_away(node: KillableNode, client: Elasticsearch, tmp_path: Path) -> None:
    name = "away"
    write_catalogue(client, name)
    asked = {"history": ["chess-1"], "size": 3}
    with service(tmp_path, *arguments(node, name, tmp_path)) as started:
        before = started.post("/v1/recommend", asked)
        assert started.get("/readyz").status == 200
        node.kill()
        refused = started.post("/v1/recommend", asked)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert "no Elasticsearch (" in refused.json["detail"]
        time.sleep(1.1)
        assert started.get("/readyz").status == 503
        assert started.get("/healthz").status == 200
        kept = started.post("/v1/events", {"events": [{"user": "ann", "item": "a", "id": "1"}]})
        assert kept.status == 202
        time.sleep(1)
        assert "xlrec_spool_documents 1.0" in started.get("/metrics").content.decode()
        node.start()
        end = time.monotonic() + 30
        while (after := started.post("/v1/recommend", asked)).status != 200:
            assert time.monotonic() < end
            time.sleep(0.2)
        assert [item["id"] for item in after.json["items"]] == [
            item["id"] for item in before.json["items"]
        ]
        assert there(client, f"{name}-events", {"1"}) == {"1"}
        assert started.get("/readyz").status == 200


def test_what_elasticsearch_refuses_is_kept_with_its_reason(
    served: Service, es: Elasticsearch, catalog_name: str, es_url: str, tmp_path: Path
) -> None:
    index = f"{catalog_name}-numbers"
    es.indices.create(index=index, mappings={"properties": {"item": {"type": "long"}}})
    spool = tmp_path / "spool"
    options = ("-i", catalog_name, "--url", es_url, "--spool", str(spool), "--events-index", index)
    with service(tmp_path, *options) as started:
        events = [{"user": "ann", "item": item, "id": f"n{item}"} for item in ("1", "apple", "3")]
        assert started.post("/v1/events", {"events": events}).status == 202
        assert there(es, index, {"n1", "n3"}) == {"n1", "n3"}
        time.sleep(0.5)
        numbers = started.get("/metrics").content.decode()
    [line] = (spool / "rejected.jsonl").read_text("utf-8").splitlines()
    told = json.loads(line)
    assert (told["id"], told["index"], told["document"]["item"]) == ("napple", index, "apple")
    assert "failed to parse field [item]" in told["reason"]
    assert "apple" not in started.log.read_text("utf-8")
    assert "xlrec_spool_rejected_total 1.0" in numbers
    assert "xlrec_spool_delivered_total 2.0" in numbers


def test_a_full_spool_accepts_nothing_and_recovers(
    es: Elasticsearch, catalog_name: str, es_url: str, tmp_path: Path
) -> None:
    index = f"{catalog_name}-blocked"
    es.indices.create(index=index, settings={"index.blocks.write": True})
    options = ("-i", catalog_name, "--url", es_url, "--spool", str(tmp_path / "spool"))
    with service(tmp_path, *options, "--events-index", index, "--max-spool-mb", "1") as started:
        accepted: set[str] = set()
        for _ in range(100):
            events = [{"user": "ann" * 100, "item": "chess-1"} for _ in range(100)]
            answer = started.post("/v1/events", {"events": events})
            if answer.status != 202:
                break
            accepted |= set(answer.json["ids"])
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert "send them again later" in answer.json["detail"]
        assert len(accepted) > 500
        assert (tmp_path / "spool" / "spool.sqlite3").stat().st_size <= 2**20
        es.indices.put_settings(index=index, settings={"index.blocks.write": None})
        assert there(es, index, accepted) == accepted
        again = started.post("/v1/events", {"events": [{"user": "ann", "item": "chess-1"}]})
        assert again.status == 202
        assert es.count(index=index)["count"] == len(accepted)
