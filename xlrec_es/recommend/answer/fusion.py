"""From ranked lists to one ranked list, with each one's share. Pure.

The retrievers of all languages become one scored list (`fuse`, or `reciprocal_rank`); `reranking`
makes of it the list that is shown. `xlrec_es.evaluate.vectorized_fusion` is the twin of both in
numpy, for trying many weights: whoever changes the one changes the other.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

NEIGHBOURS = 20
"""That tell how near a language is to a history; see `level`."""

LEVEL = 1 / 3
"""The part of their mean that is taken off."""


class Scored(NamedTuple):
    """A document with the score that one retriever gives it: an entry of the retriever's list.

    Attributes:
        id: Document id.
        score: The retriever's own score, higher is better.
    """

    id: str
    score: float


class Found(NamedTuple):
    """What one retriever says of a candidate.

    Attributes:
        rank: Place in the retriever's list of its language, from 1.
        score: The retriever's own score.
        part: What the retriever adds to the fused score.
    """

    rank: int
    score: float
    part: float


class Fused(NamedTuple):
    """A candidate with its fused score.

    Attributes:
        id: Document id.
        language: Language of the lists that it was in.
        score: Weighted sum of the normalized retriever scores, 0..1.
        retrievers: What each retriever says whose list it was in.
        propensity: With which probability it is shown, where that was drawn.
    """

    id: str
    language: str
    score: float
    retrievers: Mapping[str, Found]
    propensity: float = 1.0

    @property
    def shares(self) -> dict[str, float]:
        """The part of the score that each of these retrievers gave; they add up to 1."""
        total = sum(found.part for found in self.retrievers.values())
        # The lowest candidate of the union scores 0: its retrievers share alike.
        return {
            retriever: found.part / total if total > 0 else 1 / len(self.retrievers)
            for retriever, found in self.retrievers.items()
        }


Entry = TypeVar("Entry", Scored, Fused)

_PART: Callable[[Found], float] = operator.attrgetter("part")

Value = Callable[[int, float], float]
"""What a hit is worth, 0..1, by its rank from 1 and its retriever's own score."""


def level(scores: Sequence[float]) -> float:
    """What is taken off cosines so that languages can be compared: a part of the mean of the best.

    A history is nearer to texts of its own language than to others' even when languages are
    centered. Where everything is near, being near says less.

    Source: cross-domain similarity local scaling, Lample et al. 2018, "Word Translation Without
    Parallel Data" (https://openreview.net/forum?id=H196sainb), which takes half of ten; a third of
    twenty keeps languages nearer to their part of the pool (xlrec_es/DESIGN.md, "Hubness
    correction").

    Args:
        scores: Cosines of one language's list, the highest first.
    """
    best = scores[:NEIGHBOURS]
    return LEVEL * math.fsum(best) / len(best) if best else 0.0


def fuse(
    lists: Mapping[tuple[str, str], Sequence[Scored]],
    weights: Mapping[str, float],
    *,
    comparable: frozenset[str],
    levelled: frozenset[str] = frozenset(),
) -> list[Fused]:
    """Add up the retrievers' scores, each brought to 0..1 first.

    Centered cosines may be compared over languages, so a comparable retriever is normalized from
    its lowest to its highest score over all of them. BM25 may not, and has a zero of its own: such
    a retriever is divided by its highest score, language by language. A document outside a
    retriever's list gets 0 from it.

    Args:
        lists: Best first, by (language, retriever).
        weights: Weight by retriever, at least zero; retrievers without a list do not count.
        comparable: Retrievers whose scores may be compared over languages.
        levelled: Those of them whose scores are cosines, and are compared less their `level`.

    Returns:
        Every document of a retriever whose weight is above zero; best first, equal scores by id.
    """
    scales = _scales(lists, comparable, levelled)

    def scaled(key: tuple[str, str]) -> Value:
        taken_off, low, width = scales[key]
        return lambda _rank, score: (score - taken_off - low) / width

    return _combine(lists, weights, comparable, scaled)


