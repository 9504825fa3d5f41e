"""From a profile to Elasticsearch request bodies. Pure: nothing is sent from here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xlrec_es.profile import Profile

DENSE = "dense"
LEXICAL = "lexical"
LEGS = (DENSE, LEXICAL)

WORK_FIELD = "xlrec.work"
LANGUAGE_FIELD = "xlrec.language"
VECTOR_FIELD = "xlrec.embedding"

MAX_HISTORY_DOCUMENTS = 10_000
"""Elasticsearch's own `index.max_result_window`."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How deep each search goes.

    Attributes:
        candidates: `k`: hits of each search.
        num_candidates: What HNSW looks at for them, per shard; Elasticsearch allows 10,000.
        query_terms: Most telling terms that the lexical leg takes from the history's texts.
        source: The user's own fields that come back with each hit.
    """

    candidates: int = 100
    num_candidates: int = 200
    query_terms: int = 25
    source: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search.

    Attributes:
        language: Target language.
        leg: `dense` or `lexical`.
        interest: Number of the profile's interest, for `dense`.
        body: For `POST <index>/_search`.
    """

    language: str
    leg: str
    interest: int | None
    body: dict[str, Any]


def history_body(ids: Sequence[str], works: Sequence[str], *, title: str | None) -> dict[str, Any]:
    """The search for the documents of a history: by document id, or by work.

    Args:
        ids: Ids of documents.
        works: Ids of works.
        title: The user's field that holds the title.
    """
    return {
        "query": {
            "bool": {
                "should": [{"ids": {"values": list(ids)}}, {"terms": {WORK_FIELD: list(works)}}]
            }
        },
        "size": MAX_HISTORY_DOCUMENTS,
        "_source": [title] if title else False,
        # Vectors are left out of _source on 9.2 and later, and are always to be had as a field.
        "fields": [WORK_FIELD, LANGUAGE_FIELD, VECTOR_FIELD],
        "track_total_hits": False,
    }


def build_requests(
    profile: Profile,
    *,
    languages: Sequence[str],
    legs: Sequence[str],
    index: str,
    options: SearchOptions,
) -> tuple[SearchRequest, ...]:
    """The searches of a profile: for each target language, one per interest and one lexical.

    Each language is searched by itself, so that its documents compete with each other and not with
    another language's. The lexical leg is left out for a language in which the history has no text,
    for BM25 cannot cross a language border.

    Args:
        profile: Whom to serve.
        languages: Target languages.
        legs: Which of `LEGS`.
        index: Where the history's documents are.
        options: How deep.
    """
    requests = []
    for language in languages:
        if DENSE in legs:
            requests += [
                SearchRequest(
                    language, DENSE, number, dense_body(profile, number, language, options)
                )
                for number in range(len(profile.interests))
            ]
        if LEXICAL in legs and language in profile.documents:
            body = lexical_body(profile, language, index, options)
            requests.append(SearchRequest(language, LEXICAL, None, body))
    return tuple(requests)


def dense_body(
    profile: Profile, interest: int, language: str, options: SearchOptions
) -> dict[str, Any]:
    """The approximate kNN search of one interest among one language's unseen documents.

    Source: https://www.elastic.co/docs/solutions/search/vector/knn
    """
    return {
        "knn": {
            "field": VECTOR_FIELD,
            # float32 written as decimal: six digits after the point are more than int8 keeps.
            "query_vector": [round(float(x), 6) for x in profile.interests[interest].vector],
            "k": options.candidates,
            "num_candidates": max(options.num_candidates, options.candidates),
            "filter": _unseen(profile, language),
        },
        **_hits(options),
    }


def lexical_body(
    profile: Profile, language: str, index: str, options: SearchOptions
) -> dict[str, Any]:
    """The BM25 search for what the history's texts in this language are about.

    `more_like_this` picks the terms that tell most (tf-idf) and leaves out those texts themselves.
    Source: https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-mlt-query
    """
    return {
        "query": {
            "bool": {
                "must": {
                    "more_like_this": {
                        "fields": [f"xlrec.text.{language}"],
                        "like": [
                            {"_index": index, "_id": document}
                            for document in sorted(profile.documents[language])
                        ],
                        "min_term_freq": 1,
                        "min_doc_freq": 2,
                        "max_query_terms": options.query_terms,
                        "minimum_should_match": "1",
                    }
                },
                **_unseen(profile, language)["bool"],
            }
        },
        **_hits(options),
    }


def _unseen(profile: Profile, language: str) -> dict[str, Any]:
    return {
        "bool": {
            "filter": [{"term": {LANGUAGE_FIELD: language}}],
            "must_not": [{"terms": {WORK_FIELD: list(profile.works)}}],
        }
    }


def _hits(options: SearchOptions) -> dict[str, Any]:
    return {
        "size": options.candidates,
        "collapse": {"field": WORK_FIELD},
        "_source": list(options.source) or False,
        "fields": [WORK_FIELD],
        "track_total_hits": False,
    }


def to_msearch(requests: Sequence[SearchRequest], index: str) -> list[Mapping[str, Any]]:
    """The lines of one `_msearch`: a header and a body for each search."""
    return [line for request in requests for line in ({"index": index}, request.body)]


def to_console(requests: Sequence[SearchRequest], index: str) -> str:
    """The searches as text for Kibana's console, each to be run as it stands."""
    return "\n\n".join(
        f"# {_caption(request)}\nPOST /{index}/_search\n"
        + json.dumps(request.body, ensure_ascii=False, separators=(", ", ": "))
        for request in requests
    )


def _caption(request: SearchRequest) -> str:
    which = f", interest {request.interest + 1}" if request.interest is not None else ""
    return f"{request.language}: {request.leg}{which}"
