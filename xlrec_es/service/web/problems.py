"""Errors as problem details.

Source: RFC 9457, https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from xlrec_es.errors import (
    AuthenticationFailed,
    ClusterError,
    ClusterUnreachable,
    ConfigError,
    EncoderError,
    IndexNotFound,
    IndexUnusable,
    InvalidJson,
    MissingExtra,
    PermissionDenied,
    PlacementChanged,
    PlacementNotFound,
    PlacementRefused,
    UnknownItems,
    UsageError,
    XlrecError,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_S = 1
"""Seconds after which a caller may ask again what met a lack of time or room."""

_STATUS: Mapping[type[XlrecError], HTTPStatus] = {
    UnknownItems: HTTPStatus.NOT_FOUND,
    IndexNotFound: HTTPStatus.NOT_FOUND,
    IndexUnusable: HTTPStatus.CONFLICT,
    PlacementChanged: HTTPStatus.CONFLICT,
    PlacementNotFound: HTTPStatus.NOT_FOUND,
    ConfigError: HTTPStatus.INTERNAL_SERVER_ERROR,
    InvalidJson: HTTPStatus.BAD_REQUEST,
    UsageError: HTTPStatus.BAD_REQUEST,
    ClusterUnreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    AuthenticationFailed: HTTPStatus.BAD_GATEWAY,
    PermissionDenied: HTTPStatus.BAD_GATEWAY,
    ClusterError: HTTPStatus.BAD_GATEWAY,
    EncoderError: HTTPStatus.SERVICE_UNAVAILABLE,
    MissingExtra: HTTPStatus.INTERNAL_SERVER_ERROR,
    XlrecError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_ADDRESSES = r"https?://[^\s,;()]+(?:, https?://[^\s,;()]+)*"
_BEHIND = re.compile(rf" at {_ADDRESSES}")
_ALONE = re.compile(_ADDRESSES)
_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def status_of(error: XlrecError) -> HTTPStatus:
    """The status that tells a caller whose fault an error is."""
    if isinstance(error, ClusterError) and error.status in _LATER:
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, ClusterError) and error.status == HTTPStatus.BAD_REQUEST:
        return HTTPStatus.BAD_REQUEST  # a filter of the caller's that is none
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def problem(
    status: HTTPStatus, detail: str, *, kind: str = "about:blank", **extras: object
) -> Response:
    """An answer that tells what is wrong.

    Args:
        status: Of the answer.
        detail: A sentence: what is wrong, and what to do.
        kind: A URI that programs may tell problems by.
        extras: Further members.
    """
    headers = {"Retry-After": str(RETRY_S)} if status in _LATER else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        orjson.dumps(problem_members(status, detail, kind=kind, **extras)),
        status,
        {**headers, "Cache-Control": "no-store"},
        MEDIA_TYPE,
    )


def problem_members(
    status: HTTPStatus, detail: str, *, kind: str = "about:blank", **extras: object
) -> dict[str, Any]:
    """The members of `problem`."""
    return {
        "type": kind,
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        **extras,
    }


def members_of(error: XlrecError) -> dict[str, Any]:
    """The members of the problem that an error is."""
    return problem_members(
        status_of(error), detail_of(error), kind=kind_of(error), **_extras(error)
    )


def problem_of(error: XlrecError) -> Response:
    """The answer that tells of an error."""
    return problem(status_of(error), detail_of(error), kind=kind_of(error), **_extras(error))


def detail_of(error: XlrecError) -> str:
    """What a caller is told of an error: all but where the cluster and the encoder are.

    A caller may use the service and no more; the log has the whole sentence.
    """
    whole = str(error)
    if not isinstance(error, ClusterError | EncoderError | IndexNotFound):
        return whole
    behind = "the encoder" if isinstance(error, EncoderError) else "Elasticsearch"
    told = _ALONE.sub(behind, _BEHIND.sub("", whole))
    if told != whole:
        logger.warning("%s", whole)
    return told


def _extras(error: XlrecError) -> dict[str, Any]:
    """What programs can do with an error."""
    match error:
        case UnknownItems():
            return {"items": list(error.items)}
        case PlacementRefused():
            return {"faults": list(error.faults)}
        case PlacementChanged():
            return {"version": error.version}
        case _:
            return {}


def refusal_of(error: HTTPException, detail: str) -> Response:
    """The answer to a request that the framework refuses: no such path or method, say."""
    refusal = problem(HTTPStatus(error.status_code), detail)
    refusal.headers.update(error.headers or {})
    return refusal


async def failed(_request: Request, error: Exception) -> Response:
    """The answer to a request that met a fault of ours, whose traceback is in the log."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"the service met a {type(error).__name__}, a fault of its own; its log says where",
    )


def kind_of(error: XlrecError) -> str:
    """A URI for the class of an error: `urn:xlrec:unknown-items`."""
    name = type(error).__name__
    return "urn:xlrec:" + "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
