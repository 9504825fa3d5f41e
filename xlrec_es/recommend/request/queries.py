"""From a profile to Elasticsearch request bodies. Pure: nothing is sent from here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xlrec_es.index.fields import (
    EVIDENCE_FIELD,
    ID_FIELD,
    IMAGE_FIELD,
    LANGUAGE_FIELD,
    MARKET_POPULARITY_FIELD,
    MAX_HITS,
    POPULARITY_FIELD,
    SPARSE_FIELD,
    VECTOR_FIELD,
    WORK_FIELD,
    in_language,
    relation_of,
    text_field,
)
from xlrec_es.index.hits import fields_of_hits, routed
from xlrec_es.index.search_limits import parts
from xlrec_es.recommend.options import (
    COLLABORATIVE,
    DENSE,
    EXPLORE,
    IMAGE,
    LEXICAL,
    MAX_CLAUSES,
    POPULARITY,
    SPARSE,
    Recency,
    SearchOptions,
)
from xlrec_es.recommend.request.profile import Interest, Profile
from xlrec_es.vectors.vector import pack

_LEAST_K = 10

EXACT_BELOW = 1000
"""Documents that pass the filters, of a language, up to which kNN compares all of them.

Measured on 30,000 documents (xlrec_es/DESIGN.md, "Narrow filters"): it takes no longer than HNSW,
which finds less under such filters.
"""

_BOOST = "boost:"

WrittenVector = Sequence[float] | str


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search.

    Attributes:
        language: Target language; of several together, a name for people.
        retriever: One of `RETRIEVERS`.
        body: For `POST <index>/_search`.
        together: The target languages, where one search is for several.
    """

    language: str
    retriever: str
    body: dict[str, Any]
    together: tuple[str, ...] = ()


def build_requests(
    profile: Profile,
    *,
    languages: Sequence[str],
    retrievers: Sequence[str],
    index: str,
    options: SearchOptions,
    markets: Mapping[str, str] | None = None,
) -> tuple[SearchRequest, ...]:
    """The searches of a profile: each target language by itself, retriever by retriever.

    So its documents compete with each other and not with another language's; variants of a language
    (`SearchOptions.variants`) are one language here. Where languages share a list by the
    collaborative scores alone (`SearchOptions.shared`), that retriever searches all at once.

    A retriever that cannot say anything is left out: BM25 for a language in which the history has
    no text (it cannot cross a language border), and all but popularity for a user who is not known
    to like anything. So is the sparse one, where no weights were read.

    Args:
        profile: Whom to serve.
        languages: Target languages.
        retrievers: Which of `RETRIEVERS`.
        index: Where the history's documents are.
        options: How deep, and where.
        markets: By target language, the market whose popularity counts; else everybody's does.
    """
    requests = []
    together = COLLABORATIVE in retrievers and options.shared > 0 and len(languages) > 1
    if together and profile.liked:
        requests.append(_of_all(profile, tuple(languages), options))
    vectors = _written(profile.interests, options) if {DENSE, EXPLORE} & set(retrievers) else []
    looks = _written(profile.looks.interests, options) if IMAGE in retrievers else []
    for language in languages:
        if DENSE in retrievers and profile.interests:
            body = dense_body(profile, language, options, vectors=vectors)
            requests.append(SearchRequest(language, DENSE, body))
        if EXPLORE in retrievers and profile.interests:
            body = explore_body(profile, language, options, vectors=vectors)
            requests.append(SearchRequest(language, EXPLORE, body))
        if LEXICAL in retrievers and not profile.languages.isdisjoint(options.tags(language)):
            body = lexical_body(profile, language, index, options)
            requests.append(SearchRequest(language, LEXICAL, body))
        if COLLABORATIVE in retrievers and profile.liked and not together:
            body = collaborative_body(profile, language, options)
            requests.append(SearchRequest(language, COLLABORATIVE, body))
        if POPULARITY in retrievers:
            market = (markets or {}).get(language)
            body = popularity_body(profile, language, options, market=market)
            requests.append(SearchRequest(language, POPULARITY, body))
        if SPARSE in retrievers and profile.sparse.tokens:
            requests.append(
                SearchRequest(language, SPARSE, sparse_body(profile, language, options))
            )
        if IMAGE in retrievers and looks:
            body = image_body(profile, language, options, vectors=looks)
            requests.append(SearchRequest(language, IMAGE, body))
    return tuple(requests)


