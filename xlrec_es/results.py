"""From Elasticsearch's answers to recommendations with their reasons. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xlrec_es import fusion
from xlrec_es.client import root_cause
from xlrec_es.errors import IndexNotFound, SearchFailed
from xlrec_es.indicators import read_indicators
from xlrec_es.plan import RECIPROCAL_RANK, Options, Plan
from xlrec_es.query import (
    COLLABORATIVE,
    DENSE,
    INDICATORS_FIELD,
    LEXICAL,
    VECTOR_FIELD,
    WORK_FIELD,
    boost_of,
    title_of,
)
from xlrec_es.types import LegScore, Reason, Recommendation, Recommendations

MAX_REASONS = 3
DIVERSIFIED = 10
"""So many times the wanted number of candidates are looked at for diversity."""

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
    hits = {hit["_id"]: hit for answer in usable for hit in answer["hits"]["hits"]}
    lists = _leg_lists(plan, usable, options)
    # BM25 alone means nothing from one language to the next.
    comparable = frozenset(plan.weights) - {LEXICAL}

    def fuse(some: Mapping[tuple[str, str], Sequence[fusion.Hit]]) -> list[fusion.Fused]:
        if options.fusion == RECIPROCAL_RANK:
            fused = fusion.reciprocal_rank(
                some, plan.weights, comparable=comparable, rank_constant=options.rank_constant
            )
        else:
            fused = fusion.fuse(some, plan.weights, comparable=comparable)
        if not options.search.boosts:
            return fused
        factors = {document: boost_of(hit, options.search) for document, hit in hits.items()}
        return fusion.boosted(fused, factors)

    candidates = fuse(lists)
    alike = {key: found for key, found in lists.items() if key[1] in comparable}
    # Only a shared list needs it (`_choose`), and only beside a leg that cannot be compared.
    fair = fuse(alike) if options.mix == fusion.AUTO and len(alike) < len(lists) else candidates
    works = {document: hit["fields"][WORK_FIELD][0] for document, hit in hits.items()}
    return Ranking(candidates, fair, hits, works, degraded)


def shortlist(ranking: Ranking, plan: Plan, options: Options, *, size: int) -> list[str]:
    """Ids of the documents whose details are needed; empty if none are."""
    if options.diversity > 0:
        return [candidate.id for candidate in ranking.candidates[: DIVERSIFIED * size]]
    if options.explain and plan.weights.get(COLLABORATIVE, 0) > 0:
        chosen = _choose(ranking, ranking.candidates, plan, options, size)
        return [c.id for c in chosen if COLLABORATIVE in c.ranks]
    return []


def finish(
    ranking: Ranking,
    plan: Plan,
    options: Options,
    *,
    size: int,
    details: Sequence[Answer] = (),
) -> Recommendations:
    """Choose, and say why.

    Args:
        ranking: See `rank`.
        plan: What was asked.
        options: How.
        size: How many, over all languages.
        details: The hits of `query.details_body` for `shortlist`.
    """
    candidates = ranking.candidates
    if options.diversity > 0:
        candidates = fusion.diversify(
            candidates[: DIVERSIFIED * size], _vectors(details), strength=options.diversity
        )
    chosen = _choose(ranking, candidates, plan, options, size)
    indicators = _indicators(details)
    return Recommendations(
        items=tuple(
            _recommendation(candidate, ranking.hits[candidate.id], plan, indicators)
            for candidate in chosen
        ),
        index=plan.live.name,
        fingerprint=plan.live.meta.fingerprint.digest,
        unknown_items=plan.unknown_items,
        notes=plan.notes,
        degraded=ranking.degraded,
    )


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


def _leg_lists(
    plan: Plan, answers: Sequence[Answer], options: Options
) -> dict[tuple[str, str], list[fusion.Hit]]:
    """One list for each language and leg, best first."""
    dense: dict[str, dict[int, dict[str, float]]] = {}
    lists = {}
    for request, answer in zip(plan.requests, answers, strict=True):
        scores = {hit["_id"]: hit["_score"] for hit in answer["hits"]["hits"]}
        if request.interest is not None:
            # Elasticsearch scores a dot product as (1 + cosine) / 2.
            cosines = {document: 2 * score - 1 for document, score in scores.items()}
            dense.setdefault(request.language, {})[request.interest] = cosines
        else:
            speakers = _speakers(plan, request.leg, request.language)
            ordered = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
            lists[request.language, request.leg] = [
                fusion.Hit(document, score, speakers) for document, score in ordered
            ]
    interests = plan.profile.interests
    for language, by_interest in dense.items():
        numbers = sorted(by_interest)
        lists[language, DENSE] = fusion.soft_maximum(
            [by_interest[number] for number in numbers],
            [interests[number].weight for number in numbers],
            [interests[number].members for number in numbers],
            temperature=plan.temperature,
        )
    return lists


def _speakers(plan: Plan, leg: str, language: str) -> dict[str, float]:
    """Who speaks through a leg whose hits do not say it themselves.

    BM25 does not tell which text a term came from: the texts' works speak as much as they weigh.
    For the collaborative leg this is what is known until the details are. Popularity speaks for
    itself.
    """
    works = plan.profile.liked
    if leg == LEXICAL:
        has_text = set(plan.profile.texts[language].values())
        works = {work: part for work, part in works.items() if work in has_text}
    elif leg != COLLABORATIVE:
        return {}
    total = sum(works.values())
    return {work: part / total for work, part in works.items()}


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


def _vectors(details: Sequence[Answer]) -> dict[str, np.ndarray]:
    return {
        hit["_id"]: np.asarray(hit["fields"][VECTOR_FIELD], np.float32)
        for hit in details
        if VECTOR_FIELD in hit.get("fields", {})
    }


def _indicators(details: Sequence[Answer]) -> dict[str, Mapping[str, float]]:
    """Indicators by document id, by feature name."""
    return {
        hit["_id"]: read_indicators(hit["fields"][INDICATORS_FIELD])
        for hit in details
        if INDICATORS_FIELD in hit.get("fields", {})
    }


def _recommendation(
    candidate: fusion.Fused,
    hit: Answer,
    plan: Plan,
    indicators: Mapping[str, Mapping[str, float]],
) -> Recommendation:
    speakers = _all_speakers(candidate, plan, indicators.get(candidate.id))
    strongest = sorted(speakers.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_REASONS]
    return Recommendation(
        id=candidate.id,
        work=hit["fields"][WORK_FIELD][0],
        language=candidate.language,
        score=candidate.score,
        title=title_of(hit, plan.live.meta.title_field),
        legs={
            leg: LegScore(place, candidate.leg_scores[leg], candidate.shares[leg])
            for leg, place in sorted(candidate.ranks.items())
        },
        reasons=tuple(
            Reason(work, plan.profile.titles.get(work), share) for work, share in strongest
        ),
        source=hit.get("_source", {}),
    )


def _all_speakers(
    candidate: fusion.Fused, plan: Plan, indicators: Mapping[str, float] | None
) -> dict[str, float]:
    """What spoke for a candidate, the collaborative leg by what its indicators really say."""
    if indicators is None or COLLABORATIVE not in candidate.shares:
        return dict(candidate.speakers)
    spoke = {work: part * indicators.get(work, 0.0) for work, part in plan.profile.liked.items()}
    total = sum(spoke.values())
    share = candidate.shares[COLLABORATIVE]
    presumed = _speakers(plan, COLLABORATIVE, candidate.language)
    speakers = dict(candidate.speakers)
    for work, value in spoke.items():
        real = value / total if total > 0 else presumed[work]
        speakers[work] = speakers.get(work, 0.0) + share * (real - presumed[work])
    return {work: part for work, part in speakers.items() if part > 1e-9}
