"""Fusion by Elasticsearch itself, where its license has the `linear` and `rrf` retrievers. Pure.

The searches of a language become one, so an answer carries one list a language in place of one a
retriever. What differs from fusing here (`fusion`):

- `linear` brings each retriever's scores of each language to 0..1 by themselves (`minmax`: the
  lowest of a list is 0; a list of one keeps its own score). Here cosines are compared over
  languages, and BM25 keeps its zero.
- So scores say nothing from one language to the next: slots go by quota or equally, never by score.
- How a retriever ranked and scored a document is not returned: `RetrieverScore` knows one,
  `fused`. Which history items spoke for it is computed from what the document holds, as if each
  retriever had had its weight as its share.
- A language keeps `candidates` documents in all, not of each retriever.
- A language with one retriever is searched as ever; there is nothing to fuse.

Sources: https://www.elastic.co/docs/reference/elasticsearch/rest-apis/retrievers/linear-retriever
and https://www.elastic.co/docs/reference/elasticsearch/rest-apis/retrievers/rrf-retriever
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from xlrec_es.errors import UsageError
from xlrec_es.recommend.request.queries import SearchRequest

FUSED = "fused"
"""The retriever of a search that fuses all the others."""

LICENSES = ("enterprise", "trial")
MODULE = "rank-rrf"
WEIGHTED_RANKS_SINCE = (9, 2, 0)
"""From here on `rrf` takes weights."""


def check_server(
    license_type: str,
    version: tuple[int, int, int],
    modules: Collection[str],
    *,
    weighted_ranks: bool,
) -> None:
    """Refuse a cluster that cannot fuse.

    Args:
        license_type: Of `GET _license`.
        version: The oldest node's.
        modules: Modules that every node has.
        weighted_ranks: Whether ranks are to be fused by weights that differ.

    Raises:
        UsageError: The cluster's license, modules or version are not enough.
    """
    instead = "leave server_side (--server-side) out: fusion here needs nothing but the basic one"
    if license_type not in LICENSES:
        raise UsageError(
            f"the cluster's license is {license_type}, and Elasticsearch fuses with "
            f"{' or '.join(LICENSES)} alone; {instead}"
        )
    if MODULE not in modules:
        raise UsageError(
            f"a node of the cluster lacks the module {MODULE}, which holds the retrievers that "
            "fuse; install Elastic's own distribution, or leave server_side (--server-side) out"
        )
    if weighted_ranks and version < WEIGHTED_RANKS_SINCE:
        raise UsageError(
            f"Elasticsearch {'.'.join(map(str, version))} cannot weigh ranks; use fusion "
            "'weighted', equal weights, or Elasticsearch "
            f"{'.'.join(map(str, WEIGHTED_RANKS_SINCE))}"
        )


def one_search_each(
    requests: Sequence[SearchRequest],
    *,
    weights: Mapping[str, float],
    rank_constant: int | None,
) -> tuple[SearchRequest, ...]:
    """One search a language.

    Args:
        requests: One a language and retriever; see `queries.build_requests`.
        weights: Fusion weight by retriever.
        rank_constant: Of reciprocal rank fusion; None adds up normalized scores.
    """
    by_language: dict[str, list[SearchRequest]] = {}
    for request in requests:
        by_language.setdefault(request.language, []).append(request)
    return tuple(
        retrievers[0]
        if len(retrievers) == 1
        else _fused(language, retrievers, weights, rank_constant)
        for language, retrievers in by_language.items()
    )


def _fused(
    language: str,
    retrievers: Sequence[SearchRequest],
    weights: Mapping[str, float],
    rank_constant: int | None,
) -> SearchRequest:
    shared = {k: v for k, v in retrievers[0].body.items() if k not in ("query", "sort")}
    inner = [(_standard(retriever.body), weights[retriever.retriever]) for retriever in retrievers]
    window = {"rank_window_size": shared["size"]}
    retriever: dict[str, Any]
    if rank_constant is None:
        parts = [{"retriever": r, "weight": w, "normalizer": "minmax"} for r, w in inner]
        retriever = {"linear": {"retrievers": parts, **window}}
    else:
        alike = len({weight for _, weight in inner}) == 1
        parts = [r if alike else {"retriever": r, "weight": w} for r, w in inner]
        retriever = {"rrf": {"retrievers": parts, "rank_constant": rank_constant, **window}}
    return SearchRequest(language, FUSED, {"retriever": retriever, **shared})


def _standard(body: Mapping[str, Any]) -> dict[str, Any]:
    """Write a search as a `standard` retriever of Elasticsearch.

    What fuses looks at scores alone, so a search in the order of a field gets that as its score.
    """
    query = body["query"]
    if "sort" in body:
        [field] = body["sort"][0]
        query = {
            "function_score": {
                "query": query,
                "field_value_factor": {"field": field},
                "boost_mode": "replace",
            }
        }
    return {"standard": {"query": query}}


def highest_score(body: Mapping[str, Any]) -> float:
    """The score of a document that comes first in every retriever of a search that fuses."""
    [(kind, retriever)] = body["retriever"].items()
    total: float = sum(part.get("weight", 1.0) for part in retriever["retrievers"])
    return total / (retriever["rank_constant"] + 1) if kind == "rrf" else total
