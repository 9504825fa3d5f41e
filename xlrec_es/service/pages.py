"""What browsers are shown: the page at `/`, its files, and the reference at `/docs`."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from importlib import resources
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from xlrec_es.service.api.routing import MEANINGS

_HTML = "text/html; charset=utf-8"
_SCRIPTS = ("app.js", "service.js", "side.js", "state.js", "user.js", "view.js")
_FILES = {
    "/": ("index.html", _HTML),
    "/page/icon.svg": ("icon.svg", "image/svg+xml"),
    "/page/style.css": ("style.css", "text/css; charset=utf-8"),
    **{f"/page/{name}": (name, "text/javascript; charset=utf-8") for name in _SCRIPTS},
}
PATHS = (*_FILES, "/docs")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked each time, and answered with 304 while nothing changed.
    "Cache-Control": "no-cache",
}


def add_to(app: FastAPI) -> None:
    """Give an application its pages."""
    for path, (name, media_type) in _FILES.items():
        content = resources.files(__package__).joinpath("page", name).read_bytes()
        shown = partial(_shown, content=content, media_type=media_type)
        app.add_route(path, shown, methods=["GET"], include_in_schema=False)

    def docs(request: Request) -> Response:
        content = reference(app.openapi(), MEANINGS).encode()
        return _shown(request, content=content, media_type=_HTML)

    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)


def _shown(request: Request, *, content: bytes, media_type: str) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = {**_HEADERS, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


def reference(schema: Mapping[str, Any], errors: Mapping[int, str]) -> str:
    """The endpoints of an OpenAPI schema as one HTML page, without a script.

    Args:
        schema: The schema.
        errors: What statuses mean.
    """
    return "\n".join(_reference(schema, errors))


def _reference(schema: Mapping[str, Any], errors: Mapping[int, str]) -> Iterator[str]:
    info = schema["info"]
    yield "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
    yield "<meta name='viewport' content='width=device-width, initial-scale=1'>"
    yield f"<title>{html.escape(info['title'])} API</title>"
    yield "<link rel='icon' href='/page/icon.svg'>"
    yield "<link rel='stylesheet' href='/page/style.css'></head><body class='docs'><main>"
    yield f"<h1>{html.escape(info['title'])} API {html.escape(info['version'])}</h1>"
    yield f"<p>{html.escape(info['summary'])}</p>"
    yield "<p>For programs: <a href='/openapi.json'>openapi.json</a></p>"
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield from _operation(f"{method.upper()} {path}", operation)
    yield "<h2 id='errors'>Errors</h2>"
    yield "<p>They are problem details (RFC 9457): <a href='#ProblemGiven'>ProblemGiven</a></p>"
    yield _head("status", "meaning")
    for status, told in errors.items():
        yield _row((str(status), html.escape(told)))
    yield "</tbody></table><h2>Objects</h2>"
    for name, one in schema["components"]["schemas"].items():
        yield from _object(name, one)
    yield "</main></body></html>"


def _operation(title: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2>{html.escape(title)}</h2><p>{html.escape(operation.get('description', ''))}</p>"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "schema" in body:
        yield f"<p>Body: {_type(body['schema'])}</p>"
    for status, answer in operation["responses"].items():
        if int(status) < HTTPStatus.BAD_REQUEST:
            content: Mapping[str, Any] = next(iter(answer.get("content", {}).values()), {})
            yield f"<p>Answer {status}: {_type(content.get('schema', {}))}</p>"
    errors = [status for status in operation["responses"] if int(status) >= HTTPStatus.BAD_REQUEST]
    if errors:
        yield f"<p><a href='#errors'>Errors</a>: {', '.join(errors)}</p>"


def _object(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h3 id='{html.escape(name)}'>{html.escape(name)}</h3>"
    yield f"<p>{html.escape(one.get('description', ''))}</p>"
    yield _head("field", "type", "default", "meaning")
    for field, of in one.get("properties", {}).items():
        default = "required" if field in one.get("required", ()) else json.dumps(of.get("default"))
        cells = (field, _type(of), html.escape(default), html.escape(of.get("description", "")))
        yield _row(cells)
    yield "</tbody></table>"


def _head(*names: str) -> str:
    cells = "".join(f"<th scope='col'>{name}</th>" for name in names)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>"


def _row(cells: Iterable[str]) -> str:
    """A row of cells that are HTML."""
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return html.escape(" or ".join(json.dumps(value) for value in schema["enum"]))
    if "$ref" in schema:
        name = html.escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    values = schema.get("additionalProperties")
    if schema.get("type") == "object" and isinstance(values, Mapping):
        return f"object of {_type(values)}"
    return html.escape(str(schema.get("type", "any")))
