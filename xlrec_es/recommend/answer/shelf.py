"""Given documents in the order of a user. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
UNSAID = (
    "no language was asked for: where several versions suit alike, it is the one in a language "
    "that the user knows, else in that of most items; give languages"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """In which languages works are wanted.

    Attributes:
        languages: The most wanted first, each with its variants; None: any. See `chosen_versions`.
        known: Those that the user knows.
    """

    languages: Sequence[str] | None = None
    known: Sequence[str] = ()


def put_in_order(
    ids: Sequence[str],
    hits: Sequence[Answer],
    plan: Plan,
    options: Options,
    *,
    wanted: Wanted = Wanted(),
    lacks: Sequence[str] = (),
) -> Recommendations:
    """Put given documents in order, the best first; equal ones stay as they were given.

    Args:
        ids: Of documents and works, as they were given.
        hits: The documents that `candidates.candidates_body` finds.
        plan: The user, and the index.
        options: How.
        wanted: Which language version of a work.
        lacks: What the answers lack, in phrases.
    """
    by_id = {hit["_id"]: hit for hit in reversed(hits)}
    scores = _scores(by_id, plan, options)
    by_score = {c.id: c.score for c in scores.values()}
    chosen = chosen_versions(ids, by_id, by_score, wanted.languages, wanted.known)
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
        notes=() if known else (NOBODY, *_open(ids, by_id, wanted)),
        languages=tuple(LanguageShare(tag, None, filled[tag]) for tag in sorted(filled)),
    )


def _open(ids: Sequence[str], by_id: Mapping[str, Answer], wanted: Wanted) -> list[str]:
    """A sentence if works have several versions, and nothing says which one is wanted."""
    works = Counter(work_of(hit) for hit in by_id.values())
    several = any(id_ not in by_id and works[id_] > 1 for id_ in ids)
    return [UNSAID] if several and not wanted.languages else []


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
    known_languages: Sequence[str] = (),
) -> list[str]:
    """A document for each id that was given, each document once, in the order given.

    The id of a document means this document. That of a work means one of its language versions: of
    those in the first of the languages that it has, else of all, the one with the highest score.
    Where scores are equal, as of a user whom nobody knows, it is the one in the first language that
    the user knows, else in the language of most documents, so that a list is in one language.

    Args:
        ids: As they were given.
        by_id: Hit by document id.
        scores: Score by document id.
        languages: The most wanted first, each with its variants; None: any.
        known_languages: Those that the user knows, best first.
    """
    order = _order_of_languages(by_id, known_languages)
    versions: dict[str, list[str]] = {}
    for id_, hit in by_id.items():
        versions.setdefault(work_of(hit), []).append(id_)
    chosen: dict[str, None] = {}
    for id_ in ids:
        if id_ in by_id:
            chosen[id_] = None
        elif id_ in versions:
            wanted = _in_first(versions[id_], by_id, languages or ())
            best = min(wanted, key=lambda one: (-scores[one], order[language_of(by_id[one])], one))
            chosen[best] = None
    return list(chosen)


def _order_of_languages(
    by_id: Mapping[str, Answer], known_languages: Sequence[str]
) -> dict[str, tuple[int, int, str]]:
    """What language versions that suit alike are put in order by, for each language."""
    documents = Counter(map(language_of, by_id.values()))

    def known(tag: str) -> int:
        places = (n for n, name in enumerate(known_languages) if lookup(tag, [name]))
        return next(places, len(known_languages))

    return {tag: (known(tag), -count, tag) for tag, count in documents.items()}


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
