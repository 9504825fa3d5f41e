"""What is asked of documents whose ids are known, and what their hits hold. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xlrec_es.errors import SearchFailed
from xlrec_es.languages import is_tag
from xlrec_es.recommend.recommendations import Vector

ID_FIELD = "xlrec.id"
WORK_FIELD = "xlrec.work"
LANGUAGE_FIELD = "xlrec.language"
VECTOR_FIELD = "xlrec.embedding"
INDICATORS_FIELD = "xlrec.indicators"
POPULARITY_FIELD = "xlrec.popularity"
MARKET_POPULARITY_FIELD = "xlrec.market_popularity"

MAX_HITS = 10_000
"""Elasticsearch's own `index.max_result_window`, and its limit for `num_candidates`."""


def history_body(
    items: Sequence[str], *, title: str | None, vectors: bool = True, binary: bool = False
) -> dict[str, Any]:
    """The search for the documents of a history.

    Args:
        items: Ids of documents or works.
        title: The user's field that holds the title.
        vectors: Whether their vectors are wanted.
        binary: See `live_index.LiveIndex.has_binary_vectors`.
    """
    return {
        "query": {
            "bool": {
                "should": [{"ids": {"values": list(items)}}, {"terms": {WORK_FIELD: list(items)}}],
                "minimum_should_match": 1,
                # An index that was there before may have documents that this program left alone.
                "filter": [{"exists": {"field": WORK_FIELD}}],
            }
        },
        "size": MAX_HITS,
        "_source": [title] if title else False,
        **fields_of_hits([WORK_FIELD, LANGUAGE_FIELD], [VECTOR_FIELD] * vectors, binary=binary),
        "track_total_hits": False,
    }


def fields_of_hits(
    columns: Sequence[str], read: Sequence[str] = (), *, binary: bool = False
) -> dict[str, Any]:
    """What of each hit comes back.

    Args:
        columns: Keyword fields, which are there as columns: reading any field otherwise means to
            read and parse the whole source of each document.
        read: Other fields. Vectors are no part of the source on 9.2 and later, and are always to
            be had as a field.
        binary: Vectors as bytes, in base64.
    """
    wanted: list[Any] = list(columns)
    if binary and VECTOR_FIELD in read:
        wanted.append({"field": VECTOR_FIELD, "format": "binary"})
        read = [name for name in read if name != VECTOR_FIELD]
    return {
        **({"docvalue_fields": wanted} if wanted else {}),
        **({"fields": list(read)} if read else {}),
    }


def pack(vector: Vector) -> str:
    """Base64 of big-endian float32: in documents from 9.3, in queries from 9.4."""
    return base64.b64encode(vector.astype(">f4").tobytes()).decode()


def vector_of(hit: Mapping[str, Any]) -> Vector | None:
    """The vector of a hit, shape (dims,), if it was asked for and there is one."""
    value = hit.get("fields", {}).get(VECTOR_FIELD)
    if value is None:
        return None
    if isinstance(value[0], str):
        return np.frombuffer(base64.b64decode(value[0]), ">f4").astype(np.float32)
    return np.asarray(value, np.float32)


def seen_body(items: Sequence[str]) -> dict[str, Any]:
    """The search for the works of items that say nothing: they are left out of lists, and no more.

    Args:
        items: Ids of documents or works.
    """
    return history_body(items, title=None, vectors=False)


def details_body(
    ids: Sequence[str],
    *,
    source: Sequence[str],
    indicators: bool,
    vectors: bool,
    binary: bool = False,
) -> dict[str, Any]:
    """The search for what shows, explains or diversifies documents already found.

    Args:
        ids: Ids of documents.
        source: The user's own fields that are wanted.
        indicators: Whether their indicators are wanted.
        vectors: Whether their vectors are wanted.
        binary: See `live_index.LiveIndex.has_binary_vectors`.
    """
    fields = [INDICATORS_FIELD] * indicators + [VECTOR_FIELD] * vectors
    return {
        "query": {"ids": {"values": list(ids)}},
        "size": len(ids),
        "_source": list(source) or False,
        **fields_of_hits([], fields, binary=binary),
        "track_total_hits": False,
    }


def id_of(hit: Mapping[str, Any]) -> str:
    """The id of a hit that came without what is stored; see `queries.hits_wanted`.

    Raises:
        SearchFailed: The document does not hold it.
    """
    try:
        id_: str = hit["fields"][ID_FIELD][0]
    except KeyError:
        raise SearchFailed(
            f"{hit['_index']} has a document without {ID_FIELD}, so one that xlrec-ingest did not "
            "write; delete it, or have xlrec-ingest write it"
        ) from None
    return id_


def work_of(hit: Mapping[str, Any]) -> str:
    """The work of a hit."""
    work: str = hit["fields"][WORK_FIELD][0]
    return work


def title_of(hit: Mapping[str, Any], path: str | None) -> str | None:
    """The title field of a hit; the path may be dotted.

    A `*` in it stands for a language tag: `title_*` is `title_en` or `title_de`, whichever the
    document has.
    """
    value: Any = hit.get("_source", {})
    for name in (path or "").split("."):
        value = _inner(value, name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _inner(value: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    before, star, after = name.partition("*")
    if not star:
        return value.get(name)
    names = (key for key in value if key.startswith(before) and key.endswith(after))
    fitting = (name for name in names if is_tag(name[len(before) : len(name) - len(after)]))
    return next((value[name] for name in fitting), None)
