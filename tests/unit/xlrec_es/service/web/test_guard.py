"""What stands before every service."""

from __future__ import annotations

import pytest
from starlette.types import ASGIApp

from asgi import asked
from xlrec_es.cluster.connection import Connection
from xlrec_es.service.application import Application
from xlrec_es.service.settings import Settings
from xlrec_es.service.web.access import AccessRules


@pytest.fixture(scope="module")
def app() -> ASGIApp:
    return Application(
        Settings(("shop",), Connection("http://localhost:1"), AccessRules("127.0.0.1"))
    )()


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/openapi.json", "/", "/docs"])
def test_head_is_get_without_a_body(app: ASGIApp, path: str) -> None:
    got, headed = asked(app, "GET", path), asked(app, "HEAD", path)
    assert (headed.status, headed.content) == (got.status, b"") == (200, b"")
    assert headed.headers["content-type"] == got.headers["content-type"]
    assert int(headed.headers["content-length"]) > 0
    assert got.content


def test_head_of_what_cannot_be_got_is_refused(app: ASGIApp) -> None:
    assert asked(app, "HEAD", "/v1/recommend").status == 405
    assert asked(app, "HEAD", "/nothing").status == 404
    assert asked(app, "HEAD", "/v1/indices", headers={"host": "evil.example"}).status == 421
