"""Places of a list for items that nobody has liked yet. Pure.

Learned associations show what was liked, and what was never shown is never liked. Some places can
be kept for such items. Which of them is shown is drawn, with a probability that the log of
impressions holds, so that clicks on them can be weighed by it.

Source: inverse propensity scoring, Horvitz and Thompson 1952, "A Generalization of Sampling Without
Replacement From a Finite Universe" (https://doi.org/10.1080/01621459.1952.10483446).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from xlrec_es.recommend.answer.cascade import text_places
from xlrec_es.recommend.answer.fusion import Found, Fused, Scored
from xlrec_es.recommend.options import EXPLORE


def explored(
    chosen: Sequence[Fused],
    unknown: Mapping[str, Sequence[Scored]],
    works: Mapping[str, str],
    *,
    share: float,
    draw: random.Random,
) -> list[Fused]:
    """Put items that nobody has liked into their places of a list, each drawn alike.

    Args:
        chosen: The list, best first.
        unknown: Documents of such items that are near the user's taste, by language, best first.
        works: Work by document id.
        share: The part of the list that they get; the places are spread evenly.
        draw: Draws.

    Returns:
        The list with them, longer by as many; each with the probability that it is shown, and the
        score of what it stands before.
    """
    there = {works[candidate.id] for candidate in chosen}
    eligible: dict[str, Fused] = {}
    for language, found in sorted(unknown.items()):
        for rank, (id_, score) in enumerate(found, 1):
            if works[id_] not in there:
                said = {EXPLORE: Found(rank, score, 1.0)}
                eligible.setdefault(works[id_], Fused(id_, language, 0.0, said))
    places = text_places(share, len(chosen))
    picks = draw.sample(list(eligible.values()), min(len(places), len(eligible)))
    order = list(chosen)
    for place, pick in zip(places, picks, strict=False):
        score = order[place - 1].score
        chance = len(picks) / len(eligible)
        order.insert(place - 1, pick._replace(score=score, propensity=chance))
    return order
