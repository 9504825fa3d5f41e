"""From Elasticsearch's answers to recommendations with their reasons. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xlrec_es.cluster.connection import root_cause
from xlrec_es.errors import IndexNotFound, SearchFailed
from xlrec_es.index.hits import INDICATORS_FIELD, details_body, id_of, title_of, vector_of, work_of
from xlrec_es.index.indicators import read_indicators
from xlrec_es.recommend import fusion, retrievers
from xlrec_es.recommend.plan import RECIPROCAL_RANK, Options, Plan
from xlrec_es.recommend.queries import COLLABORATIVE, DENSE, LEXICAL, boost_of, score_of
from xlrec_es.recommend.recommendations import (
    LanguageShare,
    LegScore,
    Reason,
    Recommendation,
    Recommendations,
    Vector,
)
from xlrec_es.recommend.retrievers import FUSED

MAX_REASONS = 3
DIVERSIFIED = 10
"""So many times the wanted number of candidates are looked at for diversity."""

TEMPERATURE = 0.05
"""A work whose cosine is lower by so much speaks a third as much: exp(cosine / T)."""

_NOTHING = 1e-9

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Searched:
    """Searches that were sent, and their answers.

    Attributes:
        plan: What was asked.
        answers: One for each of `plan.requests`.
    """

    plan: Plan
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates, fused and in order.

    Attributes:
        candidates: Best first.
        fair: The same by those legs alone that can be compared over languages.
        hits: Elasticsearch's hit by document id.
        works: Work by document id.
        degraded: What failed or came late, in sentences.
    """

    candidates: list[fusion.Fused]
    fair: list[fusion.Fused]
    hits: Mapping[str, Answer]
    works: Mapping[str, str]
    degraded: tuple[str, ...]


def rank(plan: Plan, answers: Sequence[Answer], options: Options) -> Ranking:
    """Fuse the answers.

    Args:
        plan: What was asked.
        answers: One for each of `plan.requests`.
        options: How.

    Raises:
        SearchFailed: Every search failed.
        IndexNotFound: The index is gone.
    """
    usable, degraded = _usable(plan, answers)
    hits = {id_of(hit): hit for answer in usable for hit in answer["hits"]["hits"]}
    lists = _leg_lists(plan, usable)
    # BM25 alone means nothing from one language to the next.
    comparable = frozenset(plan.weights) - {LEXICAL}

    def fuse(some: Mapping[tuple[str, str], Sequence[fusion.Hit]]) -> list[fusion.Fused]:
        if options.fusion == RECIPROCAL_RANK:
            fused = fusion.reciprocal_rank(
                some, plan.weights, comparable=comparable, rank_constant=options.rank_constant
            )
        else:
            fused = fusion.fuse(
                some, plan.weights, comparable=comparable, levelled=frozenset({DENSE})
            )
        if not options.search.boosts:
            return fused
        factors = {document: boost_of(hit, options.search) for document, hit in hits.items()}
        return fusion.boosted(fused, factors)

    if options.server_side:
        candidates = fusion.in_order(
            candidate
            for (language, leg), found in lists.items()
            for candidate in (
                retrievers.candidates(language, found)
                if leg == FUSED
                else fuse({(language, leg): found})
            )
        )
    else:
        candidates = fuse(lists)
    alike = {key: found for key, found in lists.items() if key[1] in comparable}
    # Only a shared list needs it (`_choose`), and only beside a leg that cannot be compared.
    fair = fuse(alike) if options.mix == fusion.AUTO and len(alike) < len(lists) else candidates
    works = {document: work_of(hit) for document, hit in hits.items()}
    return Ranking(candidates, fair, hits, works, degraded)


def details(ranking: Ranking, plan: Plan, options: Options, *, size: int) -> Answer | None:
    """The search for what the documents to be shown hold; None if there are none."""
    if options.diversity > 0:
        wanted = [candidate.id for candidate in ranking.candidates[: DIVERSIFIED * size]]
    else:
        wanted = [c.id for c in _choose(ranking, ranking.candidates, plan, options, size)]
    if not wanted:
        return None
    title = plan.live.meta.title_field
    source = dict.fromkeys((*options.search.source, *([title] if title else [])))
    return details_body(
        wanted,
        source=tuple(source),
        indicators=options.explain and plan.weights.get(COLLABORATIVE, 0) > 0,
        vectors=options.diversity > 0 or (options.explain and plan.weights.get(DENSE, 0) > 0),
        binary=plan.live.has_binary_vectors,
    )


