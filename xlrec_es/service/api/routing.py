"""How requests are read and answers are written, the same for all endpoints."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson, XlrecError
from xlrec_es.service.api.description import operation_id
from xlrec_es.service.feedback.spool import SpoolFull
from xlrec_es.service.web.problems import MEDIA_TYPE, failed, problem, problem_of, refusal_of

NO_STORE = {"Cache-Control": "no-store"}

_MOST_TOLD = 20
"""Faults of one request that are told."""

MEANINGS = {
    400: "What was asked for cannot be.",
    401: "A token is needed.",
    403: "The token or the page may not ask this.",
    404: "No such index or placement, or none of these items.",
    408: "The body came too slowly.",
    409: "The index is not what the service needs, or a placement was changed meanwhile.",
    413: "The body is too large.",
    415: "The body is no JSON: send Content-Type: application/json.",
    421: "The service is not asked by this name.",
    422: "The body is not as it should be.",
    429: "Too many requests at once; see Retry-After.",
    431: "The headers are too large.",
    500: "A fault of the service or of its configuration.",
    502: "Elasticsearch refused.",
    503: "Elasticsearch cannot be reached, or no event can be kept; see Retry-After.",
}
"""Of the statuses that tell of a problem."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": told,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemGiven"}}},
    }
    for status, told in MEANINGS.items()
}


class _StrictRequest(Request):
    """Reads JSON as the rest of the program does: no NaN, and no more levels than can be held."""

    async def json(self) -> Any:  # noqa: ANN401 - the base's
        try:
            return exact_json.loads(await self.body(), exact=False)
        except InvalidJson as error:
            raise InvalidJson(f"the body is {error}; send JSON") from error


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A route whose errors are problems."""

    def get_route_handler(self) -> Handler:
        """See `APIRoute.get_route_handler`."""
        model = self._body_alone()
        handle = super().get_route_handler() if model is None else self._directly(model)

        async def handled(request: Request) -> Response:
            if self.body_field is not None and not _is_json(request):
                return problem(
                    HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json"
                )
            try:
                return await handle(_StrictRequest(request.scope, request.receive))
            except HTTPException as error:
                if isinstance(error.__cause__, InvalidJson):
                    return problem_of(error.__cause__)
                raise
            except RequestValidationError as error:
                return _invalid(error.errors())
            except ValidationError as error:
                return _invalid(error.errors())
            except SpoolFull as error:
                return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), kind="urn:xlrec:full")
            except XlrecError as error:
                return problem_of(error)

        return handled

    def _body_alone(self) -> type[BaseModel] | None:
        """What the body holds, if the endpoint takes nothing else."""
        takes = self.dependant
        others = (takes.path_params, takes.query_params, takes.header_params, takes.cookie_params)
        if any((*others, takes.dependencies, takes.request_param_name)):
            return None
        kind = None if self.body_field is None else self.body_field.field_info.annotation
        return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None

    def _directly(self, model: type[BaseModel]) -> Handler:
        """Read the body and call the endpoint, without what serves other endpoints.

        FastAPI looks for parameters, dependencies and files on its own way.
        """
        endpoint = self.endpoint

        async def handled(request: Request) -> Response:
            if not await request.body():
                return _invalid([{"loc": (), "msg": "Field required"}])
            answer = await endpoint(model.model_validate(await request.json()))
            assert isinstance(answer, Response)
            return answer

        return handled


def router(
    tag: str,
    *,
    prefix: str = "/v1",
    responses: Mapping[int | str, dict[str, Any]] = PROBLEMS,
) -> APIRouter:
    """Endpoints of one kind. The application takes its routes as they are.

    Args:
        tag: What they are listed under.
        prefix: How their paths begin.
        responses: What each may answer besides.
    """
    return APIRouter(
        prefix=prefix,
        route_class=StrictRoute,
        tags=[tag],
        responses=dict(responses),
        generate_unique_id_function=operation_id,
    )


def _invalid(faults: Sequence[Mapping[str, Any]]) -> Response:
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "; ".join(_told(one) for one in faults[:_MOST_TOLD]),
        kind="urn:xlrec:invalid-request",
    )


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _told(fault: Mapping[str, Any]) -> str:
    """One fault, as `history.0.item: Field required`, without the value that was sent."""
    # Of a union, pydantic names the kind that it tried: `InteractionAsked`, `constrained-str`.
    parts = [str(part) for part in fault["loc"] if isinstance(part, int) or str(part).islower()]
    place = ".".join(part for part in parts if part.isidentifier() or part.isdecimal())
    place = place.removeprefix("body").removeprefix(".") or "the body"
    return f"{place}: {fault['msg']}"


async def _refused(_request: Request, error: Exception) -> Response:
    """No such path or method, say."""
    assert isinstance(error, HTTPException)
    return refusal_of(error, f"{error.detail}; see /docs")


HANDLERS: dict[int | type[Exception], Any] = {
    HTTPException: _refused,
    Exception: failed,
}
"""What turns errors into problems outside of the routes."""


def written(
    answer: object, status: int = HTTPStatus.OK, *, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer as JSON: the library's dataclasses as they are.

    Args:
        answer: What JSON holds, and dataclasses.
        status: Of the answer.
        headers: Further ones.
    """
    return Response(
        orjson.dumps(answer), status, {**NO_STORE, **(headers or {})}, "application/json"
    )
