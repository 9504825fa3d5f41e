"""Connections that hold up others are closed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from xlrec_es.service.web import server

LARGE = b"x" * 20_000_000
"""More than the kernel keeps for a connection."""


class Answering:
    """Answers before it reads a body."""

    def __init__(self) -> None:
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way += 1
        try:
            await Response(LARGE if scope["path"] == "/large" else b"")(scope, receive, send)
        finally:
            self.under_way -= 1


@pytest.fixture
def app() -> Answering:
    return Answering()


@pytest.fixture
def port(app: Answering, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server that is soon out of patience."""
    monkeypatch.setattr(server, "HEAD_S", 0.5)
    monkeypatch.setattr(server, "DRAIN_S", 0.5)
    listening = server.Address(port=0).listen()
    config = uvicorn.Config(app, http=server._TimelyProtocol, lifespan="off", log_config=None)
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


def test_answers_are_sent_at_once() -> None:
    """asyncio turns Nagle's algorithm off where a socket says that it is of TCP."""
    with server.Address(port=0).listen() as listening:
        assert listening.proto == socket.IPPROTO_TCP