def finish(
    ranking: Ranking,
    plan: Plan,
    options: Options,
    *,
    size: int,
    found: Sequence[Answer] = (),
) -> Recommendations:
    """Choose, and say why.

    Args:
        ranking: See `rank`.
        plan: What was asked.
        options: How.
        size: How many, over all languages.
        found: The hits of `details`.
    """
    held = {hit["_id"]: _held(hit) for hit in found}
    candidates = ranking.candidates
    if options.diversity > 0:
        vectors = {id_: h.vector for id_, h in held.items() if h.vector is not None}
        candidates = fusion.diversify(
            candidates[: DIVERSIFIED * size], vectors, strength=options.diversity
        )
    chosen = _choose(ranking, candidates, plan, options, size)
    return Recommendations(
        items=tuple(
            _recommendation(c, ranking.works[c.id], plan, held.get(c.id, _Held())) for c in chosen
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
    if options.mix == fusion.AUTO:
        return tuple(LanguageShare(tag, None, filled[tag]) for tag in plan.languages)
    seats = fusion.share_out(plan.languages, options.mix, size)
    return tuple(LanguageShare(tag, seats.get(tag, 0), filled[tag]) for tag in plan.languages)


def hits_of(answer: Answer) -> list[Answer]:
    """The hits of a search, whether it was sent by itself or with others.

    Raises:
        IndexNotFound: The index is gone.
        SearchFailed: The search failed.
    """
    if "error" in answer:
        cause = root_cause(answer["error"])
        if cause.get("type") == "index_not_found_exception":
            raise IndexNotFound(f"{cause.get('reason')}; make it with: xlrec-ingest run")
        raise SearchFailed(f"a search failed: {cause.get('reason')}")
    hits: list[Answer] = answer["hits"]["hits"]
    return hits


def _usable(plan: Plan, answers: Sequence[Answer]) -> tuple[list[Answer], tuple[str, ...]]:
    """The answers, an empty one in place of each that failed, and what is wrong with them."""
    usable: list[Answer] = []
    degraded = []
    for request, answer in zip(plan.requests, answers, strict=True):
        what = f"the {request.leg} search for {request.language}"
        if "error" in answer:
            cause = root_cause(answer["error"])
            if cause.get("type") == "index_not_found_exception":
                raise IndexNotFound(f"{plan.live.name} has just been deleted")
            degraded.append(f"{what} failed: {cause.get('reason')}")
            usable.append({"hits": {"hits": []}})
            continue
        usable.append(answer)
        if answer["timed_out"]:
            degraded.append(f"{what} ran out of time and saw only a part of the index")
        if answer["_shards"]["failed"]:
            shards = answer["_shards"]
            degraded.append(
                f"{what} reached only {shards['successful']} of {shards['total']} shards"
            )
    if answers and all("error" in answer for answer in answers):
        raise SearchFailed(degraded[0])
    return usable, tuple(dict.fromkeys(degraded))


def _leg_lists(plan: Plan, answers: Sequence[Answer]) -> dict[tuple[str, str], list[fusion.Hit]]:
    """One list for each language and leg, best first."""
    lists = {}
    for request, answer in zip(plan.requests, answers, strict=True):
        factor, summand = 1.0, 0.0
        if request.leg == DENSE:
            # Elasticsearch scores a dot product as (1 + cosine) / 2.
            factor, summand = 2.0, -1.0
        if request.leg == FUSED:
            factor = 1 / retrievers.highest_score(request.body)
        lists[request.language, request.leg] = fusion.in_order(
            fusion.Hit(id_of(hit), factor * score_of(hit) + summand)
            for hit in answer["hits"]["hits"]
        )
    return lists


def _choose(
    ranking: Ranking,
    candidates: Sequence[fusion.Fused],
    plan: Plan,
    options: Options,
    size: int,
) -> list[fusion.Fused]:
    caps = options.search.caps or {}
    values = {
        field: {document: hit["fields"].get(field, ()) for document, hit in ranking.hits.items()}
        for field in caps
    }

    def select(some: Sequence[fusion.Fused], seats: Mapping[str, int]) -> list[fusion.Fused]:
        return fusion.select(some, ranking.works, size=size, seats=seats, values=values, caps=caps)

    seats = fusion.share_out(plan.languages, options.mix, size)
    if options.mix == fusion.AUTO and ranking.fair:
        # As many of each language as there are among the best by what can be compared.
        seats = Counter(candidate.language for candidate in select(ranking.fair, seats))
    return select(candidates, seats)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a document to be shown holds, as far as it was asked for."""

    source: Mapping[str, Any] = field(default_factory=dict)
    vector: Vector | None = None
    indicators: Mapping[str, float] = field(default_factory=dict)


def _held(hit: Answer) -> _Held:
    indicators = read_indicators(hit.get("fields", {}).get(INDICATORS_FIELD))
    return _Held(hit.get("_source", {}), vector_of(hit), indicators)


def _recommendation(candidate: fusion.Fused, work: str, plan: Plan, held: _Held) -> Recommendation:
    speakers = _speakers(candidate, plan, held)
    strongest = sorted(speakers.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_REASONS]
    return Recommendation(
        id=candidate.id,
        work=work,
        language=candidate.language,
        score=candidate.score,
        title=title_of({"_source": held.source}, plan.live.meta.title_field),
        legs={
            leg: LegScore(found.rank, found.score, candidate.shares[leg])
            for leg, found in sorted(candidate.legs.items())
        },
        reasons=tuple(
            Reason(speaker, plan.profile.titles.get(speaker), share) for speaker, share in strongest
        ),
        source=held.source,
    )


def _speakers(candidate: fusion.Fused, plan: Plan, held: _Held) -> dict[str, float]:
    """The works and texts that spoke for a candidate, with their parts of its score."""
    speakers: dict[str, float] = {}
    for leg, share in candidate.shares.items():
        spoke = _of_leg(leg, candidate.language, plan, held)
        total = sum(spoke.values())
        for name, value in spoke.items():
            if value > _NOTHING * total:
                speakers[name] = speakers.get(name, 0.0) + share * value / total
    return speakers


def _of_leg(leg: str, language: str, plan: Plan, held: _Held) -> Mapping[str, float]:
    """What spoke through one leg, in any unit.

    Popularity speaks for itself. BM25 does not tell which text a term came from: the texts' works
    speak as much as they weigh. So does the whole history through a leg of which nothing else is
    known.
    """
    profile = plan.profile
    if leg == FUSED:
        return _of_fused(language, plan, held)
    if leg == LEXICAL:
        has_text = set(profile.texts[language].values())
        return {work: part for work, part in profile.liked.items() if work in has_text}
    if leg == COLLABORATIVE:
        liked = profile.liked
        spoke = {work: part * held.indicators.get(work, 0.0) for work, part in liked.items()}
        return spoke if any(spoke.values()) else liked
    if leg == DENSE:
        parts = profile.parts
        if held.vector is None:
            return parts
        cosines = np.stack([profile.vectors[name] for name in parts]) @ held.vector  # (n,)
        near = np.exp((cosines - cosines.max()) / TEMPERATURE)
        return {name: part * float(e) for (name, part), e in zip(parts.items(), near, strict=True)}
    return {}


def _of_fused(language: str, plan: Plan, held: _Held) -> Mapping[str, float]:
    """What spoke through legs that Elasticsearch fused: each of them as much as it weighs."""
    spoke: dict[str, float] = {}
    for leg, weight in plan.weights.items():
        if weight > 0 and (leg != LEXICAL or language in plan.profile.texts):
            parts = _of_leg(leg, language, plan, held)
            total = sum(parts.values())
            for name, part in parts.items():
                spoke[name] = spoke.get(name, 0.0) + weight * part / total
    return spoke
