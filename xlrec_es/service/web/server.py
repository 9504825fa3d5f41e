"""Run an ASGI application: its address, processes and signals."""

from __future__ import annotations

import multiprocessing
import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from xlrec_es.errors import ConfigError
from xlrec_es.service.web.connections import DRAIN_S, TimelyProtocol
from xlrec_es.service.web.observation import MULTIPROCESS
from xlrec_es.service.web.processes import OneProcess, Workers, settled

START_S = 60
"""Seconds after which a process that does not answer its parent, or does not start, is replaced."""

CONNECTIONS = 1000
"""Of a process at one time; more are answered 503."""

_BACKLOG = 2048


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
        http=TimelyProtocol,
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
        KeyboardInterrupt: A second SIGINT came, and requests were not answered.
    """
    if workers == 1:
        server = OneProcess(configured(partial(settled, make)))
        server.run(sockets=[listening])
        has_started, is_cut_short = server.started, server.force_exit
    else:
        with tempfile.TemporaryDirectory(prefix="xlrec-metrics-") as folder:
            os.environ[MULTIPROCESS] = folder  # processes put their numbers together there
            made = multiprocessing.get_context("spawn").Event()  # that of uvicorn's processes
            config = configured(partial(settled, make, made), workers=workers)
            processes = Workers(config, [listening], made)
            processes.run()
        has_started = not processes.is_broken and all(
            one.exitcode != STARTUP_FAILURE for one in processes.processes
        )
        is_cut_short = processes.force_exit
    if not has_started:
        raise ConfigError("the service did not start; what stands above says why")
    if is_cut_short:
        raise KeyboardInterrupt
