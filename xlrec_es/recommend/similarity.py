"""Measures of how alike two documents are, for `similar`. Pure.

Searches find candidates, as ever; a measure then says how alike each of them is to the item.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xlrec_es.errors import UsageError
from xlrec_es.index.fields import RELATIONS, text_field
from xlrec_es.languages import base_language
from xlrec_es.recommend.answer.fusion import in_order
from xlrec_es.recommend.options import DENSE, LEXICAL, Options
from xlrec_es.recommend.request.queries import SearchRequest, address

if TYPE_CHECKING:  # they take Elasticsearch's client, and `--help` needs names from here
    from xlrec_es.recommend.answer.ranking import Ranking
    from xlrec_es.recommend.request.plan import Plan

COSINE = "cosine"
L2 = "l2_norm"
JACCARD = "jaccard"
MEASURES = (COSINE, L2, JACCARD)
ASKED_FOR = (*MEASURES, *RELATIONS)
"""What `similar` can be asked for: measures, and relations that are learned."""


def candidate_options(options: Options, measure: str) -> Options:
    """How candidates are found for a measure: all by the vector, for Jaccard by BM25 too.

    Raises:
        UsageError: No such measure, or options that it cannot honour.
    """
    if measure not in MEASURES:
        raise UsageError(f"measure is {measure!r}; use one of {', '.join(ASKED_FOR)}")
    if options.search.boosts:
        raise UsageError(
            "boosts multiply fused scores, and a measure is none; leave out one of the two"
        )
    retrievers = (DENSE, LEXICAL) if measure == JACCARD else (DENSE,)
    return replace(options, weights=dict.fromkeys(retrievers, 1.0), server_side=False)


def vector_scores(ranking: Ranking, measure: str) -> dict[str, float]:
    """What a measure of vectors says of each candidate.

    `l2_norm` is Elasticsearch's own score for that similarity, 1 / (1 + distance²). All vectors
    here have length 1, before and after centering, so distance² = 2 - 2 x cosine: the order is
    the cosine's, and only the numbers differ.

    Source: https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/dense-vector
    """
    cosines = {c.id: c.retrievers[DENSE].score for c in ranking.candidates if DENSE in c.retrievers}
    if measure == COSINE:
        return cosines
    return {id_: 1 / (3 - 2 * cosine) for id_, cosine in cosines.items()}


def for_words(plan: Plan) -> Plan:
    """The plan for candidates whose words are then asked for.

    It is without languages in which the item has no text, in no variant: words cannot be compared
    there. Hits come with their routing.
    """
    texts = {base_language(tag) for tag in plan.profile.languages}
    without = [language for language in plan.languages if base_language(language) not in texts]
    notes = (
        f"nothing for {', '.join(without)}: jaccard compares words, and the item has no text there",
    )
    return replace(
        plan,
        languages=tuple(language for language in plan.languages if language not in without),
        requests=tuple(_with_routing(r) for r in plan.requests if r.language not in without),
        notes=notes if without else (),
    )


def _with_routing(request: SearchRequest) -> SearchRequest:
    """The search, whose hits bring what is stored, but not the source."""
    body = {**request.body, "_source": False}
    del body["stored_fields"]
    return replace(request, body=body)


def terms_question(plan: Plan, ranking: Ranking) -> dict[str, Any]:
    """The arguments of the `_mtermvectors` that asks for the words of the item and the candidates.

    Words are the terms that the analyzer of the language's field makes of the text: stems for
    most languages, without stop words; pairs of letters where `cjk` reads.

    Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-mtermvectors
    """
    given = plan.live.gives_routing
    found = {
        c.id: None if given else ranking.hits[c.id].get("_routing") for c in ranking.candidates
    }
    wanted = [(ranking.tag(c), address(found[c.id], c.id)) for c in ranking.candidates]
    routings = plan.profile.routings
    bases = {base_language(language) for language in plan.languages}
    wanted += [
        (tag, address(routings.get(id_), id_))
        for tag, ids in plan.profile.texts.items()
        if base_language(tag) in bases
        for id_ in ids
    ]
    unneeded = ("field_statistics", "offsets", "payloads", "positions", "term_statistics")
    return {
        "index": plan.live.searched,
        "docs": [
            {**where, "fields": [text_field(tag)], **dict.fromkeys(unneeded, False)}
            for tag, where in wanted
        ],
    }


def jaccard_scores(answer: Mapping[str, Any], plan: Plan, ranking: Ranking) -> dict[str, float]:
    """Words that the item and a candidate share, of all that either has; none shared: left out.

    Source: Jaccard 1912, "The Distribution of the Flora in the Alpine Zone"
    (https://doi.org/10.1111/j.1469-8137.1912.tb05611.x).

    Args:
        answer: To `terms_question`.
        plan: What was asked.
        ranking: The candidates.
    """
    told = {doc["_id"]: doc.get("term_vectors", {}) for doc in answer["docs"]}

    def words(id_: str, tag: str) -> frozenset[str]:
        return frozenset(told.get(id_, {}).get(text_field(tag), {}).get("terms", ()))

    own: dict[str, frozenset[str]] = {}
    for tag, ids in plan.profile.texts.items():
        base = base_language(tag)
        own[base] = own.get(base, frozenset()).union(*(words(id_, tag) for id_ in ids))
    scores = {}
    for candidate in ranking.candidates:
        tag = ranking.tag(candidate)
        mine, theirs = own[base_language(tag)], words(candidate.id, tag)
        if shared := len(mine & theirs):
            scores[candidate.id] = shared / len(mine | theirs)
    return scores


def measured(ranking: Ranking, scores: Mapping[str, float]) -> Ranking:
    """The candidates that have a score, in its order."""
    candidates = in_order(
        c._replace(score=scores[c.id]) for c in ranking.candidates if c.id in scores
    )
    return replace(ranking, candidates=candidates, fair=candidates)
