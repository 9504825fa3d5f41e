"""Given documents in the order of a user. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xlrec_es.cluster.answers import Answer
from xlrec_es.index.hits import language_of, work_of
from xlrec_es.languages import lookup
from xlrec_es.recommend.answer.explanations import _held
from xlrec_es.recommend.answer.fusion import Fused
from xlrec_es.recommend.answer.ranking import Ranking
from xlrec_es.recommend.answer.results import finish
from xlrec_es.recommend.answer.taste import tastes
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import LanguageShare, Recommendations
from xlrec_es.recommend.request.plan import Plan
from xlrec_es.recommend.request.queries import boost_of

NOBODY = "nothing is known of this user: the documents are in the order in which they were given"


def put_in_order(
    ids: Sequence[str],
    hits: Sequence[Answer],
    plan: Plan,
    options: Options,
    *,
    languages: Sequence[str] | None,
    lacks: Sequence[str] = (),
) -> Recommendations:
    """Put given documents in order, the best first; equal ones stay as they were given.

    Args:
        ids: Of documents and works, as they were given.
        hits: The documents that `candidates.candidates_body` finds.
        plan: The user, and the index.
        options: How.
        languages: Which language version of a work is wanted, the most wanted first; see
            `chosen_versions`.
        lacks: What the answers lack, in phrases.
    """
    by_id = {hit["_id"]: hit for hit in reversed(hits)}
    scores = _scores(by_id, plan, options)
    chosen = chosen_versions(ids, by_id, {c.id: c.score for c in scores.values()}, languages)
    known = plan.profile.interests
    # Sorting is stable: what is worth the same stays in the order given.
    order = sorted(chosen, key=lambda id_: -scores[id_].score) if known else chosen
    ranked = [scores[id_] for id_ in order]
    has = {name for hit in hits for name in (hit["_id"], work_of(hit))}
    missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in has]
    ranking = Ranking(
        candidates=ranked,
        fair=ranked,
        hits=by_id,
        works={id_: work_of(hit) for id_, hit in by_id.items()},
        degraded=(*plan.degraded, *_unread(lacks, missing)),
        chosen=ranked,
    )
    found = finish(ranking, plan, options, size=max(1, len(ranked)), found=list(by_id.values()))
    filled = Counter(item.language for item in found.items)
    return replace(
        found,
        unknown_items=tuple(dict.fromkeys((*([] if lacks else missing), *found.unknown_items))),
        notes=() if known else (NOBODY,),
        languages=tuple(LanguageShare(tag, None, filled[tag]) for tag in sorted(filled)),
    )


def _scores(by_id: Mapping[str, Answer], plan: Plan, options: Options) -> dict[str, Fused]:
    """Each document with its score."""
    said = tastes(plan.profile, {id_: _held(hit) for id_, hit in by_id.items()})
    found = {}
    for id_, hit in by_id.items():
        taste = said.get(id_)
        score = taste.score * boost_of(hit, options.search) if taste else 0.0
        retrievers = taste.retrievers if taste else {}
        found[id_] = Fused(id_, language_of(hit), score, retrievers)
    return found


def chosen_versions(
    ids: Sequence[str],
    by_id: Mapping[str, Answer],
    scores: Mapping[str, float],
    languages: Sequence[str] | None,
) -> list[str]:
    """A document for each id that was given, each document once, in the order given.

    The id of a document means this document. That of a work means one of its language versions: of
    those in the first of the languages that it has, else of all, the one with the highest score.

    Args:
        ids: As they were given.
        by_id: Hit by document id.
        scores: Score by document id.
        languages: The most wanted first, each with its variants; None: any.
    """
    versions: dict[str, list[str]] = {}
    for id_, hit in by_id.items():
        versions.setdefault(work_of(hit), []).append(id_)
    chosen: dict[str, None] = {}
    for id_ in ids:
        if id_ in by_id:
            chosen[id_] = None
        elif id_ in versions:
            wanted = _in_first(versions[id_], by_id, languages or ())
            chosen[min(wanted, key=lambda one: (-scores[one], one))] = None
    return list(chosen)


def _in_first(
    versions: Sequence[str], by_id: Mapping[str, Answer], languages: Sequence[str]
) -> Sequence[str]:
    for language in languages:
        found = [id_ for id_ in versions if lookup(language_of(by_id[id_]), [language])]
        if found:
            return found
    return versions


def _unread(lacks: Sequence[str], missing: Sequence[str]) -> list[str]:
    """What the search for the documents lacks, and what follows."""
    and_so = f": {len(missing)} of them were not found" if missing else ""
    return [f"the search for the documents {lack}{and_so}" for lack in dict.fromkeys(lacks)]
