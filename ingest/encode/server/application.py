"""The ASGI application of `xlrec-ingest serve`.

Loopback without a token; anywhere else a token is required (`Authorization: Bearer ...`). There is
no TLS: put it behind the proxy that you trust with the rest, which then is the one address that
asks, and the one to limit rates.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from ingest.encode.server import openai_routes, own_routes
from ingest.encode.server.batching import Batcher, Batching
from ingest.encode.server.encoding import Encoding
from ingest.encode.server.rate_limit import RateLimit
from xlrec_es.service.web.access import READ, AccessRules, Token
from xlrec_es.service.web.guard import guarded
from xlrec_es.service.web.limits import Limits
from xlrec_es.service.web.problems import failed, refusal_of
from xlrec_es.vectors.encoder import Encoder

SCOPES = {"/encode": READ, "/encoder": READ, "/metrics": READ, "/v1": READ}
"""What a token must allow, by path."""

MAX_BODY_BYTES = 1024 * 1024
BODY_S = 30.0
"""Seconds within which a body must have come: it may be sent from afar."""

MAX_REQUESTS = 128
"""Under way at one time; more are answered 429."""

UNLIMITED = ("/healthz", "/metrics")
LIMITS = Limits(MAX_BODY_BYTES, BODY_S, MAX_REQUESTS, UNLIMITED)


def access_rules(
    host: str, token: str | None, hosts: tuple[str, ...] = (), origins: tuple[str, ...] = ()
) -> AccessRules:
    """Who may ask, by one token.

    Args:
        host: Address to listen on.
        token: What callers must know; None, or blank, on the localhost alone.
        hosts: See `AccessRules`.
        origins: See `AccessRules`.

    Raises:
        ConfigError: An address that others can reach, without a token; or the token is short, or
            no header can carry it.
    """
    blank = not (token or "").strip()
    tokens = () if token is None or blank else (Token.of("XLREC_SERVE_TOKEN", token, [READ]),)
    return AccessRules(host, tokens, hosts, origins, SCOPES, "--token or XLREC_SERVE_TOKEN")


@dataclass(frozen=True, slots=True)
class Application:
    """Makes the application.

    Attributes:
        encoder: What encodes.
        access: Who may ask.
        limits: How much at once.
        rate: Texts a second that one address may have encoded; None: as many as there is time for.
        batching: How texts of several callers are put together.
    """

    encoder: Encoder
    access: AccessRules
    limits: Limits = LIMITS
    rate: float | None = None
    batching: Batching = field(default_factory=Batching)

    def __call__(self) -> ASGIApp:
        """The application.

        Raises:
            UsageError: The rate is not above zero.
        """
        limit = None if self.rate is None else RateLimit(self.rate, clock=time.monotonic)
        batcher = Batcher(self.encoder, self.batching)
        encoding = Encoding(self.encoder, batcher, limit)

        @contextlib.asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            running = asyncio.create_task(batcher.run())
            try:
                yield
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

        routes = [*own_routes.routes(encoding), *openai_routes.routes(encoding)]
        app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=_HANDLERS)
        app.router.redirect_slashes = False
        return guarded(app, self.access, self.limits, [route.path for route in routes])


async def _refused(request: Request, error: Exception) -> Response:
    """No such path or method."""
    assert isinstance(error, HTTPException)
    is_missing = error.status_code == HTTPStatus.NOT_FOUND
    told = "nothing is at" if is_missing else f"{request.method} is not for"
    return refusal_of(error, f"{told} {request.url.path}")


_HANDLERS = {HTTPException: _refused, Exception: failed}
