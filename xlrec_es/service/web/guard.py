"""What stands before every service: numbers, access of pages and callers, and limits, in order."""

from __future__ import annotations

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xlrec_es.service.web.access import Access, AccessRules
from xlrec_es.service.web.limits import Limited, Limits
from xlrec_es.service.web.observation import Observed


def guarded(app: ASGIApp, access: AccessRules, limits: Limits, paths: Collection[str]) -> ASGIApp:
    """An application behind all of it.

    Args:
        app: The endpoints.
        access: Who may ask.
        limits: How much at once.
        paths: Those that numbers are kept for.
    """
    behind: ASGIApp = Access(Limited(_Headed(app), limits), access)
    if access.origins:  # else no page but its own may read answers, refusals too
        behind = CORSMiddleware(
            behind,
            allow_origins=access.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type"),
            expose_headers=("retry-after",),
        )
    return Observed(behind, paths)


class _Headed:
    """ASGI middleware that answers HEAD as GET, without the body: load balancers ask so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, without_body)
