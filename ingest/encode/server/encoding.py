"""What every endpoint that encodes does: read a request, keep to the limits, answer or refuse."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ingest.encode.server.batching import Batcher, Encoded, TooManyWait
from ingest.encode.server.rate_limit import RateLimit
from xlrec_es.errors import EncoderError
from xlrec_es.service.web.problems import kind_of, problem
from xlrec_es.vectors.encoder import Encoder

MAX_TEXTS = 256
"""Of one request."""

NO_STORE = {"Cache-Control": "no-store"}
_GONE = 499  # nginx's "client closed request": nobody reads it, but the numbers count it


class Refused(Exception):
    """A request that is not answered with vectors."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, wait_s: float | None = None, code: str = ""
    ) -> None:
        """Say why.

        Args:
            status: Of the answer.
            detail: A sentence: what is wrong, and what to do.
            wait_s: Seconds after which to ask again.
            code: As OpenAI calls it.
        """
        super().__init__(detail)
        self.status = status
        self.wait_s = wait_s
        self.code = code


class _Gone(Exception):
    """The connection of who asked is closed."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """What endpoints encode with.

    Attributes:
        encoder: Says what it is.
        batcher: Encodes.
        limit: Of the texts of one address; None: none.
    """

    encoder: Encoder
    batcher: Batcher
    limit: RateLimit | None

    async def encode(
        self, request: Request, texts: object, *, counted: bool = False, query: bool = False
    ) -> Encoded:
        """The vectors of the texts of a request.

        Args:
            request: Whose.
            texts: As the request has them.
            counted: Whether tokens are counted.
            query: Whether they are free texts of users, not documents.

        Raises:
            Refused: They are no such texts, or too many, for now or at all.
            EncoderError: The model failed.
        """
        if (
            not isinstance(texts, list)
            or not all(isinstance(text, str) and text.strip() for text in texts)
            or not 1 <= len(texts) <= MAX_TEXTS
        ):
            raise Refused(
                HTTPStatus.BAD_REQUEST, f"send 1 to {MAX_TEXTS} texts, none of which is empty"
            )
        address = request.client.host if request.client else ""
        wait_s = 0.0 if self.limit is None else self.limit.wait_s(address, len(texts))
        if wait_s > 0:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"you have had as many texts as one may for now; come again in {wait_s:.1f} s",
                wait_s=wait_s,
            )
        try:
            return await _unless_gone(
                request, self.batcher.encode(texts, counted=counted, query=query)
            )
        except TooManyWait as error:
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, str(error), wait_s=1) from error


async def read(request: Request) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        Refused: It is none.
    """
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
    return body


def asks_for_queries(
    said: object, name: str, queries: Collection[str], documents: Collection[str]
) -> bool:
    """Whether a request is for free texts of users, not for documents.

    Args:
        said: What the request has for it; None for documents.
        name: What that is called there.
        queries: Words for free texts.
        documents: Words for documents.

    Raises:
        Refused: It says neither.
    """
    if said is None or said in documents:
        return False
    if said in queries:
        return True
    words = ", ".join(sorted({*queries, *documents}))
    raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is one of {words}")


def written(answer: object) -> Response:
    """An answer as JSON."""
    payload = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(payload, headers=NO_STORE, media_type="application/json")


Endpoint = Callable[[Request], Awaitable[Response]]


def answering(handle: Endpoint) -> Endpoint:
    """An endpoint whose errors are problems, with OpenAI's member `error` beside them."""

    async def handled(request: Request) -> Response:
        try:
            return await handle(request)
        except Refused as error:
            refusal = problem(error.status, str(error), error=_as_openai(error))
            if error.wait_s is not None:
                refusal.headers["Retry-After"] = str(math.ceil(error.wait_s))
            return refusal
        except EncoderError as error:  # not 503: the same texts would fail again
            failed = Refused(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            return problem(failed.status, str(error), kind=kind_of(error), error=_as_openai(failed))
        except _Gone:
            return Response(status_code=_GONE)

    return handled


def _as_openai(error: Refused) -> dict[str, str | None]:
    """The object that OpenAI's clients read the sentence from."""
    kind = (
        "server_error"
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        else (
            "rate_limit_error"
            if error.status == HTTPStatus.TOO_MANY_REQUESTS
            else "invalid_request_error"
        )
    )
    return {"message": str(error), "type": kind, "param": None, "code": error.code or None}


async def _unless_gone(request: Request, encoding: Awaitable[Encoded]) -> Encoded:
    """Wait for vectors, as long as somebody waits for them.

    Raises:
        _Gone: Nobody does.
    """
    work = asyncio.ensure_future(encoding)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise _Gone
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
