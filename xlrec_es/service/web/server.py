"""Run an ASGI application: processes, signals, and connections that say nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from xlrec_es.errors import ConfigError
from xlrec_es.service.web.observation import MULTIPROCESS

HEAD_S = 10.0
"""Seconds within which a connection must have sent the head of a request."""

DRAIN_S = 30
"""Seconds that requests under way have to end once a process is told to, and answers to be read."""

START_S = 60
"""Seconds after which a process that does not answer its parent, or does not start, is replaced."""

CONNECTIONS = 1000
"""Of a process at one time; more are answered 503."""

_BACKLOG = 2048


class _TimelyProtocol(H11Protocol):
    """Closes connections that hold up others.

    Those are: one whose request does not begin, whose head is sent a letter at a time, whose body
    goes on after it was refused, or whose answer nobody reads.

    h11, not httptools: it takes no more than 16 KiB of headers.
    """

    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_draining()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._must_drain()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_draining()

    def _await_head(self) -> None:
        self._stop_waiting()
        if not self._is_answering():
            self._head = self.loop.call_later(HEAD_S, self._close)

    def _is_answering(self) -> bool:
        """Whether a request is under way: not its body alone, which may come after the answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _close(self) -> None:
        self.transport.close()
        self._must_drain()  # closed once all is read, which may be never

    def _must_drain(self) -> None:
        self._stop_draining()
        self._unread = self.loop.call_later(DRAIN_S, self.transport.abort)

    def _stop_draining(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens.

    Attributes:
        host: Name or address.
        port: 0 for any free one.
        workers: Processes that share it.
    """

    host: str = "127.0.0.1"
    port: int = 9700
    workers: int = 1

    def listen(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            ConfigError: It is taken, or there is no such address.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # Named as TCP, or asyncio leaves Nagle's algorithm on: 40 ms for each answer.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self.host, self.port))
        except OSError as error:
            listening.close()
            reason = error.strerror or str(error)
            raise ConfigError(f"cannot listen on {self.host}:{self.port}: {reason}") from error
        listening.listen(_BACKLOG)
        listening.setblocking(False)
        return listening


def url_of(listening: socket.socket) -> str:
    """The address of a socket, for people."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configured(make: Callable[[], ASGIApp], *, workers: int = 1) -> uvicorn.Config:
    """How an application is run: see `serve`, which runs it."""
    return uvicorn.Config(
        make,
        factory=True,
        http=_TimelyProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_worker_healthcheck=START_S,
        workers=workers,
    )


def serve(make: Callable[[], ASGIApp], listening: socket.socket, *, workers: int = 1) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are then answered first.

    Args:
        make: Makes the application, in each process; it goes to them by pickle.
        listening: See `Address.listen`.
        workers: Processes; one that dies is replaced.

    Raises:
        ConfigError: The application does not start.
    """
    config = configured(make, workers=workers)
    if workers == 1:
        server = uvicorn.Server(config)
        server.run(sockets=[listening])
        if not server.started:
            raise ConfigError("the service did not start; what stands above says why")
        return
    with tempfile.TemporaryDirectory(prefix="xlrec-metrics-") as folder:
        os.environ[MULTIPROCESS] = folder  # processes put their numbers together there
        Multiprocess(config, sockets=[listening]).run()