def _written(interests: Sequence[Interest], options: SearchOptions) -> list[WrittenVector]:
    """The vector of each interest.

    float32 written as decimal: six digits after the point are more than int8 keeps.
    """
    vectors = [interest.vector for interest in interests]
    if options.binary_vectors:
        return [pack(vector) for vector in vectors]
    return [vector.astype(float).round(6).tolist() for vector in vectors]


def dense_body(
    profile: Profile,
    language: str,
    options: SearchOptions,
    *,
    vectors: Sequence[WrittenVector] | None = None,
) -> dict[str, Any]:
    """The kNN search of all interests among one language's unseen documents.

    A document is worth its cosine to the interest that is nearest to it: one search, and what it
    returns needs no further computing.

    Source: https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-knn-query

    Args:
        profile: Whom to serve.
        language: Target language.
        options: How deep, and where.
        vectors: Of the interests, for the body; None: written from the profile.
    """
    vectors = vectors or _written(profile.interests, options)
    least = {} if options.min_similarity is None else {"similarity": options.min_similarity}
    return _knn_body(profile, language, options, field=VECTOR_FIELD, vectors=vectors, further=least)


def image_body(
    profile: Profile,
    language: str,
    options: SearchOptions,
    *,
    vectors: Sequence[WrittenVector] | None = None,
) -> dict[str, Any]:
    """`dense_body` by what documents look like.

    Args:
        profile: Whom to serve.
        language: Target language.
        options: How deep, and where; a least similarity is for texts.
        vectors: Of the interests in pictures, for the body; None: written from the profile.
    """
    vectors = vectors or _written(profile.looks.interests, options)
    return _knn_body(profile, language, options, field=IMAGE_FIELD, vectors=vectors)


