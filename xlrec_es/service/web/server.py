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
"""Seconds that requests under way have to end once a process is told to."""

CONNECTIONS = 1000
"""Of a process at one time; more are answered 503."""

ANSWER_S = 30.0
"""Seconds within which a caller must have taken what an answer leaves to be sent."""

_BACKLOG = 2048


class _TimelyProtocol(H11Protocol):
    """Closes a connection whose next request does not begin, or whose answer is not taken.

    h11, not httptools: it takes no more than 16 KiB of headers.
    """

    _head: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        # A head that is sent a letter at a time does not count, nor does what is left of a body
        # that was refused.
        if self.cycle is not before:
            _stop(self._head)

    def on_response_complete(self) -> None:
        answered = self.cycle
        super().on_response_complete()
        if self.cycle is answered:  # else the next request has come with this one
            self._await_head()
        if self.transport.get_write_buffer_size():
            self._await_taking()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._await_taking()  # of what is still to be sent

    def connection_lost(self, exc: Exception | None) -> None:
        _stop(self._head)
        _stop(self._answer)
        super().connection_lost(exc)

    def _await_head(self) -> None:
        _stop(self._head)
        self._head = self.loop.call_later(HEAD_S, self.transport.close)

    def _await_taking(self) -> None:
        _stop(self._answer)
        self._answer = self.loop.call_later(ANSWER_S, self._abort)

    def _abort(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # to close it would wait until all of it is sent


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


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
        listening = socket.socket(family)
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
