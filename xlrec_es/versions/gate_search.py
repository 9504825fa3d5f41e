"""Whether searches find in a new version what they find in the live one.

Documents that look alike in their `_source` may be found by other words: fields may be searched
that no `_source` has. So sampled words are searched for, in every field.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.mapped_fields import MappedField, mapped_fields, some
from xlrec_es.versions.gate_checks import Check, sample

_DOCUMENTS = 200
_WORDS = 40  # that are searched for in every field
_VALUES = 10  # of a field's own
_FIELDS = 200
_SEARCHES = 50  # in a multi-search
_LONGEST = 256  # characters of a value that is searched for whole
# Types of which it cannot be asked whether a document has a value, or which have none of their own.
_NOT_SEARCHED = frozenset(
    ("alias", "completion", "constant_keyword", "join", "percolator", "rank_feature")
) | {"rank_features", "rank_vectors", "semantic_text", "sparse_vector"}
# Those that words and values are searched for in.
_CUT = frozenset(("match_only_text", "search_as_you_type", "text"))
_MATCHED = _CUT | frozenset(
    (
        *("boolean", "byte", "date", "date_nanos", "double", "flattened", "float", "half_float"),
        *("integer", "ip", "keyword", "long", "scaled_float", "short", "unsigned_long", "version"),
        "wildcard",
    )
)

_Found = Mapping[tuple[str, str | None], tuple[int, frozenset[str]]]
"""By id and routing of a document: its version, and what of it was found."""


def check_search(client: Elasticsearch, source: str, target: str) -> Check:
    """Search both for sampled words and values, in each of the user's fields that is as before.

    Compared are sampled documents that did not change meanwhile.

    Args:
        client: Of the cluster.
        source: The index that was copied.
        target: The copy, refreshed.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    hits = sample(client, target, _DOCUMENTS, source=scan.whole_source(client))
    fields = _fields_of_both(client, source, target)
    words = [word for hit in hits for text in _texts(hit["_source"]) for word in text.split()]
    questions = [_question(field, hits, _some(words, _WORDS)) for field in fields]
    before, after = (_search(client, index, questions) for index in (source, target))
    different: dict[str, str] = {}
    compared = terms = 0
    for field, old, new in zip(fields, before, after, strict=True):
        compared += bool(old)
        for document, (version, found) in old.items():
            there = new.get(document)
            if there is None or there[0] != version:
                continue  # deleted, or written, meanwhile
            terms += len(found)
            if found != there[1]:
                different.setdefault(field.path, document[0])
    message = (
        f"{len(different)} of {compared} fields are found otherwise; in the live version {terms} "
        "sampled words and values were found in them"
    )
    if different:
        id_ = next(iter(different.values()))
        message += f". They are {some(different)}, as in document {id_!r}"
    return Check("search", not different, message)


def _fields_of_both(client: Elasticsearch, source: str, target: str) -> list[MappedField]:
    """The user's fields that both have alike; of very many, some at random."""
    with friendly_errors(client):
        bodies = [
            client.indices.get(index=index, flat_settings=True)[index] for index in (source, target)
        ]
    old, new = ({f.path: f for f in mapped_fields(body["mappings"])} for body in bodies)
    analysis = [
        {name: value for name, value in body["settings"].items() if "index.analysis." in name}
        for body in bodies
    ]
    both = [
        field
        for path, field in old.items()
        if field == new.get(path)
        and field.type not in _NOT_SEARCHED
        and path.partition(".")[0] != OWN_FIELD
        # Words may be cut otherwise by an analyzer that was changed.
        and (analysis[0] == analysis[1] or not _is_cut(field))
    ]
    return both if len(both) <= _FIELDS else random.sample(both, _FIELDS)


def _is_cut(field: MappedField) -> bool:
    return field.type in _CUT or "normalizer" in field.mapping


def _question(field: MappedField, hits: Sequence[scan.Hit], words: Sequence[str]) -> dict[str, Any]:
    """A search for the sampled documents that says of each what was found in it."""
    path = field.path
    looked_for: list[dict[str, Any]] = [{"exists": {"field": path}}]
    if field.type in _MATCHED and field.mapping.get("index", True):
        values = [v for hit in hits for v in _values(hit["_source"], field.of or path)]
        looked_for += [
            {"match": {path: {"query": value, "lenient": True}}}
            for value in (*_some(values, _VALUES), *words)
        ]
    named = [
        {"bool": {"filter": [_within(field, query)], "_name": str(number)}}
        for number, query in enumerate(looked_for)
    ]
    ids = {"ids": {"values": [hit["_id"] for hit in hits]}}
    return {
        "query": {"bool": {"filter": [ids], "should": named, "minimum_should_match": 0}},
        "size": 2 * _DOCUMENTS,  # an id may be several documents', by their routings
        "_source": False,
        "version": True,
    }


def _within(field: MappedField, query: dict[str, Any]) -> dict[str, Any]:
    return {"nested": {"path": field.nested, "query": query}} if field.nested else query


def _some(values: Sequence[Any], most: int) -> list[Any]:
    unique = list(dict.fromkeys(values))
    return unique if len(unique) <= most else random.sample(unique, most)


def _values(source: Any, path: str) -> Iterator[Any]:  # noqa: ANN401 - whatever JSON holds
    """What can be searched for of the values at a dotted path, in whatever lists they are."""
    if isinstance(source, list):
        for one in source:
            yield from _values(one, path)
    elif not path:
        is_text = isinstance(source, str) and 0 < len(source) <= _LONGEST
        if is_text or isinstance(source, bool | int | float):
            yield source
    elif isinstance(source, Mapping):
        for name, inner in source.items():
            if path == name or path.startswith(f"{name}."):
                yield from _values(inner, path[len(name) + 1 :])


def _texts(source: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    """All texts of a document, of `xlrec` too: it may have what no other field has."""
    if isinstance(source, str):
        yield source[:_LONGEST]
    elif isinstance(source, list | Mapping):
        for inner in source.values() if isinstance(source, Mapping) else source:
            yield from _texts(inner)


def _search(
    client: Elasticsearch, index: str, questions: Sequence[Mapping[str, Any]]
) -> Iterator[_Found]:
    """What each question found; nothing where Elasticsearch cannot answer it."""
    for start in range(0, len(questions), _SEARCHES):
        searches = [part for one in questions[start : start + _SEARCHES] for part in ({}, one)]
        with friendly_errors(client):
            answers = client.msearch(index=index, searches=searches)["responses"]
        for answer in answers:
            yield {
                scan.key_of(hit): (
                    hit["_version"],
                    frozenset(hit.get("matched_queries", ())),
                )
                for hit in answer.get("hits", {}).get("hits", [])
            }
