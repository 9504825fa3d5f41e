"""The search for what is known of given documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xlrec_es.index.fields import INDICATORS_FIELD, LANGUAGE_FIELD, VECTOR_FIELD, WORK_FIELD
from xlrec_es.index.hits import fields_of_hits
from xlrec_es.recommend.options import SearchOptions
from xlrec_es.recommend.request.queries import _boosted

PAGE = 1000
"""Documents in a page: each with a vector and its indicators, so some megabytes in all."""


def candidates_body(
    ids: Sequence[str], options: SearchOptions, *, title: str | None, size: int = PAGE
) -> dict[str, Any]:
    """The search for given documents and works, with all that puts them in order and explains it.

    Args:
        ids: Of documents or works.
        options: The boosts, and the user's own fields that are wanted.
        title: The user's field that holds the title.
        size: Of a page; see `paging.PagedSearch`.
    """
    given: Mapping[str, Any] = {
        "bool": {
            "should": [{"ids": {"values": list(ids)}}, {"terms": {WORK_FIELD: list(ids)}}],
            "minimum_should_match": 1,
        }
    }
    # An index that was there before may have documents that this program left alone.
    ours = {"filter": [{"exists": {"field": WORK_FIELD}}]}
    source = list(dict.fromkeys((*options.source, *([title] if title else []))))
    return {
        "query": _boosted(given, ours, options),
        "size": size,
        "_source": source or False,
        **fields_of_hits(
            [WORK_FIELD, LANGUAGE_FIELD],
            [INDICATORS_FIELD, VECTOR_FIELD],
            binary=options.binary_vectors,
        ),
        "track_total_hits": False,
    }
