"""Whether an index's documents can be written again from what it gives back.

A partial update and a copy write a document whole, from its `_source`. What that does not have,
because the index leaves it out or puts the document together again, is gone afterwards: it is
searched no more. What Elasticsearch makes of the `_source` at each write is made again, such as
multi-fields, copies (`copy_to`) and fields of a script, and so is no reason to refuse; vectors,
which are left out of what is read from 9.2 on, are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexUnusable
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.mapped_fields import MappedField, as_tuple, mapped_fields, some
from xlrec_es.index.mapping import load_mapping

_SYNTHETIC_MODES = ("logsdb", "time_series")
_SEARCHES = 100  # in a multi-search
_LOOKED_AT = 10  # documents for each field
# Types whose values can be had from the `_source` alone, and asked for by `exists`.
_COMPARED = frozenset(
    (
        *("boolean", "byte", "date", "date_nanos", "double", "float", "geo_point", "half_float"),
        *("integer", "ip", "keyword", "long", "match_only_text", "scaled_float", "short", "text"),
        *("search_as_you_type", "unsigned_long", "wildcard"),
    )
)


def check_rewritable(
    client: Elasticsearch, name: str, *, under_their_versions: bool = False
) -> None:
    """See that documents can be written again, before the first one is.

    Args:
        client: Of the cluster.
        name: An index, or an alias of one; nothing is said of one that is not there.
        under_their_versions: Whether they are to keep their versions, by
            `xlrec_es.index.rewriting`.

    Raises:
        IndexUnusable: They would lose fields, which are named; or not keep their versions.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        found = client.indices.get(index=name, expand_wildcards="open", flat_settings=True).body
    for index, body in found.items():
        if under_their_versions:
            _check_pipeline(index, body["settings"])
        check_source(index, body)
        check_values(client, index, body)


def check_given_back(client: Elasticsearch, name: str, fields: Collection[str]) -> None:
    """See that some fields of `xlrec` are in the documents, for who takes them over from there.

    Args:
        client: Of the cluster.
        name: An index, or an alias of one.
        fields: Names in the object `xlrec`.

    Raises:
        IndexUnusable: The `_source` leaves some out.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        found = client.indices.get_mapping(index=name).body
    for index, body in found.items():
        paths = (f"{OWN_FIELD}.{field}" for field in fields)
        if lost := [path for path in paths if _is_left_out(path, body["mappings"])]:
            raise _unusable(index, f"its _source leaves out {some(lost)}")


def check_source(index: str, body: Mapping[str, Any]) -> None:
    """See what the settings and mappings say of it.

    Args:
        index: Its name.
        body: `mappings` and flat `settings`.

    Raises:
        IndexUnusable: As for `check_rewritable`.
    """
    if reason := why_incomplete(body):
        raise _unusable(index, reason)


def check_values(client: Elasticsearch, index: str, body: Mapping[str, Any]) -> None:
    """See that fields have in the `_source` what they are found by.

    A few documents of each field are looked at. It is other where a mapping was changed after
    documents were written: they are found by copies that would not be made again.

    Args:
        client: Of the cluster.
        index: A physical index.
        body: See `check_source`.

    Raises:
        IndexUnusable: As for `check_rewritable`.
        ClusterError: The cluster does not answer, or refuses.
    """
    if lost := list(_not_in_source(client, index, body["mappings"])):
        reason = (
            f"documents are found by {some(lost)} and do not have it in their _source, as where "
            "copy_to was changed after they were written"
        )
        raise _unusable(index, reason)


def _check_pipeline(index: str, settings: Mapping[str, Any]) -> None:
    pipeline = settings.get("index.final_pipeline") or "_none"  # null where it was declined
    if pipeline != "_none":
        raise IndexUnusable(
            f"{index} has a final pipeline, {pipeline}, through which Elasticsearch sends each "
            "document that is written under the version that it has; it would be changed a second "
            f"time, so nothing was written. {_companion(index)}"
        )


def _companion(index: str) -> str:
    return f"Have an index beside it: xlrec-ingest run index:{index} --companion"


def _unusable(index: str, reason: str) -> IndexUnusable:
    return IndexUnusable(
        f"{index} does not give back all that was written into it: {reason}. Writing its "
        "documents again, as this would, destroys that, so nothing was written. "
        f"{_companion(index)}. Or create it again, from where its documents come from, with their "
        "whole _source"
    )


def why_incomplete(body: Mapping[str, Any]) -> str:
    """What of its documents an index does not give back; empty if it is all there.

    Args:
        body: `mappings` and flat `settings`.
    """
    mappings, settings = body.get("mappings", {}), body.get("settings", {})
    mode = _mode(mappings.get("_source", {}), settings)
    if mode == "disabled":
        return "it does not store documents (_source is disabled)"
    kept = settings.get("index.mapping.synthetic_source_keep", "none")
    fields = [f for f in (*mapped_fields(mappings, kept=kept), *_ours(mappings)) if not f.of]
    if mode == "synthetic":
        # All that it keeps exactly is what is kept with `all`, whatever its type.
        lost = [f.path for f in fields if f.kept != "all" and not _is_own(f.path)]
        what = "its _source is synthetic, which reorders and rounds values and leaves some out"
        return f"{what}: {some(lost)}" if lost else ""
    lost = [f.path for f in fields if _is_left_out(f.path, mappings)]
    what = "its _source leaves out (by excludes or includes)"
    return f"{what} {some(lost)}" if lost else ""


def left_out_fields(body: Mapping[str, Any]) -> list[str]:
    """The user's fields that the `_source` of an index leaves out."""
    mappings = body.get("mappings", {})
    return [
        field.path
        for field in mapped_fields(mappings)
        if not field.of and _is_left_out(field.path, mappings) and not _is_own(field.path)
    ]


