"""Bodies are read before anything is asked, and faults of theirs are told."""

from __future__ import annotations

from typing import Any

import pytest

from asgi import asked
from xlrec_es.cluster.connection import Connection
from xlrec_es.service.application import make
from xlrec_es.service.settings import Settings
from xlrec_es.service.web.access import AccessRules

NOWHERE = Settings(("shop",), Connection("http://localhost:1"), AccessRules("127.0.0.1"))


def answered(path: str, content: bytes, kind: str = "application/json") -> tuple[int, Any]:
    """The status and the sentence of an answer, of a service that asks no Elasticsearch."""
    answer = asked(make(NOWHERE), "POST", path, content, {"content-type": kind})
    return answer.status, answer.json["detail"]


@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/placements/home/rollback"])
def test_without_a_body(path: str) -> None:
    assert answered(path, b"") == (422, "the body: Field required")


@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/placements/home/rollback"])
def test_what_is_no_json(path: str) -> None:
    status, told = answered(path, b"{")
    assert (status, told[:20]) == (400, "the body is not JSON")
    assert answered(path, b"{}", "text/plain")[0] == 415


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[]", "the body: Input should be"),
        (b"null", "the body: Input should be"),
        (b'{"size": "3"}', "size: Input should be a valid integer"),
        (b'{"history": [{}]}', "history.0.item: Field required"),
        (b'{"options": {"fuss": 1}}', "options.fuss: Extra inputs are not permitted"),
        (b'{"options": {"caps": {"brand": true}}}', "options.caps.brand: Input should be"),
    ],
)
def test_what_does_not_fit(body: bytes, told: str) -> None:
    status, sentence = answered("/v1/recommend", body)
    assert status == 422
    assert told in sentence
