"""From Elasticsearch's answers to candidates, fused and in order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xlrec_es.cluster.answers import Answer, lacks_of
from xlrec_es.cluster.client_errors import explained, root_cause
from xlrec_es.errors import IndexNotFound, SearchFailed
from xlrec_es.index.fields import LANGUAGE_FIELD
from xlrec_es.index.hits import id_of, is_inherited, language_of, work_of
from xlrec_es.recommend.answer import fusion
from xlrec_es.recommend.answer.cascade import cascaded, mostly
from xlrec_es.recommend.options import (
    AUTO,
    CASCADE,
    COLLABORATIVE,
    DENSE,
    EXPLORE,
    IMAGE,
    IN_ONE_LANGUAGE,
    RECIPROCAL_RANK,
    Options,
)
from xlrec_es.recommend.request import server_fusion
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.queries import SearchRequest, boost_of, score_of
from xlrec_es.recommend.request.server_fusion import FUSED

Lists = Mapping[tuple[str, str], Sequence[fusion.Scored]]
"""What retrievers found, best first, by language and retriever."""


@dataclass(frozen=True, slots=True)
class Searched:
    """Searches that were sent, and their answers.

    Attributes:
        plan: What was asked.
        answers: One for each of `plan.requests`.
    """

    plan: Plan
    answers: Sequence[Answer]

    def answers_to(self, requests: Sequence[SearchRequest]) -> dict[int, Answer]:
        """The answers that are there to some searches, by the number of the search."""
        known = [*zip(self.plan.requests, self.answers, strict=False)]
        return {
            number: answer
            for number, request in enumerate(requests)
            for sent, answer in known
            if sent == request
        }


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates, fused and in order.

    Attributes:
        candidates: Best first.
        fair: The same by those retrievers alone that can be compared over languages.
        hits: Elasticsearch's hit by document id.
        works: Work by document id.
        degraded: What failed or came late, in sentences.
        chosen: Those candidates that are shown, in order; None while that is open.
        tags: Tag by document id, where it is another than the target language that names it.
        unknown: Documents of items that nobody has liked, by language, for `Options.explore`.
        inherited: Documents of items that nobody has liked, where they are most of what the
            collaborative retriever likes best.
    """

    candidates: list[fusion.Fused]
    fair: list[fusion.Fused]
    hits: Mapping[str, Answer]
    works: Mapping[str, str]
    degraded: tuple[str, ...]
    chosen: Sequence[fusion.Fused] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, Sequence[fusion.Scored]] = field(default_factory=dict)
    inherited: frozenset[str] = frozenset()

    def tag(self, candidate: fusion.Fused) -> str:
        """The language tag of the document itself."""
        return self.tags.get(candidate.id, candidate.language)


@dataclass(frozen=True, slots=True)
class Unfused:
    """Candidates as the retrievers found them, in no order.

    Attributes:
        scores: The retrievers' own scores, by document id and target language, then by retriever.
        works: Work by document id.
        degraded: As in `Ranking`.
        inherited: Candidates of items that nobody has liked.
    """

    scores: Mapping[tuple[str, str], Mapping[str, float]]
    works: Mapping[str, str]
    degraded: tuple[str, ...]
    inherited: frozenset[tuple[str, str]] = frozenset()


def rank(plan: Plan, answers: Sequence[Answer], options: Options, *, size: int = 10) -> Ranking:
    """Fuse the answers.

    Args:
        plan: What was asked.
        answers: One for each of `plan.requests`.
        options: How.
        size: Of the list that is shown, of which a cascade gives texts a part.

    Raises:
        SearchFailed: Every search failed.
        IndexNotFound: The index is gone.
    """
    usable, degraded = _usable(plan, answers)
    hits = {id_of(hit): hit for answer in usable for hit in answer["hits"]["hits"]}
    found = _retriever_lists(plan, usable)
    lists = {key: hits for key, hits in found.items() if key[1] != EXPLORE}
    unknown = {language: hits for (language, by), hits in found.items() if by == EXPLORE}
    comparable = frozenset(plan.weights) - IN_ONE_LANGUAGE
    works = {document: work_of(hit) for document, hit in hits.items()}
    inherited = _inherited(found, hits, size)

    def mix(some: Lists) -> list[fusion.Fused]:
        if plan.fusion == RECIPROCAL_RANK:
            return fusion.reciprocal_rank(
                some, plan.weights, comparable=comparable, rank_constant=options.rank_constant
            )
        return fusion.fuse(some, plan.weights, comparable=comparable, levelled=frozenset({DENSE}))

    def fuse(some: Lists) -> list[fusion.Fused]:
        learned = {language: found for (language, by), found in some.items() if by == COLLABORATIVE}
        if plan.fusion == CASCADE and learned:
            others = {key: found for key, found in some.items() if key[1] != COLLABORATIVE}
            share = plan.text_share
            fused = cascaded(
                learned, mix(others), works, share=share, size=size, inherited=inherited
            )
        else:
            fused = mix(some)
        if not options.search.boosts:
            return fused
        factors = {document: boost_of(hit, options.search) for document, hit in hits.items()}
        return fusion.boosted(fused, factors)

    if options.server_side:
        candidates = fusion.in_order(
            candidate
            for (language, retriever), found in lists.items()
            for candidate in (
                _fused_there(language, found)
                if retriever == FUSED
                else fuse({(language, retriever): found})
            )
        )
    else:
        candidates = fuse(lists)
    alike = {key: found for key, found in lists.items() if key[1] in comparable}
    # Only a shared list needs it (`results.choose`), and only beside a retriever that cannot be
    # compared.
    by_score = options.division == AUTO
    fair = fuse(alike) if by_score and len(alike) < len(lists) else candidates
    return Ranking(
        candidates,
        fair,
        hits,
        works,
        (*plan.degraded, *degraded),
        tags=_tags(plan, usable),
        unknown=unknown,
        inherited=inherited,
    )


