"""From Elasticsearch's answers to recommendations with their reasons. Pure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from xlrec_es.cluster.answers import Answer
from xlrec_es.index.fields import relation_of
from xlrec_es.index.hits import title_of
from xlrec_es.index.search_limits import parts
from xlrec_es.recommend.answer import fusion, reranking
from xlrec_es.recommend.answer.cascade import text_places
from xlrec_es.recommend.answer.explanations import (
    MAX_REASONS,
    _Held,
    _held,
    _speakers,
    shared_tokens,
)
from xlrec_es.recommend.answer.exploration import explored
from xlrec_es.recommend.answer.ranking import Ranking, Searched, rank
from xlrec_es.recommend.options import AUTO, COLLABORATIVE, DENSE, EXPLORE, Options
from xlrec_es.recommend.recommendations import (
    LanguageShare,
    Reason,
    Recommendation,
    Recommendations,
    RetrieverScore,
)
from xlrec_es.recommend.request.plan import READ_BY, Plan
from xlrec_es.recommend.request.read_queries import details_body
from xlrec_es.recommend.request.server_fusion import FUSED
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

    wanted = slots = reranking.share_out(plan.languages, options.division, size)
    if options.division == AUTO and ranking.fair:
        # As many of each language as there are among the best by what can be compared.
        slots = Counter(candidate.language for candidate in select(ranking.fair, slots))
    chosen = select(candidates, slots)
    if not ranking.unknown:
        return chosen
    draw = random.SystemRandom()
    with_unknown = explored(
        chosen, ranking.unknown, ranking.works, share=options.explore, draw=draw
    )
    return select(with_unknown, wanted)


def ranked_first(first: Searched, options: Options, size: int) -> Ranking | None:
    """The ranking of a cascade's first searches; None if texts are needed, too.

    Args:
        first: The first searches, and their answers.
        options: How.
        size: How many, over all languages.

    Raises:
        XlrecError: As for `ranking.rank`.
    """
    plan, answers = first.plan, first.answers
    if plan.profile.liked and (
        text_places(plan.text_share, size) or all("error" in one for one in answers)
    ):
        return None
    ranking = rank(plan, answers, options, size=size)
    if not (plan.profile.liked and plan.has_texts):
        return ranking
    if ranking.inherited:
        return None
    if options.diversity > 0:  # the choice is made later, among all of these
        works = {ranking.works[candidate.id] for candidate in ranking.candidates}
        return ranking if len(works) >= size else None
    chosen = choose(ranking, plan, options, size=size)
    filled = Counter(candidate.language for candidate in chosen)
    slots = reranking.share_out(plan.languages, options.division, size)
    open_slots = options.division != AUTO and any(
        filled[language] < count for language, count in slots.items()
    )
    return None if len(chosen) < size or open_slots else replace(ranking, chosen=chosen)


def details(ranking: Ranking, plan: Plan, options: Options, *, size: int) -> list[Answer]:
    """The searches for what the documents to be shown hold; none if there are none.

    Where they are not chosen yet, they are for all those among which `choose` looks for diversity.
    """
    wanted = considered(ranking, size)
    spoke = {
        by for by in (COLLABORATIVE, *READ_BY) if options.explain and _any_from(wanted, by, plan)
    }
    if options.diversity > 0 or (options.explain and _any_from(wanted, EXPLORE, plan)):
        spoke.add(DENSE)
    return holdings(wanted, plan, options, spoke)


def considered(ranking: Ranking, size: int) -> Sequence[fusion.Fused]:
    """What is shown, or where that is open, all among which `choose` looks for diversity."""
    if ranking.chosen is None:
        return ranking.candidates[: DIVERSIFIED * size]
    return ranking.chosen


def holdings(
    wanted: Sequence[fusion.Fused], plan: Plan, options: Options, retrievers: Collection[str]
) -> list[Answer]:
    """The searches for what documents hold: title and fields, and what retrievers went by.

    Args:
        wanted: Which documents; without any there is no search.
        plan: What was asked.
        options: How.
        retrievers: Of which vectors, weights or indicators (of the relation that is asked for) are
            read.
    """
    title = plan.live.meta.title_field
    source = dict.fromkeys((*options.search.source, *([title] if title else [])))
    held = {COLLABORATIVE: relation_of(options.search.relation).weights, **READ_BY}
    return [
        details_body(
            ids,
            source=tuple(source),
            read=[field for by, field in held.items() if by in retrievers],
            binary=plan.live.has_binary_vectors,
        )
        for ids in parts([candidate.id for candidate in wanted], plan.live.limits.ids)
        if ids
    ]


def _any_from(candidates: Sequence[fusion.Fused], retriever: str, plan: Plan) -> bool:
    """Whether a retriever spoke for any of them; if Elasticsearch fused, any that was asked."""
    if plan.requests and plan.requests[0].retriever == FUSED:
        return plan.weights.get(retriever, 0) > 0
    return any(
        candidate.retrievers[retriever].part > 0
        for candidate in candidates
        if retriever in candidate.retrievers
    )


def title_bodies(shown: Recommendations, plan: Plan) -> list[Answer]:
    """The searches for the titles of the items that reasons name; none where they were read."""
    if plan.has_titles or plan.live.meta.title_field is None:
        return []
    named = {reason.item for item in shown.items for reason in item.reasons}
    ids = [id_ for id_, work in _title_documents(plan).items() if work in named]
    return [
        details_body(some, source=[plan.live.meta.title_field])
        for some in parts(ids, plan.live.limits.ids)
        if some
    ]


def with_titles(
    shown: Recommendations, found: Sequence[Answer], plan: Plan, lost: Sequence[str]
) -> Recommendations:
    """The recommendations, whose reasons have titles.

    Args:
        shown: Without titles.
        found: The hits of `title_bodies`.
        plan: What was asked.
        lost: What is wrong with the answers, in sentences.
    """
    works = _title_documents(plan)
    titles = {works[hit["_id"]]: title_of(hit, plan.live.meta.title_field) for hit in found}

    def titled(reason: Reason) -> Reason:
        return replace(reason, title=titles.get(reason.item))

    items = tuple(replace(item, reasons=tuple(map(titled, item.reasons))) for item in shown.items)
    degraded = tuple(f"titles of reasons are missing: {sentence}" for sentence in lost[:1])
    return replace(shown, items=items, degraded=(*shown.degraded, *degraded))


def with_passing(
    shown: Recommendations, plan: Plan, passing: Mapping[str, int] | None
) -> Recommendations:
    """A list that stayed short, with a note on how many documents pass the filters at all.

    Args:
        shown: The list.
        plan: What was asked.
        passing: Documents by language tag; None where that is not known.
    """
    if passing is None:
        return shown
    counts = (
        f"{sum(passing.get(tag, 0) for tag in plan.tags(language)):,} in {language}"
        for language in plan.languages
    )
    note = f"the list is short: of all documents, the filters leave {', '.join(counts)}"
    return replace(shown, notes=(*shown.notes, note))


def _title_documents(plan: Plan) -> dict[str, str]:
    """Work by id of the document that its title is taken from: the first, whatever the language."""
    found = {id_: work for ids in plan.profile.texts.values() for id_, work in ids.items()}
    first: dict[str, str] = {}
    for id_ in sorted(found):
        first.setdefault(found[id_], id_)
    return {id_: work for work, id_ in first.items()}


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
        items=tuple(
            _recommendation(c, ranking, plan, held.get(c.id, _Held()), options) for c in chosen
        ),
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
    candidate: fusion.Fused, ranking: Ranking, plan: Plan, held: _Held, options: Options
) -> Recommendation:
    speakers = _speakers(candidate, plan, held) if options.explain else {}
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
            Reason(
                speaker,
                plan.profile.titles.get(speaker),
                share,
                options.search.relation,
                shared_tokens(speaker, plan, held),
            )
            for speaker, share in strongest
        ),
        source=held.source,
        propensity=candidate.propensity,
    )
