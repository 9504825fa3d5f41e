"""From ranked lists to one ranked list, with each one's share. Pure.

Three steps: the interests of a language become one dense list (`soft_maximum`), the legs of all
languages become one scored list (`fuse`), and seats are given to languages (`select`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

AUTO = "auto"
EQUAL = "equal"


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry of a leg's list.

    Attributes:
        id: Document id.
        score: The leg's own score, higher is better.
        speakers: What spoke for it and each one's part, adding up to 1: works of the history.
    """

    id: str
    score: float
    speakers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate with its fused score.

    Attributes:
        id: Document id.
        language: Language of the lists that it was in.
        score: Weighted sum of the normalised leg scores, 0..1.
        ranks: Its place in each leg's list that it was in, from 1.
        leg_scores: The score of its hit in each of these.
        shares: The part of `score` that each of these gave; they add up to 1.
        speakers: What spoke for it, over all legs; the parts add up to 1.
    """

    id: str
    language: str
    score: float
    ranks: Mapping[str, int]
    leg_scores: Mapping[str, float]
    shares: Mapping[str, float]
    speakers: Mapping[str, float]


def soft_maximum(
    lists: Sequence[Mapping[str, float]],
    weights: Sequence[float],
    members: Sequence[Mapping[str, float]],
    *,
    temperature: float,
) -> list[Hit]:
    """One list out of the lists of several interests: T log sum_i w_i exp(s_i / T).

    A document that an interest's search did not return scores there at most what the last one
    returned scored, and is given that.

    Args:
        lists: Cosine by document id, for each interest.
        weights: Weight of each interest; they add up to 1.
        members: The works behind each interest and their parts.
        temperature: In units of cosine, above zero; towards 0 the best interest alone decides,
            upwards the mean.

    Returns:
        Best first; equal scores by id.
    """
    floors = [min(scores.values(), default=-1.0) for scores in lists]
    hits = []
    for document in {document for scores in lists for document in scores}:
        exponents = [
            scores.get(document, floor) / temperature
            for scores, floor in zip(lists, floors, strict=True)
        ]
        top = max(exponents)  # for exp() not to overflow
        terms = [w * math.exp(e - top) for w, e in zip(weights, exponents, strict=True)]
        total = sum(terms)
        speakers: dict[str, float] = {}
        for term, works in zip(terms, members, strict=True):
            for work, part in works.items():
                speakers[work] = speakers.get(work, 0.0) + part * term / total
        hits.append(Hit(document, temperature * (top + math.log(total)), speakers))
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))


def fuse(
    lists: Mapping[tuple[str, str], Sequence[Hit]],
    weights: Mapping[str, float],
    *,
    comparable: frozenset[str],
) -> list[Fused]:
    """Add up the legs' scores, each brought to 0..1 first.

    Calibrated cosines may be compared over languages, so a comparable leg is normalised from its
    lowest to its highest score over all of them. BM25 may not, and has a zero of its own: such a
    leg is divided by its highest score, language by language. A document outside a leg's list gets
    0 from it.

    Args:
        lists: Best first, by (language, leg).
        weights: Weight by leg, at least zero; legs without a list do not count.
        comparable: Legs whose scores may be compared over languages.

    Returns:
        Every document of a leg whose weight is above zero; best first, equal scores by id.
    """
    present = {leg for (_, leg), hits in lists.items() if hits and weights.get(leg, 0) > 0}
    total = sum(weights[leg] for leg in present)
    scales = {key: _scale(lists, key, comparable) for key in lists}
    found: dict[tuple[str, str], dict[str, tuple[int, Hit]]] = {}
    for (language, leg), hits in lists.items():
        if leg in present:
            for rank, hit in enumerate(hits, 1):
                found.setdefault((language, hit.id), {})[leg] = (rank, hit)
    fused = []
    for (language, document), legs in found.items():
        parts = {}
        for leg, (_, hit) in legs.items():
            low, width = scales[language, leg]
            parts[leg] = weights[leg] / total * (hit.score - low) / width
        fused.append(_fused(document, language, legs, parts))
    return sorted(fused, key=lambda candidate: (-candidate.score, candidate.id))


def _scale(
    lists: Mapping[tuple[str, str], Sequence[Hit]],
    key: tuple[str, str],
    comparable: frozenset[str],
) -> tuple[float, float]:
    """The lowest score, and the way from there to the highest."""
    language, leg = key
    if leg in comparable:
        scores = [hit.score for (_, other), hits in lists.items() if other == leg for hit in hits]
        low = min(scores, default=0.0)
    else:
        scores = [hit.score for hit in lists[language, leg]]
        low = 0.0
    width = max(scores, default=0.0) - low
    # One candidate, or all alike: the whole weight for each.
    return (low, width) if width > 0 else (low - 1.0, 1.0)


def _fused(
    document: str,
    language: str,
    legs: Mapping[str, tuple[int, Hit]],
    parts: Mapping[str, float],
) -> Fused:
    score = sum(parts.values())
    # The lowest candidate of the union scores 0: its legs share alike.
    shares = {leg: part / score if score > 0 else 1 / len(parts) for leg, part in parts.items()}
    speakers: dict[str, float] = {}
    for leg, (_, hit) in legs.items():
        for work, part in hit.speakers.items():
            speakers[work] = speakers.get(work, 0.0) + part * shares[leg]
    return Fused(
        document,
        language,
        score,
        {leg: rank for leg, (rank, _) in legs.items()},
        {leg: hit.score for leg, (_, hit) in legs.items()},
        shares,
        speakers,
    )


def select(
    candidates: Sequence[Fused],
    works: Mapping[str, str],
    *,
    size: int,
    languages: Sequence[str],
    mix: str | Mapping[str, float],
) -> list[Fused]:
    """Take the best candidates, so many of each language, each work once.

    Args:
        candidates: Best first.
        works: Work id by document id.
        size: How many to take.
        languages: Target languages.
        mix: `auto`: by score alone. `equal`, or a part by language: that many seats of each
            language; seats that a language cannot fill go to the best of the others.

    Returns:
        Best first, at most `size`.
    """
    if mix == AUTO:
        seats = dict.fromkeys(languages, size)
    else:
        parts = dict.fromkeys(languages, 1.0) if isinstance(mix, str) else mix
        seats = allocate(parts, size)
    taken: dict[str, Fused] = {}
    passed_over = []
    for candidate in candidates:
        work = works[candidate.id]
        if work not in taken and seats.get(candidate.language, 0) > 0 and len(taken) < size:
            taken[work] = candidate
            seats[candidate.language] -= 1
        else:
            passed_over.append(candidate)
    for candidate in passed_over:
        if len(taken) < size:
            taken.setdefault(works[candidate.id], candidate)
    return sorted(taken.values(), key=lambda candidate: (-candidate.score, candidate.id))


def allocate(parts: Mapping[str, float], size: int) -> dict[str, int]:
    """Seats by language: largest remainder (Hamilton), at least one each while there are enough.

    Args:
        parts: Each language's part, above zero; need not add up to 1.
        size: Seats in all.

    Returns:
        Seats that add up to `size`.
    """
    total = sum(parts.values())
    exact = {language: size * part / total for language, part in parts.items()}
    seats = {language: int(quota) for language, quota in exact.items()}
    by_remainder = sorted(exact, key=lambda lang: (seats[lang] - exact[lang], lang))
    for language in by_remainder[: size - sum(seats.values())]:
        seats[language] += 1
    for language in sorted(parts, key=lambda lang: (-parts[lang], lang)):
        richest = max(seats, key=lambda lang: (seats[lang], lang))
        if seats[language] == 0 and seats[richest] > 1:
            seats[richest] -= 1
            seats[language] += 1
    return seats
