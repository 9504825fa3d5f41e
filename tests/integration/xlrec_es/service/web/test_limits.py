"""Too much, too slow, too deep: refused, and the service stays well."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fault_proxy import Fault, fault_proxy
from http_service import Answer, Service, service

ASKED = {"history": ["chess-1"], "size": 1}
MIB = 2**20


def sent(served: Service, *parts: bytes, pause_s: float = 0.0, wait_s: float = 15.0) -> bytes:
    """What comes back when bytes are sent with pauses, until the service closes."""
    address = urlsplit(served.url)
    with contextlib.closing(
        socket.create_connection((address.hostname or "", address.port or 0), timeout=wait_s)
    ) as connection:
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
                time.sleep(pause_s)
        received = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                received += part
        return received


def head(length: int, *headers: bytes) -> bytes:
    lines = (b"POST /v1/recommend HTTP/1.1", b"Host: localhost", b"Content-Type: application/json")
    lines += (b"Content-Length: %d" % length, b"Connection: close", *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def test_a_body_that_is_too_large(served: Service) -> None:
    answer = sent(served, head(5 * MIB), b"[" * 1000)
    assert b"413" in answer.split(b"\r\n")[0]
    chunk = b"%x\r\n" % MIB + b" " * MIB + b"\r\n"
    start = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    assert b"413" in sent(served, start, *[chunk] * 5).split(b"\r\n")[0]
    assert b"larger than 4194304 bytes" in answer


def test_a_body_or_head_that_comes_slowly(served: Service) -> None:
    began = time.monotonic()
    answer = sent(served, head(20), *[b"["] * 3, pause_s=0.3)
    assert b"408" in answer.split(b"\r\n")[0]
    assert 9 < time.monotonic() - began < 14
    began = time.monotonic()
    letters = [bytes((letter,)) for letter in head(2)[:40]]
    assert sent(served, *letters, pause_s=0.3) == b""
    assert 9 < time.monotonic() - began < 14


def test_headers_without_an_end(served: Service) -> None:
    flood = [b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(100)]
    answer = sent(served, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", *flood)
    assert not answer or b"400" in answer.split(b"\r\n")[0]
    assert served.get("/healthz").status == 200


def test_headers_that_are_too_large(served: Service) -> None:
    found = served.get("/docs", **{"X-Large": "a" * 17_000})
    assert (found.status, found.headers["content-type"]) == (431, "application/problem+json")


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e9\r\n\r\n",
        b"POST /v1/recommend HTTP/1.1\r\nHost: a\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request(served: Service, rubbish: bytes) -> None:
    answer = sent(served, rubbish)
    assert not answer or answer.split(b" ")[1] in (b"400", b"421")


def test_more_requests_at_once_than_allowed(catalog_name: str, es_url: str, tmp_path: Path) -> None:
    with fault_proxy(es_url, "_msearch") as proxy:
        proxy.when = lambda _body: Fault(wait_s=2.0, edit=list)
        arguments = ("-i", catalog_name, "--url", proxy.url, "--max-requests", "4")
        with service(tmp_path, *arguments) as started:
            answers: list[Answer] = []
            threads = [
                threading.Thread(
                    target=lambda: answers.append(started.post("/v1/recommend", ASKED))
                )
                for _ in range(12)
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            assert started.get("/healthz").status == 200
            for thread in threads:
                thread.join()
            proxy.when = lambda _body: None
            found = sorted(answer.status for answer in answers)
            assert found == [200] * 4 + [429] * 8
            refused = [answer for answer in answers if answer.status == 429]
            assert {answer.headers["retry-after"] for answer in refused} == {"1"}
            assert started.post("/v1/recommend", ASKED).status == 200


@pytest.fixture(scope="module", autouse=True)
def stays_well(served: Service) -> Iterator[None]:
    """After all of this it answers as before."""
    expected = served.post("/v1/recommend", ASKED).json
    yield
    assert served.post("/v1/recommend", json.dumps(ASKED).encode()).json == expected
    assert "Traceback" not in served.log.read_text("utf-8")
