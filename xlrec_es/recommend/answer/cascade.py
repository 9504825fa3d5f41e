"""One ranked list from what indicators find first, and from what texts find. Pure.

Where an index has indicators, the searches of them decide: on all catalogs that were measured they
find more than any other search, and a mixture of scores puts documents that texts alone know in
front of theirs (xlrec_es/DESIGN.md, "Cascade"). Texts get the places that are theirs by evidence
(`profile.Profile.text_share`), and what is left open, such as the slots of a language in which
indicators find too little.

`xlrec_es.evaluate.vectorized_fusion` is the twin of this in numpy, for many cases: whoever changes
the one changes the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from xlrec_es.recommend.answer.fusion import Found, Fused, Scored, in_order
from xlrec_es.recommend.options import COLLABORATIVE

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
) -> list[Fused]:
    """Put what indicators found in the order of its scores, and texts' finds into their places.

    Args:
        learned: What the collaborative retriever found, by language, best first.
        texts: What the dense and the lexical one found, fused, best first.
        works: Work by document id. A place is one of a work, in however many documents.
        share: See `text_places`.
        size: Of the list that is shown.

    Returns:
        All candidates, best first. Scores are 0..1: the part of the highest sum of indicators; at
        a place of texts, that of the next candidate; and below all of these what texts alone found.
    """
    found_by_text = {candidate.id: candidate for candidate in texts}
    first = _learned(learned, found_by_text, share)
    by_id = {candidate.id: candidate for candidate in first}
    due = text_places(share, size)
    order: list[Fused] = []
    placed: set[str] = set()
    there: set[str] = set()
    waiting = _of_other_works(texts, works, there)
    for candidate in first:
        while due and works[candidate.id] not in there and len(there) + 1 >= due[0]:
            due.pop(0)
            if (text := next(waiting, None)) is not None:
                one = by_id.get(text.id, text)
                order.append(one._replace(score=candidate.score))
                placed.add(one.id)
                there.add(works[one.id])
        if candidate.id not in placed:
            order.append(candidate)
            placed.add(candidate.id)
            there.add(works[candidate.id])
    lowest = first[-1].score if first else 1.0
    rest = [one._replace(score=lowest * one.score) for one in texts if one.id not in placed]
    return order + rest


def _learned(
    learned: Mapping[str, Sequence[Scored]], by_text: Mapping[str, Fused], share: float
) -> list[Fused]:
    """The candidates of the collaborative retriever, with what others said of them."""
    highest = max((hits[0].score for hits in learned.values() if hits), default=1.0)
    return in_order(
        Fused(
            id_,
            language,
            score / highest,
            {
                COLLABORATIVE: Found(rank, score, (1 - share) * score / highest),
                **{
                    retriever: said._replace(part=share * said.part)
                    for retriever, said in (
                        by_text[id_].retrievers.items() if id_ in by_text else ()
                    )
                },
            },
        )
        for language, hits in learned.items()
        for rank, (id_, score) in enumerate(hits, 1)
    )


def _of_other_works(
    candidates: Sequence[Fused], works: Mapping[str, str], there: set[str]
) -> Iterator[Fused]:
    """The candidates whose works are not there yet, when each of them is asked for."""
    return (candidate for candidate in candidates if works[candidate.id] not in there)
