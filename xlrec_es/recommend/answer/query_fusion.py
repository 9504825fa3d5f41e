"""What a query found, in order: by its words, its meaning, and the taste of who asks. Pure.

Taste only orders what the query found. And for taste's sake a document that lacks a word of the
query never passes one that has them all: see `with_taste`.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xlrec_es.index.hits import id_of, work_of
from xlrec_es.recommend.answer import fusion
from xlrec_es.recommend.answer.explanations import MAX_REASONS, _Held, _of_retriever
from xlrec_es.recommend.answer.ranking import (
    Ranking,
    Searched,
    _retriever_lists,
    _tags,
    _usable,
)
from xlrec_es.recommend.answer.taste import Taste, associated
from xlrec_es.recommend.options import COLLABORATIVE, DENSE, RECIPROCAL_RANK, TASTE, Options
from xlrec_es.recommend.recommendations import Reason
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.queries import boost_of
from xlrec_es.recommend.request.text_queries import ALL_WORDS

Lists = Mapping[tuple[str, str], Sequence[fusion.Scored]]


@dataclass(frozen=True, slots=True)
class QueryRanking:
    """What a query found.

    Attributes:
        ranking: The candidates by the query alone, without boosts.
        exact: Ids of those that have all its words.
        factors: The product of the boosts by document id.
        taste: The weight of taste, as a part of all weights.
    """

    ranking: Ranking
    exact: frozenset[str]
    factors: Mapping[str, float]
    taste: float


def rank_query(searched: Searched, options: Options) -> QueryRanking:
    """Fuse what the query's retrievers found, over all languages at once.

    Every language is asked the same words, so BM25 scores are compared as they are, as a search in
    several fields does. Cosines are compared less each language's level.

    Args:
        searched: The searches of `text_queries.query_plan`, and their answers.
        options: How.

    Raises:
        SearchFailed: Every search failed.
        IndexNotFound: The index is gone.
    """
    plan = searched.plan
    usable, degraded = _usable(plan, searched.answers)
    lists = _retriever_lists(plan, usable)
    found = [hit for answer in usable for hit in answer["hits"]["hits"]]
    hits = {id_of(hit): hit for hit in found}
    exact = frozenset(id_of(h) for h in found if ALL_WORDS in h.get("matched_queries", ()))
    # A document that two retrievers found has the same boosts in both.
    factors = {id_: boost_of(hit, options.search) for id_, hit in hits.items()}
    candidates = _fused(lists, plan.weights, options)
    ranking = Ranking(
        candidates,
        candidates,
        hits,
        {id_: work_of(hit) for id_, hit in hits.items()},
        (*plan.degraded, *degraded),
        tags=_tags(plan, usable),
    )
    weight = plan.weights.get(TASTE, 0.0)
    return QueryRanking(ranking, exact, factors, weight / sum(plan.weights.values()))


def _fused(lists: Lists, weights: Mapping[str, float], options: Options) -> list[fusion.Fused]:
    """The candidates of all languages, each with its place and score among those of its own."""
    pooled: dict[tuple[str, str], list[fusion.Scored]] = {}
    own: dict[tuple[str, str], tuple[str, int, float]] = {}
    for (language, retriever), entries in lists.items():
        scores = [entry.score for entry in entries]
        less = fusion.level(scores) if retriever == DENSE else 0.0
        pool = pooled.setdefault(("", retriever), [])
        for place, (id_, score) in enumerate(entries, 1):
            pool.append(fusion.Scored(id_, score - less))
            own[id_, retriever] = (language, place, score)
    in_order = {key: fusion.in_order(pool) for key, pool in pooled.items()}
    if options.fusion == RECIPROCAL_RANK:
        fused = fusion.reciprocal_rank(
            in_order, weights, comparable=frozenset(), rank_constant=options.rank_constant
        )
    else:
        fused = fusion.fuse(in_order, weights, comparable=frozenset({DENSE}))
    return [_in_own_language(candidate, own) for candidate in fused]


def _in_own_language(
    candidate: fusion.Fused, own: Mapping[tuple[str, str], tuple[str, int, float]]
) -> fusion.Fused:
    retrievers = {}
    language = ""
    for retriever, said in candidate.retrievers.items():
        language, place, score = own[candidate.id, retriever]
        retrievers[retriever] = fusion.Found(place, score, said.part)
    return candidate._replace(language=language, retrievers=retrievers)


def with_taste(found: QueryRanking, tastes: Mapping[str, Taste]) -> Ranking:
    """The candidates in the order of a user.

    A candidate's score is the weighted mean of what the query and the taste say of it. What lacks a
    word of the query stays below each candidate that has them all and that the query alone puts
    above it: taste brings it up to there, and no further. Boosts come last.

    Args:
        found: By the query alone.
        tastes: By document id; without one, taste says nothing for a candidate.
    """
    ranking = found.ranking
    part = found.taste if tastes else 0.0
    bounds = sorted((1 - part) * c.score for c in ranking.candidates if c.id in found.exact)
    places = {id_: n for n, id_ in enumerate(sorted(tastes, key=lambda i: -tastes[i].score), 1)}
    moved = []
    for candidate in ranking.candidates:
        said = {
            name: one._replace(part=(1 - part) * one.part)
            for name, one in candidate.retrievers.items()
        }
        score = (1 - part) * candidate.score
        if candidate.id in tastes and part > 0:
            taste = tastes[candidate.id].score
            higher = score + part * taste
            if candidate.id not in found.exact:
                higher = min(higher, _bound(score, bounds))
            said[TASTE] = fusion.Found(places[candidate.id], taste, higher - score)
            score = higher
        moved.append(candidate._replace(score=score, retrievers=said))
    ordered = fusion.boosted(moved, found.factors)
    return replace(ranking, candidates=ordered, fair=ordered)


def _bound(score: float, bounds: Sequence[float]) -> float:
    """A number just below the lowest of the bounds that are above a score."""
    place = bisect.bisect_right(bounds, score)
    return math.nextafter(bounds[place], 0.0) if place < len(bounds) else math.inf


def reasons_of(
    candidate: fusion.Fused, text: str, plan: Plan | None, held: _Held
) -> tuple[Reason, ...]:
    """The query, and the history's items, by their parts of a score; the strongest first.

    Args:
        candidate: With its final score.
        text: The query.
        plan: Of the user; None where nothing is known of them.
        held: What the document holds.
    """
    shares = candidate.shares
    of_taste = shares.get(TASTE, 0.0)
    spoken = {text: 1 - of_taste}
    if plan is not None and of_taste > 0:
        learned = associated(plan.profile, held) > 0
        decides = COLLABORATIVE if learned else DENSE
        parts = _of_retriever(decides, candidate.language, plan, held)
        total = sum(parts.values())
        for name, value in parts.items():
            spoken[name] = spoken.get(name, 0.0) + of_taste * value / total
    strongest = sorted(spoken.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_REASONS]
    titles = {} if plan is None else plan.profile.titles
    return tuple(Reason(name, titles.get(name), share) for name, share in strongest if share > 0)
