"""Processes begin alike, and end in order whatever ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from http_service import Service, service

PROCESSES = pytest.mark.parametrize("workers", ["1", "2"])
ENDLESS = (
    b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n{"
)
FAILING = """
from xlrec_es.service.web import server

async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "not today"})

def make():
    return app

if __name__ == "__main__":
    server.serve(make, server.Address(port=0).listen(), workers=2)
"""

RAISING = """
from xlrec_es.errors import EncoderError
from xlrec_es.service.web import server

def make():
    raise EncoderError("no encoder answers")

if __name__ == "__main__":
    server.serve(make, server.Address(port=0).listen(), workers=2)
"""


def started(folder: Path, workers: str) -> contextlib.AbstractContextManager[Service]:
    """A service without Elasticsearch, which it does not need to live."""
    return service(folder, "-i", "shop", "--url", "http://localhost:1", "--workers", workers)


@contextlib.contextmanager
def waiting(served: Service) -> Iterator[None]:
    """While a request is under way that does not end by itself."""
    address = urlsplit(served.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(ENDLESS)
        time.sleep(0.5)
        yield


def is_answering(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    except OSError:
        return False
    return True


@PROCESSES
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_end_in_order_is_a_success(tmp_path: Path, workers: str, sign: int) -> None:
    with started(tmp_path, workers) as served:
        assert served.stop(sign) == 0
        log = served.log.read_text("utf-8")
        assert "Traceback" not in log
        assert "GET /healthz 200" in log


@PROCESSES
def test_a_second_interrupt_does_not_wait(tmp_path: Path, workers: str) -> None:
    with started(tmp_path, workers) as served, waiting(served):
        served.process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert served.process.poll() is None
        began = time.monotonic()
        assert served.stop(signal.SIGINT) == 1
        assert time.monotonic() - began < 5
        assert "Traceback" not in served.log.read_text("utf-8")


def test_no_process_outlives_a_parent_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = tmp_path / "temporary"
    numbers.mkdir()
    monkeypatch.setenv("TMPDIR", str(numbers))
    with started(tmp_path, "2") as served:
        assert [*numbers.glob("xlrec-metrics-*/*.db")]
        children = psutil.Process(served.process.pid).children()
        assert len(children) >= 2
        assert served.stop(signal.SIGKILL) == -signal.SIGKILL
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive
        assert not is_answering(served.url)
        assert [*numbers.glob("xlrec-metrics-*")] == []


def run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    return subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_processes_that_do_not_start_are_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, FAILING)
    assert done.returncode == 1
    assert "ConfigError: the service did not start" in done.stderr


def test_an_application_that_cannot_be_made_is_not_tried_for_ever(tmp_path: Path) -> None:
    done = run(tmp_path, RAISING)
    assert done.returncode == 1
    assert "ConfigError: the service did not start" in done.stderr
    assert 1 <= done.stderr.count("no encoder answers") <= 4
