"""One request to an ASGI application, without a server or a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message

from http_service import Answer


def asked(
    app: ASGIApp,
    method: str,
    path: str,
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """What an application answers, in an event loop of its own.

    Args:
        app: The application; it is neither started nor stopped.
        method: Of the request.
        path: Of the request.
        content: Its body; JSON, if `headers` do not say otherwise.
        headers: Further ones, or others.
    """
    given = {"host": "localhost", "content-type": "application/json", **(headers or {})}
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 9700),
        "state": {},
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    start, *parts = sent
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], told, b"".join(part.get("body", b"") for part in parts))


def posted(app: ASGIApp, path: str, body: object) -> Answer:
    """What an application answers to JSON."""
    return asked(app, "POST", path, json.dumps(body).encode())
