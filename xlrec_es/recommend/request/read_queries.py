"""Request bodies that read: a history, what passes filters, what is shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xlrec_es.index.fields import (
    EVIDENCE_FIELD,
    ID_FIELD,
    LANGUAGE_FIELD,
    MAX_HITS,
    VECTOR_FIELD,
    WORK_FIELD,
)
from xlrec_es.index.hits import fields_of_hits

PASSING = "passing"


def history_body(
    items: Sequence[str],
    *,
    title: str | None,
    texts: Sequence[str] = (),
    read: Sequence[str] = (VECTOR_FIELD,),
    binary: bool = False,
    size: int = MAX_HITS,
) -> dict[str, Any]:
    """The search for the documents of a history.

    Args:
        items: Ids of documents or works.
        title: The user's field that holds the title.
        texts: Fields of texts that are wanted.
        read: Fields that are wanted: of vectors of texts and pictures, and learned sparse weights.
        binary: See `live_index.LiveIndex.has_binary_vectors`.
        size: Of a page; see `paging.PagedSearch`.
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
        "size": size,
        "_source": [*([title] if title else []), *texts] or False,
        **fields_of_hits([WORK_FIELD, LANGUAGE_FIELD, EVIDENCE_FIELD], read, binary=binary),
        "track_total_hits": False,
    }


def names_body(items: Sequence[str], *, size: int = MAX_HITS) -> dict[str, Any]:
    """`history_body` for what stands in columns: ids, works, languages, evidence.

    Args:
        items: Ids of documents or works.
        size: Of a page; see `paging.PagedSearch`.
    """
    columns = [ID_FIELD, WORK_FIELD, LANGUAGE_FIELD, EVIDENCE_FIELD]
    body = history_body(items, title=None, read=(), size=size)
    del body["_source"]
    # As in `queries.hits_wanted`: reading `_id` of fifty documents takes longer than finding them.
    return {**body, "stored_fields": "_none_", **fields_of_hits(columns)}


def passing_body(filters: Sequence[Mapping[str, Any]], languages: int) -> dict[str, Any]:
    """The search that counts the documents of each language that pass filters.

    Args:
        filters: Elasticsearch queries.
        languages: How many tags the index has.
    """
    return {
        "query": {"bool": {"filter": list(filters)}},
        "size": 0,
        "aggs": {PASSING: {"terms": {"field": LANGUAGE_FIELD, "size": max(1, languages)}}},
        "track_total_hits": False,
    }


def passing_of(answer: Mapping[str, Any]) -> dict[str, int] | None:
    """Documents by language tag, as `passing_body` counted them; None where it was not answered."""
    if "error" in answer or answer.get("timed_out"):
        return None
    buckets = answer["aggregations"][PASSING]["buckets"]
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets}


def details_body(
    ids: Sequence[str],
    *,
    source: Sequence[str],
    read: Sequence[str] = (),
    binary: bool = False,
) -> dict[str, Any]:
    """The search for what shows, explains or diversifies documents already found.

    Args:
        ids: Ids of documents.
        source: The user's own fields that are wanted.
        read: Fields that are wanted: vectors of texts and pictures, indicators and sparse weights.
        binary: See `live_index.LiveIndex.has_binary_vectors`.
    """
    return {
        "query": {"ids": {"values": list(ids)}},
        "size": len(ids),
        "_source": list(source) or False,
        **fields_of_hits([], read, binary=binary),
        "track_total_hits": False,
    }
