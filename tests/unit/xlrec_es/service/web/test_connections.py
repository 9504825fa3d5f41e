"""Connections that hold up others are closed."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from xlrec_es.service.web import connections, server

LARGE = b"x" * 20_000_000
"""More than the kernel keeps for a connection."""


SMALL = b"small"
BODIES = {"/large": LARGE, "/small": SMALL}


class Answering:
    """Answers before it reads a body."""

    def __init__(self) -> None:
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way += 1
        try:
            await Response(BODIES.get(scope["path"], b""))(scope, receive, send)
        finally:
            self.under_way -= 1


@pytest.fixture
def app() -> Answering:
    return Answering()


@pytest.fixture
def port(app: Answering, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server that is soon out of patience."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    monkeypatch.setattr(connections, "DRAIN_S", 0.5)
    listening = server.Address(port=0).listen()
    config = uvicorn.Config(app, http=connections.TimelyProtocol, lifespan="off", log_config=None)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    running.should_exit = True
    thread.join()


def closed_after(connection: socket.socket, drip: bytes, most_s: float = 6.0) -> float:
    """Seconds until the server closes, while a little is sent again and again."""
    began = time.monotonic()
    connection.settimeout(0.1)
    while time.monotonic() - began < most_s:
        try:
            if drip:
                connection.sendall(drip)
            if connection.recv(65536) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


def test_a_body_that_goes_on_after_the_answer(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        assert closed_after(connection, b" ") < 3


def test_a_connection_that_is_used_stays_open(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(8):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.2)


def test_answers_that_nobody_reads(port: int, app: Answering) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        time.sleep(0.3)
        assert app.under_way == 1  # it cannot write the answer to the second request
        time.sleep(1)
        assert app.under_way == 0
        received = 0
        try:
            while part := connection.recv(1 << 20):
                received += len(part)
        except OSError:
            pass
        assert received < len(LARGE)


class Recording:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True


def test_head_and_body_are_sent_as_one() -> None:
    """Each packet wakes the caller."""
    transport = Recording()

    async def written() -> None:
        joined = connections._Joined(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        joined.write(b"head")
        joined.write(b"body")
        joined.write(b"")
        assert transport.sent == []
        joined.flush()
        joined.flush()
        assert transport.sent == [b"headbody"]
        joined.write(b"a part of a long answer")
        await asyncio.sleep(0)
        assert transport.sent[1:] == [b"a part of a long answer"]
        joined.write(b"the last one")
        joined.close()

    asyncio.run(written())
    assert transport.sent[2:] == [b"the last one"]
    assert transport.closed


def test_answers_arrive_in_one_piece(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in range(20):
            connection.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(65536).endswith(SMALL)
