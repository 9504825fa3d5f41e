"""One ranked list from what indicators find first, and from what texts find. Pure.

Where an index has indicators, the searches of them decide: on all catalogs that were measured they
find more than any other search, and a mixture of scores puts documents that texts alone know in
front of theirs (xlrec_es/DESIGN.md, "Cascade"). Texts get the places that are theirs by evidence
(`profile.Profile.text_share`), and what is left open, such as the slots of a language in which
indicators find too little.

An item that nobody has liked yet has inherited its indicators. Where most candidates are such
items, they are put in order by both; see `by_both`.

`xlrec_es.evaluate.vectorized_fusion` puts many cases in order by the same `interleaved`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import TypeVar

from xlrec_es.recommend.answer.fusion import Found, Fused, Scored, in_order
from xlrec_es.recommend.options import COLLABORATIVE

K = TypeVar("K", bound=Hashable)

EQUAL_SAY = 0.5
"""The part of texts in the score of items with inherited indicators."""

_EXACT = 1e-9  # more than the last digit of a share times a whole number


def text_places(share: float, size: int) -> list[int]:
    """The places of a list that belong to texts, from 1, spread evenly.

    Args:
        share: See `profile.Profile.text_share`.
        size: Of the list.
    """
    count = math.floor(share * size + _EXACT)
    return [math.ceil(number / share - _EXACT) for number in range(1, count + 1)]


def cascaded(
    learned: Mapping[str, Sequence[Scored]],
    texts: Sequence[Fused],
    works: Mapping[str, str],
    *,
    share: float,
    size: int,
    inherited: Collection[str] = (),
) -> list[Fused]:
    """Put what indicators found in the order of its scores, and texts' finds into their places.

    Args:
        learned: What the collaborative retriever found, by language, best first.
        texts: What the dense and the lexical one found, fused, best first.
        works: Work by document id. A place is one of a work, in however many documents.
        share: See `text_places`.
        size: Of the list that is shown.
        inherited: Documents of items that nobody has liked, of either.

    Returns:
        All candidates, best first. Scores are 0..1: the part of the highest sum of indicators; at
        a place of texts, that of the next candidate; and below all of these what texts alone found.
    """
    by_text = {candidate.id: candidate for candidate in texts}
    new = inherited if texts else ()

    def share_of(id_: str) -> float:
        return max(share, EQUAL_SAY) if id_ in new else share

    first = _learned(learned, by_text, share_of)
    if new:
        scores = {one.id: one.retrievers[COLLABORATIVE].score for one in first}
        said = {candidate.id: candidate.score for candidate in texts}
        first = _in_new_order(first, by_both(scores, said, new), by_text)
    by_id = {candidate.id: candidate for candidate in first}
    places = text_places(share, size)
    order = interleaved(list(by_id), list(by_text), works.__getitem__, places)
    lowest = min((candidate.score for candidate in by_id.values()), default=1.0)
    rest = [one._replace(score=lowest * one.score) for one in texts if one.id not in order]
    return [
        (by_id.get(id_) or by_text[id_])._replace(score=by_id[before].score)
        for id_, before in order.items()
    ] + rest


def interleaved(
    first: Sequence[K],
    texts: Sequence[K],
    work_of: Callable[[K], str],
    places: Sequence[int],
) -> dict[K, K]:
    """Put what texts found into their places among what indicators found.

    Args:
        first: What indicators found, best first.
        texts: What texts found, best first.
        work_of: Of either. A place is one of a work, in however many documents.
        places: See `text_places`.

    Returns:
        All of `first` and as many of `texts` as there are places, in order, each with the one of
        `first` that it was put before; what was not is with itself.
    """
    due = list(places)
    there: set[str] = set()
    waiting = (text for text in texts if work_of(text) not in there)
    order: dict[K, K] = {}
    for one in first:
        while due and work_of(one) not in there and len(there) + 1 >= due[0]:
            due.pop(0)
            if (text := next(waiting, None)) is not None:
                order[text] = one
                there.add(work_of(text))
        order.setdefault(one, one)
        there.add(work_of(one))
    return order


def mostly(inherited: Collection[K], learned: Sequence[K], size: int) -> bool:
    """Whether most of what indicators like best are items that nobody has liked yet.

    Args:
        inherited: Such items.
        learned: What indicators found, best first.
        size: Of the list that is shown.
    """
    first = learned[:size]
    return 2 * sum(one in inherited for one in first) > len(first)


def by_both(
    learned: Mapping[K, float], texts: Mapping[K, float], inherited: Collection[K]
) -> list[K]:
    """What indicators found, items that nobody has liked being ordered by both among themselves.

    Inherited indicators rest on texts, too, and on no user: neither is known to be the better. So
    the score of indicators is multiplied by e to the power of that of texts (a logarithmic opinion
    pool: Genest and Zidek 1986, https://doi.org/10.1214/ss/1177013825). What only one of them found
    has the other's lowest score. Items with users of their own keep their places. Measured:
    xlrec_es/DESIGN.md, "Cascade".

    Args:
        learned: The collaborative retriever's scores, above zero, best first.
        texts: The fused scores of the others, 0..1, best first.
        inherited: Those of either that nobody has liked.

    Returns:
        All of `learned` and what texts alone found of `inherited`, best first.
    """
    theirs = [one for one in learned if one in inherited]
    theirs += [one for one in texts if one in inherited and one not in learned]
    if not theirs or not texts:
        return list(learned)
    lowest, least = min(learned.values()), min(texts.values())
    worth = {one: learned.get(one, lowest) * math.exp(texts.get(one, least)) for one in theirs}
    best = iter(sorted(theirs, key=worth.__getitem__, reverse=True))
    placed = [next(best) if one in inherited else one for one in learned]
    return [*placed, *best]


def _in_new_order(
    first: Sequence[Fused], order: Sequence[str], by_text: Mapping[str, Fused]
) -> list[Fused]:
    """The candidates in an order, each with the score of the place that it takes."""
    by_id = {candidate.id: candidate for candidate in first}
    scores = [candidate.score for candidate in first]
    scores += scores[-1:] * (len(order) - len(first))
    return [
        (by_id.get(id_) or by_text[id_])._replace(score=score)
        for id_, score in zip(order, scores, strict=True)
    ]


def _learned(
    learned: Mapping[str, Sequence[Scored]],
    by_text: Mapping[str, Fused],
    share_of: Callable[[str], float],
) -> list[Fused]:
    """The candidates of the collaborative retriever, with what others said of them.

    Args:
        learned: As for `cascaded`.
        by_text: What others said, by document id.
        share_of: The part of others in the score of a document.
    """
    highest = max((hits[0].score for hits in learned.values() if hits), default=1.0)
    return in_order(
        Fused(
            id_,
            language,
            score / highest,
            {
                COLLABORATIVE: Found(rank, score, (1 - share_of(id_)) * score / highest),
                **{
                    retriever: said._replace(part=share_of(id_) * said.part)
                    for retriever, said in (
                        by_text[id_].retrievers.items() if id_ in by_text else ()
                    )
                },
            },
        )
        for language, hits in learned.items()
        for rank, (id_, score) in enumerate(hits, 1)
    )