def _inherited(found: Lists, hits: Mapping[str, Answer], size: int) -> frozenset[str]:
    """See `Ranking.inherited`."""
    inherited = frozenset(document for document, hit in hits.items() if is_inherited(hit))
    learned = fusion.in_order(
        hit for (_, by), some in found.items() if by == COLLABORATIVE for hit in some
    )
    return inherited if mostly(inherited, [hit.id for hit in learned], size) else frozenset()


def _tags(plan: Plan, answers: Sequence[Answer]) -> dict[str, str]:
    """See `Ranking.tags`. Hits tell their tag where there are several."""
    return {
        id_of(hit): hit["fields"].get(LANGUAGE_FIELD, tags)[0]
        for request, answer in zip(plan.requests, answers, strict=True)
        for language, hits in _by_language(plan, request, answer).items()
        if (tags := plan.variants.get(language))
        for hit in hits
    }


def _by_language(plan: Plan, request: SearchRequest, answer: Answer) -> dict[str, Sequence[Answer]]:
    """What a search found, by target language."""
    hits = answer["hits"]["hits"]
    if not request.together:
        return {request.language: hits}
    owner = {tag: language for language in request.together for tag in plan.tags(language)}
    found: dict[str, list[Answer]] = {language: [] for language in request.together}
    for hit in hits:
        found[owner[language_of(hit)]].append(hit)
    return dict(found)


def _usable(plan: Plan, answers: Sequence[Answer]) -> tuple[list[Answer], tuple[str, ...]]:
    """The answers, an empty one in place of each that failed, and what is wrong with them."""
    usable: list[Answer] = []
    degraded = []
    for request, answer in zip(plan.requests, answers, strict=True):
        what = f"the {request.retriever} search for {request.language}"
        if "error" in answer:
            cause = root_cause(answer["error"])
            if cause.get("type") == "index_not_found_exception":
                raise IndexNotFound(f"{plan.live.name} has just been deleted")
            degraded.append(f"{what} failed: {explained(cause)}")
            usable.append({"hits": {"hits": []}})
            continue
        usable.append(answer)
        degraded += [f"{what} {lack}" for lack in lacks_of(answer)]
    if answers and all("error" in answer for answer in answers):
        raise SearchFailed(degraded[0], status=answers[0].get("status"))
    return usable, tuple(dict.fromkeys(degraded))


def _retriever_lists(
    plan: Plan, answers: Sequence[Answer]
) -> dict[tuple[str, str], list[fusion.Scored]]:
    """One list for each language and retriever, best first."""
    lists = {}
    for request, answer in zip(plan.requests, answers, strict=True):
        factor, summand = _scale(request)
        for language, hits in _by_language(plan, request, answer).items():
            lists[language, request.retriever] = fusion.in_order(
                fusion.Scored(id_of(hit), factor * score_of(hit) + summand) for hit in hits
            )
    return lists


def _scale(request: SearchRequest) -> tuple[float, float]:
    """By which factor and summand a retriever's own score comes from Elasticsearch's."""
    if request.retriever in (DENSE, EXPLORE, IMAGE):
        # Elasticsearch scores a dot product as (1 + cosine) / 2.
        return 2.0, -1.0
    if request.retriever == FUSED:
        return 1 / server_fusion.highest_score(request.body), 0.0
    return 1.0, 0.0


def unfused(plan: Plan, answers: Sequence[Answer]) -> Unfused:
    """What each retriever says by itself, for who fuses in other ways than `rank` does.

    Args:
        plan: What was asked.
        answers: One for each of `plan.requests`.

    Raises:
        XlrecError: As for `rank`.
    """
    usable, degraded = _usable(plan, answers)
    scores: dict[tuple[str, str], dict[str, float]] = {}
    works: dict[str, str] = {}
    inherited = set()
    for request, answer in zip(plan.requests, usable, strict=True):
        factor, summand = _scale(request)
        for language, hits in _by_language(plan, request, answer).items():
            for hit in hits:
                id_ = id_of(hit)
                works[id_] = work_of(hit)
                if is_inherited(hit):
                    inherited.add((id_, language))
                mine = scores.setdefault((id_, language), {})
                mine[request.retriever] = factor * score_of(hit) + summand
    return Unfused(scores, works, (*plan.degraded, *degraded), frozenset(inherited))


def _fused_there(language: str, hits: Sequence[fusion.Scored]) -> list[fusion.Fused]:
    """The candidates of a list that is fused already.

    Args:
        language: Of the search.
        hits: Best first, with scores of 0..1.
    """
    return [
        fusion.Fused(hit.id, language, hit.score, {FUSED: fusion.Found(rank, hit.score, hit.score)})
        for rank, hit in enumerate(hits, 1)
    ]
