"""Which Elasticsearch queries callers may send as filters and boosts. Pure.

Others can run scripts, read another index's documents, or be written so that they take minutes:
https://www.elastic.co/docs/reference/query-languages/querydsl#query-dsl-allow-expensive-queries
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from xlrec_es.errors import UsageError

_SIMPLE = frozenset(
    (
        *("exists", "fuzzy", "geo_bounding_box", "geo_distance", "ids", "match", "match_all"),
        *("match_none", "match_phrase", "multi_match", "prefix", "range", "term", "terms"),
        *("terms_set", "wildcard"),
    )
)
_INNER: Mapping[str, frozenset[str]] = {
    "bool": frozenset(("must", "should", "must_not", "filter")),
    "boosting": frozenset(("positive", "negative")),
    "constant_score": frozenset(("filter",)),
    "dis_max": frozenset(("queries",)),
    "nested": frozenset(("query",)),
}
"""Queries that hold others, and under which names."""

MOST_FUZZY = 100
"""Fuzzy terms of the queries of one request; Elasticsearch counts half a megabyte for each.

A list takes several searches, each with all of them, and a node of 512 MiB has room for 600.
"""

_LOOKUP = frozenset(("index", "id", "path"))
_DEEPEST = 20
_SETTINGS = frozenset(
    (
        *("_name", "boost", "distance", "distance_type", "ignore_unmapped", "type"),
        "validation_method",
    )
)
"""What stands beside the field of a query."""


def check_query(query: object, *, depth: int = 0) -> None:
    """Refuse a query that a caller from outside should not send.

    Args:
        query: As it came.
        depth: How many queries hold it.

    Raises:
        UsageError: It is of a kind that is not allowed, has a script, or looks up another index.
    """
    if not isinstance(query, Mapping) or len(query) != 1:
        raise UsageError('a query is an object with one key, such as {"term": {"brand": "acme"}}')
    if depth > _DEEPEST:
        raise UsageError(f"a query is nested more than {_DEEPEST} levels deep; make it flat")
    [(kind, body)] = query.items()
    if kind not in _SIMPLE and kind not in _INNER:
        known = ", ".join(sorted(_SIMPLE | set(_INNER)))
        raise UsageError(f"queries of the kind {kind!r} are not taken; use one of {known}")
    if not isinstance(body, Mapping):
        raise UsageError(f"the body of {kind!r} is an object")
    if kind in _INNER:
        for inner in _inner(kind, body):
            check_query(inner, depth=depth + 1)
    else:
        _check_simple(kind, body)


def _inner(kind: str, body: Mapping[str, Any]) -> Iterator[object]:
    for name, value in body.items():
        if name in _INNER[kind]:
            yield from value if isinstance(value, list) else [value]
        elif isinstance(value, Mapping | list):  # inner_hits, which may have scripts
            raise UsageError(f"{name!r} of {kind!r} is not taken; leave it out")


def _check_simple(kind: str, body: Mapping[str, Any]) -> None:
    of_fields = [value for value in body.values() if isinstance(value, Mapping)]
    if kind == "terms" and any(_LOOKUP & set(value) for value in of_fields):
        raise UsageError("terms of another index's document are not taken; list the values")
    if any("minimum_should_match_script" in value for value in of_fields):
        raise UsageError("scripts are not taken; use minimum_should_match_field")


def check_fuzzy_terms(queries: Iterable[Mapping[str, Any]]) -> None:
    """Refuse queries that Elasticsearch has no memory for.

    Args:
        queries: Those of one request; `check_query` lets each pass.

    Raises:
        UsageError: They have too many fuzzy terms.
    """
    count = sum(map(_fuzzy_terms, queries))
    if count > MOST_FUZZY:
        raise UsageError(
            f"filters, boosts and buries have {count} fuzzy terms, each of which takes much of "
            f"Elasticsearch's memory; use at most {MOST_FUZZY}, or term and prefix in their place"
        )


def _fuzzy_terms(query: Mapping[str, Any]) -> int:
    """How many words are looked for in other spellings, too."""
    [(kind, body)] = query.items()
    if kind in _INNER:
        return sum(_fuzzy_terms(one) for one in _inner(kind, body) if isinstance(one, Mapping))
    if kind == "fuzzy":
        return 1
    if kind == "multi_match" and "fuzziness" in body:
        return len(str(body.get("query")).split()) * max(1, len(body.get("fields", ())))
    if kind == "match":
        fuzzy = [one for one in body.values() if isinstance(one, Mapping) and "fuzziness" in one]
        return sum(len(str(one.get("query")).split()) for one in fuzzy)
    return 0


def fields_of(query: Mapping[str, Any]) -> frozenset[str]:
    """The fields that a query asks, without those that it names by a pattern.

    Args:
        query: One that `check_query` lets pass.
    """
    [(kind, body)] = query.items()
    if kind in _INNER:
        parts = [fields_of(one) for one in _inner(kind, body) if isinstance(one, Mapping)]
        path = [body["path"]] if kind == "nested" and isinstance(body.get("path"), str) else []
        return frozenset(path).union(*parts)
    if kind in ("match_all", "match_none", "ids"):
        return frozenset()
    if kind == "exists":
        named = [body.get("field")]
    elif kind == "multi_match":
        named = [str(field).partition("^")[0] for field in body.get("fields", ())]
    else:
        named = [name for name in body if name not in _SETTINGS]
    return frozenset(name for name in named if isinstance(name, str) and "*" not in name)