def _knn_body(
    profile: Profile,
    language: str,
    options: SearchOptions,
    *,
    field: str,
    vectors: Sequence[WrittenVector],
    further: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    k = _share(options.candidates, len(vectors))
    shared: dict[str, Any] = {
        "k": k,
        "num_candidates": MAX_HITS
        if options.exact or _few_pass(language, options)
        else max(k, _share(options.num_candidates, len(vectors), least=2 * _LEAST_K)),
        "filter": {"bool": _unseen(profile, language, options)},
        **(further or {}),
    }
    if options.oversample is not None:
        shared["rescore_vector"] = {"oversample": options.oversample}
    queries = [{"knn": {"field": field, "query_vector": vector, **shared}} for vector in vectors]
    query = queries[0] if len(queries) == 1 else {"dis_max": {"queries": queries}}
    return {"query": _boosted(query, {}, options), **hits_wanted(language, options)}


def _few_pass(language: str, options: SearchOptions) -> bool:
    if options.passing is None:
        return False
    return sum(options.passing.get(tag, 0) for tag in options.tags(language)) <= EXACT_BELOW


def explore_body(
    profile: Profile,
    language: str,
    options: SearchOptions,
    *,
    vectors: Sequence[WrittenVector] | None = None,
) -> dict[str, Any]:
    """`dense_body` among items that nobody had liked when associations were learned.

    Args:
        profile: As for `dense_body`.
        language: As for `dense_body`.
        options: As for `dense_body`.
        vectors: As for `dense_body`.
    """
    liked = {"bool": {"must_not": [{"range": {EVIDENCE_FIELD: {"gt": 0}}}]}}
    unknown = replace(options, filters=(*options.filters, liked))
    return dense_body(profile, language, unknown, vectors=vectors)


def _share(candidates: int, interests: int, *, least: int = _LEAST_K) -> int:
    return min(candidates, max(least, math.ceil(candidates / interests)))


def lexical_body(
    profile: Profile, language: str, index: str, options: SearchOptions
) -> dict[str, Any]:
    """The BM25 search for what the history's texts in this language are about.

    `more_like_this` picks the terms that tell most (tf-idf). It is told the texts where they were
    read with the history; else their ids, by which the server reads each document for itself, which
    takes twice as long (xlrec_es/DESIGN.md, "Latency") and finds the same but for terms that tell
    alike.
    Source: https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-mlt-query
    """
    queries = [
        _more_like(profile, tag, index, options)
        for tag in options.tags(language)
        if tag in profile.texts
    ]
    query = queries[0] if len(queries) == 1 else {"dis_max": {"queries": queries}}
    # Only documents in this language have these fields: a filter would cost and change nothing.
    unseen = _unseen(profile, language, options, by_tag=False)
    return {"query": _boosted(query, unseen, options), **hits_wanted(language, options)}


def _more_like(profile: Profile, tag: str, index: str, options: SearchOptions) -> dict[str, Any]:
    ids = list(profile.texts[tag])[: options.query_texts]
    # All or none: of texts and of documents it would pick terms separately.
    read = all(id_ in profile.words for id_ in ids)
    return {
        "more_like_this": {
            "fields": [text_field(tag)],
            "like": [
                profile.words[id_]
                if read
                else {"_index": index, **address(profile.routings.get(id_), id_)}
                for id_ in ids
            ],
            "min_term_freq": 1,
            "min_doc_freq": 2,
            "max_query_terms": options.query_terms,
            "minimum_should_match": "1",
        }
    }


def address(routing: str | None, id_: str) -> dict[str, str]:
    """What names a document where it is fetched by its id, and not searched."""
    return {"_id": id_, **routed(routing)}


def collaborative_body(profile: Profile, language: str, options: SearchOptions) -> dict[str, Any]:
    """The search for what the history's works speak for: a weighted sum of indicators, exact.

    Sources: https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-sparse-vector-query
    and, for pruning, https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/sparse-vector
    """
    query = {
        "sparse_vector": {
            "field": relation_of(options.relation).weights,
            "query_vector": _heaviest(profile.liked),
            # By default Elasticsearch leaves out what is frequent and weighs less than 0.4 of the
            # heaviest: a work that many people like, which the user rated a little lower.
            "prune": False,
        }
    }
    unseen = _unseen(profile, language, options)
    return {"query": _boosted(query, unseen, options), **hits_wanted(language, options)}


def sparse_body(profile: Profile, language: str, options: SearchOptions) -> dict[str, Any]:
    """The search for texts with the tokens of what was liked: a sum of products, exact.

    Sources: as of `collaborative_body`. The profile has few enough tokens, so none is pruned.
    """
    tokens = dict(profile.sparse.tokens)
    query = {"sparse_vector": {"field": SPARSE_FIELD, "query_vector": tokens, "prune": False}}
    unseen = _unseen(profile, language, options)
    return {"query": _boosted(query, unseen, options), **hits_wanted(language, options)}


def _of_all(profile: Profile, languages: tuple[str, ...], options: SearchOptions) -> SearchRequest:
    """The collaborative search in several languages at once, as deep as their list needs it."""
    name = ", ".join(languages)
    tags = tuple(tag for language in languages for tag in options.tags(language))
    depth = shared_depth(options, len(languages))
    search = replace(options, variants={name: tags}, candidates=depth, num_candidates=MAX_HITS)
    body = collaborative_body(profile, name, search)
    return SearchRequest(name, COLLABORATIVE, body, languages)


def _heaviest(liked: Mapping[str, float]) -> dict[str, float]:
    """As many works as every node takes in one query, each of them being a part of it."""
    if len(liked) <= MAX_CLAUSES:
        return dict(liked)
    return dict(sorted(liked.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_CLAUSES])


def popularity_body(
    profile: Profile, language: str, options: SearchOptions, *, market: str | None = None
) -> dict[str, Any]:
    """The search for what most people like, or most people of one market.

    In the order of a number that each document has, Elasticsearch passes over what cannot come
    first; a score computed from it would take a look at every document. Popularity in markets is
    a sparse vector, for which it can do the same. Popularity that fades is such a score.
    """
    there = {"exists": {"field": POPULARITY_FIELD}}
    unseen = _unseen(profile, language, options)
    query: dict[str, Any] = {"bool": {"filter": [there]}}
    if market is not None:
        named = {"field": MARKET_POPULARITY_FIELD, "query_vector": {market: 1.0}}
        # What nobody anywhere likes has no number, and comes last.
        query["bool"]["should"] = [{"sparse_vector": named}]
    elif options.recent is None:
        by_number = {"sort": [{POPULARITY_FIELD: "desc"}]}
        wanted = {**by_number, **hits_wanted(language, options)}
        return {"query": _boosted(query, unseen, options), **wanted}
    if options.recent is not None:
        query = _fading(query, options.recent, by_field=market is None)
    return {"query": _boosted(query, unseen, options), **hits_wanted(language, options)}


def _fading(query: Mapping[str, Any], recent: Recency, *, by_field: bool) -> dict[str, Any]:
    """Popularity, the number of the field or the query's score, times what its age leaves of it."""
    popularity = [{"field_value_factor": {"field": POPULARITY_FIELD}}] * by_field
    return {
        "function_score": {
            "query": query,
            "functions": [*popularity, *recent.functions()],
            "score_mode": "multiply",
            "boost_mode": "replace" if by_field else "multiply",
        }
    }


def score_of(hit: Mapping[str, Any]) -> float:
    """The score of a hit, or the number by which the hits of its search are in order."""
    score: float = hit["sort"][0] if "sort" in hit else hit["_score"]
    return score


def _unseen(
    profile: Profile, language: str, options: SearchOptions, *, by_tag: bool = True
) -> dict[str, Any]:
    only = [] if options.only is None else [_one_of(options.only.get(language, ()), options)]
    return {
        "filter": [*[in_language(options.tags(language))] * by_tag, *options.filters, *only],
        "must_not": _works(profile.seen, options),
    }


def _works(works: Sequence[str], options: SearchOptions) -> list[dict[str, Any]]:
    """Queries that each match the documents of some of the works."""
    return [{"terms": {WORK_FIELD: some}} for some in parts(works, options.max_terms)]


def _one_of(works: Sequence[str], options: SearchOptions) -> dict[str, Any]:
    """The query that matches the documents of all these works."""
    queries = _works(works, options)
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries}}


