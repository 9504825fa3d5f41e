"""From Elasticsearch's answers to recommendations with their reasons. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from xlrec_es.cluster.answers import Answer
from xlrec_es.index.hits import title_of
from xlrec_es.index.search_limits import parts
from xlrec_es.recommend.answer import fusion, reranking
from xlrec_es.recommend.answer.explanations import MAX_REASONS, _Held, _held, _speakers
from xlrec_es.recommend.answer.ranking import Ranking
from xlrec_es.recommend.options import AUTO, COLLABORATIVE, DENSE, Options
from xlrec_es.recommend.recommendations import (
    LanguageShare,
    Reason,
    Recommendation,
    Recommendations,
    RetrieverScore,
)
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.queries import details_body
from xlrec_es.vectors.vector import Vector

DIVERSIFIED = 10
"""So many times the wanted number of candidates are looked at for diversity."""


def choose(
    ranking: Ranking,
    plan: Plan,
    options: Options,
    *,
    size: int,
    vectors: Mapping[str, Vector] | None = None,
) -> list[fusion.Fused]:
    """The candidates that are shown, in order.

    Args:
        ranking: See `rank`.
        plan: What was asked.
        options: How.
        size: How many, over all languages.
        vectors: For diversity: shape (dims,), unit length, by document id.
    """
    candidates = ranking.candidates
    if options.diversity > 0:
        candidates = reranking.diversify(
            candidates[: DIVERSIFIED * size], vectors or {}, strength=options.diversity
        )
    caps = options.search.caps or {}
    values = {
        field: {document: hit["fields"].get(field, ()) for document, hit in ranking.hits.items()}
        for field in caps
    }

    def select(some: Sequence[fusion.Fused], slots: Mapping[str, int]) -> list[fusion.Fused]:
        return reranking.select(
            some, ranking.works, size=size, slots=slots, values=values, caps=caps
        )

    slots = reranking.share_out(plan.languages, options.division, size)
    if options.division == AUTO and ranking.fair:
        # As many of each language as there are among the best by what can be compared.
        slots = Counter(candidate.language for candidate in select(ranking.fair, slots))
    return select(candidates, slots)


def details(ranking: Ranking, plan: Plan, options: Options, *, size: int) -> list[Answer]:
    """The searches for what the documents to be shown hold; none if there are none.

    Where they are not chosen yet, they are for all those among which `choose` looks for diversity.
    """
    wanted = ranking.candidates[: DIVERSIFIED * size] if ranking.chosen is None else ranking.chosen
    if not wanted:
        return []
    title = plan.live.meta.title_field
    source = dict.fromkeys((*options.search.source, *([title] if title else [])))
    return [
        details_body(
            ids,
            source=tuple(source),
            indicators=options.explain and plan.weights.get(COLLABORATIVE, 0) > 0,
            vectors=options.diversity > 0 or (options.explain and plan.weights.get(DENSE, 0) > 0),
            binary=plan.live.has_binary_vectors,
        )
        for ids in parts([candidate.id for candidate in wanted], plan.live.limits.ids)
    ]


def finish(
    ranking: Ranking,
    plan: Plan,
    options: Options,
    *,
    size: int,
    found: Sequence[Answer] = (),
) -> Recommendations:
    """Choose where that is open, and say why.

    Args:
        ranking: See `rank` and `choose`.
        plan: What was asked.
        options: How.
        size: How many, over all languages.
        found: The hits of `details`.
    """
    held = {hit["_id"]: _held(hit) for hit in found}
    chosen = ranking.chosen
    if chosen is None:
        vectors = {id_: h.vector for id_, h in held.items() if h.vector is not None}
        chosen = choose(ranking, plan, options, size=size, vectors=vectors)
    return Recommendations(
        items=tuple(_recommendation(c, ranking, plan, held.get(c.id, _Held())) for c in chosen),
        index=plan.live.name,
        fingerprint=plan.live.meta.fingerprint.digest,
        unknown_items=plan.unknown_items,
        notes=plan.notes,
        degraded=ranking.degraded,
        languages=_language_shares(chosen, plan, options, size),
    )


def _language_shares(
    chosen: Sequence[fusion.Fused], plan: Plan, options: Options, size: int
) -> tuple[LanguageShare, ...]:
    filled = Counter(candidate.language for candidate in chosen)
    if options.division == AUTO:
        return tuple(LanguageShare(tag, None, filled[tag]) for tag in plan.languages)
    slots = reranking.share_out(plan.languages, options.division, size)
    return tuple(LanguageShare(tag, slots.get(tag, 0), filled[tag]) for tag in plan.languages)


def _recommendation(
    candidate: fusion.Fused, ranking: Ranking, plan: Plan, held: _Held
) -> Recommendation:
    speakers = _speakers(candidate, plan, held)
    strongest = sorted(speakers.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_REASONS]
    return Recommendation(
        id=candidate.id,
        work=ranking.works[candidate.id],
        language=ranking.tag(candidate),
        score=candidate.score,
        title=title_of({"_source": held.source}, plan.live.meta.title_field),
        retrievers={
            retriever: RetrieverScore(found.rank, found.score, candidate.shares[retriever])
            for retriever, found in sorted(candidate.retrievers.items())
        },
        reasons=tuple(
            Reason(speaker, plan.profile.titles.get(speaker), share) for speaker, share in strongest
        ),
        source=held.source,
    )
