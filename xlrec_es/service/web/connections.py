"""Connections: answers go out whole, and connections that hold up others are closed."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""Seconds within which a connection must have sent the head of a request."""

DRAIN_S = 30
"""Seconds that requests under way have to end once a process is told to, and answers to be read."""


class _Joined:
    """A transport that sends the head and the body of an answer together.

    uvicorn writes them one by one, and each would be a packet that wakes the caller.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the transport's
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send it in this turn of the loop, at the latest."""
        if not data:
            return
        if not self._written:
            self._loop.call_soon(self.flush)
        self._written.append(data)

    def flush(self) -> None:
        """Send what was written."""
        if self._written:
            data, self._written = b"".join(self._written), []
            self._transport.write(data)

    def close(self) -> None:
        """Send what was written, and close."""
        self.flush()
        self._transport.close()


class TimelyProtocol(H11Protocol):
    """Closes connections that hold up others.

    Those are: one whose request does not begin, whose head is sent a letter at a time, whose body
    goes on after it was refused, or whose answer nobody reads.

    h11, not httptools: it takes no more than 16 KiB of headers.
    """

    _joined: _Joined
    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        self._joined = _Joined(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._joined))
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """An answer was written: see that it is sent before anything else is done."""
        self._joined.flush()
        super().on_response_complete()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._stop_waiting()
        self._stop_draining()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        self._must_drain()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
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
