"""`openapi.json` has names and types that generators of clients can use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from xlrec_es.cluster.connection import Connection
from xlrec_es.service.application import make
from xlrec_es.service.settings import Settings
from xlrec_es.service.web.access import AccessRules


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    settings = Settings(("shop",), Connection("http://localhost:1"), AccessRules("127.0.0.1"))
    return make(settings).openapi()


def within(node: object) -> Iterator[dict[str, Any]]:
    """Every object that there is, whatever it describes."""
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from within(part)


def test_operations_have_short_names_of_their_own(described: dict[str, Any]) -> None:
    names = {
        path: operation["operationId"]
        for path, operations in described["paths"].items()
        for operation in operations.values()
    }
    assert names["/v1/recommend"] == "recommend"
    assert names["/v1/recommend/batch"] == "recommend_batch"
    assert names["/v1/events"] == "send_events"
    assert names["/v1/indices"] == "list_indices"
    assert len(set(names.values())) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)?", name) for name in names.values())


def test_numbers_are_of_double_precision(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    numbers = [one for one in within(schemas) if one.get("type") == "number"]
    assert schemas["ItemGiven"]["properties"]["score"] in numbers
    assert {one.get("format") for one in numbers} == {"double"}


def test_unions_alone_have_titles_to_be_named_after(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    fields = [field for one in schemas.values() for field in one["properties"].values()]
    titled = {one["title"] for field in fields for one in within(field) if "title" in one}
    assert titled == {"BuriedItem", "HistoryItem", "Languages", "Shown"}
    # A field may be called so, all the same.
    assert schemas["ReasonGiven"]["properties"]["title"]["anyOf"][0] == {"type": "string"}


def test_a_token_is_described_and_not_always_needed(described: dict[str, Any]) -> None:
    schemes = described["components"]["securitySchemes"]
    assert schemes == {"token": {"type": "http", "scheme": "bearer"}}
    assert described["security"] == [{}, {"token": []}]


def test_it_is_made_once_and_tells_where_it_was_had(described: dict[str, Any]) -> None:
    settings = Settings(("shop",), Connection("http://localhost:1"), AccessRules("127.0.0.1"))
    app = make(settings)
    assert app.openapi() is app.openapi()
    assert app.openapi() == described
    assert described["servers"] == [{"url": "/"}]
