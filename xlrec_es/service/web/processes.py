"""Processes of a service: how they begin, what signals mean to them, and how they end."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import multiprocessing.process
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.supervisors import Multiprocess

from xlrec_es.errors import XlrecError
from xlrec_es.service.web.observation import remove_numbers

_NEW_OBJECTS = 10_000
"""Objects after which Python looks for unreachable ones; at its own 700, a list takes 6% longer."""

_LOOK_S = 0.05
"""Seconds between looks at processes that are to end."""


def log_to_stderr() -> None:
    """Log a line for each request, and what is wrong: in each process, for none inherits it."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # a line for each request


def settled(make: Callable[[], ASGIApp], made: Event | None = None) -> ASGIApp:
    """An application, in a process that is made for it: called first in each of them.

    Args:
        make: Makes it.
        made: Set as soon as it is made, in whichever process.

    Raises:
        XlrecError: It cannot be made. A process of several says why, and ends.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        log_to_stderr()
    try:
        app = make()
    except XlrecError as error:
        if parent is None:
            raise
        raise SystemExit(f"Error: {error}") from None
    if made is not None:
        made.set()
    gc.collect()
    gc.freeze()  # what is there stays, and need not be looked through again
    gc.set_threshold(_NEW_OBJECTS)
    logging.getLogger("uvicorn.error").addFilter(_is_a_fault)
    if parent is not None:
        # Ctrl-C goes to all processes of a terminal; what it means, the parent decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        return _Child(app, parent)
    return app


class _Child:
    """An application in a process of several.

    At its end it takes its numbers away where the parent, who would, was killed.
    """

    def __init__(self, app: ASGIApp, parent: multiprocessing.process.BaseProcess) -> None:
        self._app = app
        self._parent = parent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or begin and end."""
        is_request = scope["type"] != "lifespan"
        await self._app(scope, receive, send if is_request else self._observed(send))

    def _observed(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete" and not self._parent.is_alive():
                remove_numbers()
            await send(message)

        return sent


def _is_a_fault(record: logging.LogRecord) -> bool:
    """A request that is given up at the end is none."""
    met = record.exc_info[1] if record.exc_info else None
    return not isinstance(met, asyncio.CancelledError)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End this process, in order, when its parent has: a killed one tells nobody."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


class OneProcess(uvicorn.Server):
    """Ends when it is told to: after requests under way, or without them at a second Ctrl-C."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal, which is not raised again at the end: that is well if it is in order."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; the application is told, too, where requests were not waited for."""
        await super().shutdown(sockets)
        if self.force_exit:
            for task in self.server_state.tasks:
                task.cancel()
            await self.lifespan.shutdown()


class Workers(Multiprocess):
    """Processes that share a socket. They end as `OneProcess` does, killed at a second Ctrl-C."""

    force_exit = False
    is_broken = False
    """Whether a process ended before any of them had made the application."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], made: Event) -> None:
        super().__init__(config, sockets)
        self._made = made

    def keep_subprocess_alive(self) -> None:
        """Replace those that died. Where none has made the application, the next would not either.

        Later on it may be made again, as soon as what it needs is back.
        """
        if self._made.is_set():
            super().keep_subprocess_alive()
        elif any(one.exitcode is not None for one in self.processes):
            self.is_broken = True
            self.should_exit.set()

    def handle_int(self) -> None:
        """Take Ctrl-C."""
        self.force_exit = self.should_exit.is_set()
        super().handle_int()

    def join_all(self) -> None:
        """Wait until all have ended."""
        while any(one.process.is_alive() for one in self.processes):
            if signal.SIGINT in self.signal_queue:
                self.force_exit = True
            if self.force_exit:
                for one in self.processes:
                    one.process.kill()
            time.sleep(_LOOK_S)
        super().join_all()