def _mode(source: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """How documents are stored: `stored`, `synthetic` or `disabled`."""
    if source.get("enabled") in (False, "false"):
        return "disabled"
    explicit = settings.get("index.mapping.source.mode") or source.get("mode")
    if explicit:
        return str(explicit).lower()
    return "synthetic" if settings.get("index.mode") in _SYNTHETIC_MODES else "stored"


def _ours(mappings: Mapping[str, Any]) -> Iterator[MappedField]:
    """The fields of `xlrec` where the index does not have them yet."""
    if OWN_FIELD not in mappings.get("properties", {}):
        yield from mapped_fields(load_mapping()["mappings"])


def _is_own(path: str) -> bool:
    return path.partition(".")[0] == OWN_FIELD


def _is_left_out(path: str, mappings: Mapping[str, Any]) -> bool:
    """Whether the filter of `_source` takes a field away; `a` in it stands for `a.b`, too."""
    source = mappings.get("_source", {})
    includes, excludes = as_tuple(source.get("includes")), as_tuple(source.get("excludes"))
    return bool(includes and not _matches(path, includes)) or _matches(path, excludes)


def _matches(path: str, patterns: Sequence[str]) -> bool:
    expressions = (".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return any(re.fullmatch(rf"{expression}(\..*)?", path, re.DOTALL) for expression in expressions)


def _not_in_source(client: Elasticsearch, index: str, mappings: Mapping[str, Any]) -> Iterator[str]:
    """Fields that documents are found by, and do not have."""
    fields = [
        field.path
        for field in mapped_fields(mappings)
        # What is nested is fetched with its object, and what a script makes is no one's to keep.
        if field.type in _COMPARED and not (field.of or field.nested or "script" in field.mapping)
    ]
    for start in range(0, len(fields), _SEARCHES):
        asked = fields[start : start + _SEARCHES]
        searches: list[dict[str, Any]] = []
        for path in asked:
            query = {"bool": {"filter": [{"exists": {"field": path}}]}}
            body = {"query": query, "size": _LOOKED_AT, "fields": [path], "_source": False}
            searches += [{}, {**body, "track_total_hits": False}]
        with friendly_errors(client):
            answers = client.msearch(index=index, searches=searches)["responses"]
        for path, answer in zip(asked, answers, strict=True):
            hits = answer.get("hits", {}).get("hits", [])
            if any(path not in hit.get("fields", {}) for hit in hits):
                yield path
