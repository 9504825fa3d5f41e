"""Indices that results are added to, one document for each row, for Kibana to draw."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import explained, friendly_errors, root_cause
from xlrec_es.errors import ClusterError

_TEMPLATES = [
    {"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}},
    # Without this they are floats of 32 bits, which are not the numbers that were measured.
    {"decimals": {"match_mapping_type": "double", "mapping": {"type": "double"}}},
]
_BATCH = 500
_LONGEST = 8191
"""Characters of a text: a keyword holds 32,766 bytes, and a character takes up to four."""


@dataclass(frozen=True, slots=True)
class Row:
    """A document that is added.

    Attributes:
        id: Its own, so that a request that is sent again adds nothing twice.
        fields: Of the document.
    """

    id: str
    fields: Mapping[str, Any]


def row_id(*parts: object) -> str:
    """An id that these parts alone have."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()


def prepare(client: Elasticsearch, index: str, types: Mapping[str, str]) -> None:
    """Make the index, or give it the fields that it lacks; before hours of work, to say so then.

    Args:
        client: Of the cluster.
        index: Index, alias or data stream.
        types: Elasticsearch's type of fields, by name; of others, texts are keywords, and decimals
            are double.

    Raises:
        ClusterError: The cluster does not answer, or refuses the index; or results do not go into
            it.
    """
    properties = {name: {"type": kind} for name, kind in types.items()}
    mappings = {"dynamic_templates": _TEMPLATES, "properties": properties}
    with friendly_errors(client):
        made = client.options(ignore_status=HTTPStatus.BAD_REQUEST).indices.create(
            index=index, mappings=mappings
        )
        if "error" in made:
            _complete(client, index, mappings, why_not_made=root_cause(made["error"]))


def add(
    client: Elasticsearch, index: str, rows: Sequence[Row], *, types: Mapping[str, str]
) -> None:
    """Add documents to an index, which is prepared first: it may have gone meanwhile.

    Args:
        client: Of the cluster.
        index: Index, alias or data stream.
        rows: What is added.
        types: See `prepare`.

    Raises:
        ClusterError: The cluster does not answer, or refuses the index or a document.
    """
    prepare(client, index, types)
    with friendly_errors(client):
        for start in range(0, len(rows), _BATCH):
            _write(client, index, rows[start : start + _BATCH])


def _complete(
    client: Elasticsearch,
    index: str,
    mappings: Mapping[str, Any],
    *,
    why_not_made: Mapping[str, Any],
) -> None:
    """Give an index that an earlier version made the fields that it lacks.

    A key that may add documents alone may not look. It need not where this version made the index.
    """
    passed = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
    known = client.options(ignore_status=passed).indices.get_mapping(index=index)
    if known.meta.status == HTTPStatus.FORBIDDEN:
        return
    if known.meta.status != HTTPStatus.OK:
        raise ClusterError(f"cannot make the index {index}: {explained(why_not_made)}")
    if any("xlrec" in one["mappings"].get("_meta", {}) for one in known.body.values()):
        raise ClusterError(
            f"{index} is an index of items, into which no results go; name another index for them"
        )
    wanted = mappings["properties"]
    if all(wanted.items() <= _types(one["mappings"]).items() for one in known.body.values()):
        return
    said = client.options(ignore_status=passed[:1]).indices.put_mapping(index=index, **mappings)
    if "error" in said:
        raise ClusterError(
            f"{index} has fields of other types than results need "
            f"({explained(root_cause(said['error']))}); name another index, or delete this one"
        )


def _types(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The fields of a mapping by their dotted names."""
    found: dict[str, Any] = {}
    for name, field in mapping.get("properties", {}).items():
        found |= {f"{prefix}{name}": field, **_types(field, f"{prefix}{name}.")}
    return found


def _write(client: Elasticsearch, index: str, rows: Sequence[Row]) -> None:
    operations: list[Mapping[str, Any]] = []
    for row in rows:
        # `create`: data streams take nothing else.
        operations += [{"create": {"_id": row.id}}, dict(_bounded(row.fields))]
    answer = client.bulk(index=index, operations=operations, refresh=True)
    said = [item["create"] for item in answer["items"]]
    refused = [
        one["error"] for one in said if "error" in one and one["status"] != HTTPStatus.CONFLICT
    ]
    if refused:
        raise ClusterError(
            f"{index} does not take the results: {explained(root_cause(refused[0]))}"
        )


def _bounded(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields, with texts that a keyword can hold."""
    for name, value in fields.items():
        yield name, value[:_LONGEST] if isinstance(value, str) else value