def reciprocal_rank(
    lists: Mapping[tuple[str, str], Sequence[Scored]],
    weights: Mapping[str, float],
    *,
    comparable: frozenset[str],
    rank_constant: int = 60,
) -> list[Fused]:
    """Add up 1 / (rank_constant + rank), scaled so that the first place of every retriever gives 1.

    Source: Cormack, Clarke and Buettcher 2009, "Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods" (https://doi.org/10.1145/1571941.1572114).

    Args:
        lists: As for `fuse`.
        weights: As for `fuse`.
        comparable: As for `fuse`.
        rank_constant: Above zero; the higher, the less the first places count.

    Returns:
        As for `fuse`.
    """

    def reciprocal(rank: int, _score: float) -> float:
        return (rank_constant + 1) / (rank_constant + rank)

    return _combine(lists, weights, comparable, lambda _key: reciprocal)


def _combine(
    lists: Mapping[tuple[str, str], Sequence[Scored]],
    weights: Mapping[str, float],
    comparable: frozenset[str],
    value_in: Callable[[tuple[str, str]], Value],
) -> list[Fused]:
    """The weighted mean of a value of each hit, over the retrievers that have hits.

    A retriever that cannot be compared over languages counts only in the languages in which it has
    hits: a language in which the history has no text must not fall behind for that.
    """
    present = {
        retriever
        for (_, retriever), hits in lists.items()
        if hits and weights.get(retriever, 0) > 0
    }
    # Exact sums: a set has no order, and the last digit would change from run to run.
    totals = {
        language: math.fsum(
            weights[retriever]
            for retriever in present
            if retriever in comparable or lists.get((language, retriever))
        )
        for language, _ in lists
    }
    found: dict[str, dict[str, dict[str, Found]]] = {language: {} for language, _ in lists}
    for (language, retriever), hits in lists.items():
        if hits and retriever in present:
            weight, value = weights[retriever] / totals[language], value_in((language, retriever))
            mine = found[language]
            for rank, (document, score) in enumerate(hits, 1):
                said = Found(rank, score, weight * value(rank, score))
                mine.setdefault(document, {})[retriever] = said
    return in_order(
        Fused(document, language, sum(map(_PART, retrievers.values())), retrievers)
        for language, documents in found.items()
        for document, retrievers in documents.items()
    )


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Best first; equal scores by id."""
    found = sorted(entries, key=operator.attrgetter("id"))
    found.sort(key=operator.attrgetter("score"), reverse=True)
    return found


def boosted(candidates: Iterable[Fused], factors: Mapping[str, float]) -> list[Fused]:
    """The candidates with their scores multiplied by a factor by document id, in new order."""
    return in_order(c._replace(score=c.score * factors.get(c.id, 1.0)) for c in candidates)


def _scales(
    lists: Mapping[tuple[str, str], Sequence[Scored]],
    comparable: frozenset[str],
    levelled: frozenset[str],
) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Of each list its level, the lowest score that counts, and the way up to the highest."""
    levels = {
        key: level([hit.score for hit in hits]) if key[1] in levelled else 0.0
        for key, hits in lists.items()
    }
    over_all: dict[str, list[float]] = {retriever: [] for retriever in comparable}
    for key, hits in lists.items():
        if key[1] in comparable:
            over_all[key[1]] += [hit.score - levels[key] for hit in hits]
    shared = {
        retriever: _scale(scores, min(scores, default=0.0))
        for retriever, scores in over_all.items()
    }
    scales = {}
    for key, hits in lists.items():
        if key[1] in comparable:
            scales[key] = (levels[key], *shared[key[1]])
        else:
            scales[key] = (0.0, *_scale([hit.score for hit in hits], 0.0))
    return scales


def _scale(scores: Sequence[float], low: float) -> tuple[float, float]:
    width = max(scores, default=0.0) - low
    # One candidate, or all alike: the whole weight for each.
    return (low, width) if width > 0 else (low - 1.0, 1.0)
