"""One ranked list from what indicators find first, and from what texts find. Pure.

Where an index has indicators, the searches of them decide: on all catalogs that were measured they
find more than any other search, and a mixture of scores puts documents that texts alone know in
front of theirs (xlrec_es/DESIGN.md, "Cascade"). Texts get the places that are theirs by evidence
(`profile.Profile.text_share`), and what is left open, such as the slots of a language in which
indicators find too little.

`xlrec_es.evaluate.vectorized_fusion` puts many cases in order by the same `interleaved`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from xlrec_es.recommend.answer.fusion import Found, Fused, Scored, in_order
from xlrec_es.recommend.options import COLLABORATIVE

K = TypeVar("K", bound=Hashable)

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
    by_text = {candidate.id: candidate for candidate in texts}
    by_id = {candidate.id: candidate for candidate in _learned(learned, by_text, share)}
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