def _boosted(
    query: Mapping[str, Any], unseen: Mapping[str, Any], options: SearchOptions
) -> dict[str, Any]:
    """The query, and beside it, without a score, the boosts: hits say which of them they match."""
    marks = boost_marks(options)
    return {"bool": {"must": [query], **unseen, **({"should": marks} if marks else {})}}


def boost_marks(options: SearchOptions) -> list[dict[str, Any]]:
    """Queries without a score, by whose names hits say which boosts they match."""
    return [
        {"constant_score": {"filter": boost.query, "boost": 0, "_name": f"{_BOOST}{number}"}}
        for number, boost in enumerate(options.boosts)
    ]


def boost_of(hit: Mapping[str, Any], options: SearchOptions) -> float:
    """The product of the factors of the boosts that a hit matches."""
    numbers = [
        int(name.removeprefix(_BOOST))
        for name in hit.get("matched_queries", ())
        if name.startswith(_BOOST)
    ]
    return math.prod(options.boosts[number].factor for number in numbers)


def hits_wanted(language: str, options: SearchOptions) -> dict[str, Any]:
    """How many hits, and what of each. Which variant it is, where a language names several.

    Nothing of what is stored, not even `_id`: to read that of 30 documents, Elasticsearch unpacks
    as many blocks of whole documents, which is a fifth of what the searches cost. So the id is a
    column, too, as Elasticsearch advises
    (https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/mapping-id-field).
    """
    told = [LANGUAGE_FIELD] * (len(options.tags(language)) > 1)
    told += [EVIDENCE_FIELD] * options.evidence
    return {
        "size": options.candidates,
        **({"collapse": {"field": WORK_FIELD}} if options.collapse else {}),
        "stored_fields": "_none_",
        **fields_of_hits([ID_FIELD, WORK_FIELD, *told, *(options.caps or {})]),
        "track_total_hits": False,
    }


def to_msearch(
    requests: Sequence[SearchRequest], index: str, *, timeout_s: float
) -> list[Mapping[str, Any]]:
    """The lines of one `_msearch`: a header and a body for each search.

    Args:
        requests: The searches.
        index: Where they are sent.
        timeout_s: Seconds after which a search answers with what it has.
    """
    limit = {"timeout": f"{max(1, int(timeout_s * 1000))}ms"}
    return [line for request in requests for line in ({"index": index}, {**request.body, **limit})]


def shared_depth(options: SearchOptions, languages: int) -> int:
    """How many documents a search in so many languages at once finds at most."""
    return min(max(options.candidates, options.shared * languages), MAX_HITS)
