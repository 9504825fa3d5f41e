"""Commands that change versions are killed, wherever they are, and the same command goes on."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue
from fault_proxy import DROPPED_BEFORE, Fault, FaultProxy, fault_proxy
from traffic import everything

KILLS = int(os.environ.get("TEST_KILLS", "3"))
"""Of each command."""
SEED = int(os.environ.get("TEST_SEED", "1"))
LAST = 30
"""Requests of a reindex or rollback in which writes are refused and the alias is moved."""
GATE = ("--min-recall", "0.5", "--min-overlap", "0.3")
PIPELINE = "xlrec-test-kills"
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
TIMES = re.compile(r"(creation_date|uuid|provided_name|version\.created|resize\.source\.\w+)$")
NUMBERS = ("done", "started")  # of operations: whoever goes on has sent some twice


@dataclass(frozen=True)
class Moment:
    """When a command is killed: at one of its requests, which gets through or not.

    Attributes:
        request: The first is 1.
        number: Of the signal.
        after_s: Seconds after the request was sent on; None: it was not.
    """

    request: int
    number: signal.Signals
    after_s: float | None


class Runs:
    """Starts one command again and again, through a proxy that counts its requests."""

    def __init__(self, proxy: FaultProxy, arguments: Sequence[str]) -> None:
        self.requests = 0
        self._proxy = proxy
        self._command = [sys.executable, "-m", "xlrec_es", *arguments, "--url", proxy.url]
        self._lock = threading.Lock()

    def run(self, moment: Moment | None = None) -> bool:
        """Whether it came to its end, and was not killed."""
        self.requests = 0
        started = threading.Event()

        def meet(_body: bytes) -> Fault | None:
            with self._lock:
                self.requests += 1
                if moment is None or self.requests != moment.request:
                    return None
            started.wait()
            if moment.after_s is None:
                process.send_signal(moment.number)
                return DROPPED_BEFORE
            threading.Timer(moment.after_s, process.send_signal, (moment.number,)).start()
            return Fault(wait_s=moment.after_s + 0.05)

        self._proxy.when = meet
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        started.set()
        output, _ = process.communicate(timeout=200)
        while self._proxy.under_way:  # what it had asked for takes effect all the same
            time.sleep(0.01)
        killed = moment is not None and process.returncode in (-9, 143)
        assert killed or process.returncode == 0, (moment, output)
        return not killed


def moments(command: str, requests: int) -> Iterator[Moment]:
    """Without end, half of them where most depends on it."""
    draw = random.Random(f"{SEED} {command}")
    for number in itertools.cycle(SIGNALS):
        first = draw.choice((1, max(1, requests - LAST)))
        after_s = draw.choice((None, 0.01, 0.05, 0.2))
        after_s = after_s and after_s * draw.random()
        yield Moment(draw.randint(first, requests), number, after_s)


def state(client: Elasticsearch, name: str) -> dict[str, Any]:
    """All that there is of an index, but for times and its name."""
    bodies = client.indices.get(index=f"{name}*", flat_settings=True, expand_wildcards="all").body
    uuids = {body["settings"]["index.uuid"]: index for index, body in bodies.items()}
    found: dict[str, Any] = {}
    for index, body in bodies.items():
        settings = {k: v for k, v in body["settings"].items() if not TIMES.search(k)}
        found[index] = {**body, "settings": settings, "documents": everything(client, index)}
    text = json.dumps(found)
    for uuid, index in uuids.items():
        text = text.replace(uuid, f"uuid of {index}")
    return json.loads(text.replace(name, "shop"), object_hook=_without_numbers)  # type: ignore[no-any-return]


def _without_numbers(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in NUMBERS}


def shop(client: Elasticsearch, name: str) -> None:
    """The catalogue, some of it written twice, with a final pipeline (of no processor)."""
    client.ingest.put_pipeline(id=PIPELINE, processors=[])
    live = write_catalogue(client, name)
    for number in range(5):
        client.index(index=name, id=f"chess-{number}", document=document("chess", number, "en"))
    settings = {"index.final_pipeline": PIPELINE, "index.refresh_interval": "5s"}
    client.indices.put_settings(index=live.name, settings=settings)
    client.delete(index=name, id="chess-5", refresh=True)


def swapped_shop(client: Elasticsearch, name: str) -> None:
    """It in a second version, that was written to since."""
    shop(client, name)
    url = client.transport.node_pool.get().base_url
    command = [sys.executable, "-m", "xlrec_es", "reindex", name, *GATE, "--url", url]
    subprocess.run(command, check=True, capture_output=True)
    for number in range(30):
        client.index(index=name, id=f"new-{number}", document=document("chess", number, "de"))
    client.index(index=name, id="cooking-4", document=document("cooking", 4, "ja"))
    client.delete(index=name, id="cooking-5", refresh=True)


def own_index(client: Elasticsearch, name: str) -> None:
    """An index that is none of ours, with an alias of its own."""
    client.indices.create(
        index=name,
        settings={"number_of_shards": 2, "number_of_replicas": 0},
        mappings={"_meta": {"owner": "me"}, "properties": {"brand": {"type": "keyword"}}},
        aliases={f"{name}-sale": {"filter": {"term": {"brand": "a"}}}},
    )
    for number in range(20):
        client.index(index=name, id=str(number), document={"brand": "ab"[number % 2]})


COMMANDS: dict[str, tuple[tuple[str, ...], Callable[[Elasticsearch, str], None]]] = {
    "reindex": (("reindex", "NAME", *GATE), shop),
    "rollback": (("index", "rollback", "NAME"), swapped_shop),
    "adopt": (("index", "adopt", "NAME", "--yes"), own_index),
}


@pytest.fixture
def proxy(es_url: str) -> Iterator[FaultProxy]:
    with fault_proxy(es_url, path="") as proxy:
        yield proxy


def check(client: Elasticsearch, name: str, expected: dict[str, Any]) -> None:
    """All is as it should be, and can be written to; then it is removed."""
    assert state(client, name) == expected
    for index in client.indices.get(index=f"{name}*", expand_wildcards="all"):
        client.index(index=index, id="after", document={"title": "x"})
        client.indices.delete(index=index)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_again_and_again_it_comes_to_its_end(
    es: Elasticsearch, proxy: FaultProxy, index_name: str, command: str
) -> None:
    arguments, prepare = COMMANDS[command]
    runs = Runs(proxy, [index_name if part == "NAME" else part for part in arguments])
    prepare(es, index_name)
    assert runs.run()
    expected = state(es, index_name)
    check(es, index_name, expected)
    prepare(es, index_name)
    killed = 0
    for moment in moments(command, runs.requests):
        ended = runs.run(moment)
        killed += not ended
        # One that was killed at its very end is not done again: a second rollback goes forward.
        if ended or state(es, index_name) == expected:
            check(es, index_name, expected)
            prepare(es, index_name)
        if killed == KILLS:
            break
    assert runs.run()
    check(es, index_name, expected)
