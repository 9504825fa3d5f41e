"""How much at once: the size of a body, the time it may take, and requests side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xlrec_es.service.web.problems import problem

HEADER_BYTES = 16 * 2**10
"""Of all headers; h11 checks it only where they come in parts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a process takes at once.

    Attributes:
        body_bytes: Of a request's body.
        body_s: Seconds within which a whole body must have come.
        requests: At one time; more are answered 429.
        unlimited: Paths that are answered in any case, such as those that say whether it is well.
    """

    body_bytes: int = 4 * 2**20
    body_s: float = 10.0
    requests: int = 128
    unlimited: Collection[str] = ()


class _TooMuch(Exception):
    """The body is too large, or slow."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Limited:
    """ASGI middleware that keeps to `Limits`. It reads bodies whole before it goes on."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["path"] in self._limits.unlimited:
            await self._app(scope, receive, send)
            return
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
            detail = f"the headers are larger than {HEADER_BYTES} bytes; send fewer"
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            await problem(status, detail)(scope, receive, send)
            return
        if self._under_way >= self._limits.requests:
            detail = f"{self._limits.requests} requests are under way; ask again a little later"
            await problem(HTTPStatus.TOO_MANY_REQUESTS, detail)(scope, receive, send)
            return
        self._under_way += 1
        try:
            async with asyncio.timeout(self._limits.body_s):
                body = await self._read(scope, receive)
        except _TooMuch as error:
            await problem(error.status, str(error))(scope, receive, send)
        except TimeoutError:
            detail = f"the body did not come within {self._limits.body_s:g} s; send it faster"
            await problem(HTTPStatus.REQUEST_TIMEOUT, detail)(scope, receive, send)
        else:
            await self._app(scope, _replayed(body, receive), send)
        finally:
            self._under_way -= 1

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        most = self._limits.body_bytes
        told = Headers(scope=scope).get("content-length", "0")
        if not told.isdecimal() or int(told[:20]) > most:
            raise _too_large(most)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":  # the caller has gone
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise _too_large(most)
            if not message.get("more_body"):
                return b"".join(parts)


def _too_large(most: int) -> _TooMuch:
    detail = f"the body is larger than {most} bytes; send less at once"
    return _TooMuch(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What gives the body that was read, and then whatever comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return pending.pop() if pending else await receive()

    return next_message
