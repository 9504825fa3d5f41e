"""`openapi.json`, as generators of clients want it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute


class DescribedApp(FastAPI):
    """An application whose description makes good names and types in any language."""

    def openapi(self) -> dict[str, Any]:
        """See `FastAPI.openapi`, which makes the description once."""
        if self.openapi_schema is None:
            _complete(super().openapi())
        return super().openapi()


def operation_id(route: APIRoute) -> str:
    """The name of a route: what clients call its method."""
    return route.name


def _complete(description: dict[str, Any]) -> None:
    """Make fields good to read by programs, and tell of the token."""
    components = description["components"]
    for schema in components["schemas"].values():
        for field in schema.get("properties", {}).values():
            _tidy(field)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    description["security"] = [{}, {"token": []}]  # on localhost none is needed


def _tidy(schema: dict[str, Any]) -> None:
    """Leave out titles that repeat a field's name, and say how precise numbers are.

    The title of a union stays: generators name its type after it. Without a format, those of some
    languages take single precision, or an arbitrary one.
    """
    several = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(several) <= 1:
        schema.pop("title", None)
    if schema.get("type") == "number":
        schema["format"] = "double"
    for part in _parts(schema):
        _tidy(part)


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas within one, but for those it only names."""
    yield from schema.get("anyOf", ())
    yield from schema.get("patternProperties", {}).values()
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield schema[name]
