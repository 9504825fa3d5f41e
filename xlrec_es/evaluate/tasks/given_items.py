"""Cases of `rank`: held-out items among others that were drawn, language by language. Pure.

A user's history in one language is to tell the items that they like in another language from items
of that language that nobody says they like. Source of the protocol: Krichene and Rendle 2020, "On
Sampled Metrics for Item Recommendation" (https://doi.org/10.1145/3394486.3403226), which warns that
a metric by samples says which order is better, not how good a list of all items would be. AUC is
the same by samples as by all items; nDCG is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xlrec_es.evaluate.protocol import Case
from xlrec_es.interactions.digests import ids_as_numbers

NEGATIVES = 100
"""Drawn for each case."""


@dataclass(frozen=True, slots=True)
class GivenItems:
    """A user, and items of one language that are to be put in their order.

    Attributes:
        case: The user, from one source language.
        language: Target language.
        targets: Held-out items that are to be had in it.
        items: These and others, in an order that was drawn.
    """

    case: Case
    language: str
    targets: frozenset[str]
    items: tuple[str, ...]


def given_items(
    cases: Sequence[Case],
    works: Mapping[str, Sequence[str]],
    *,
    seed: int,
    negatives: int = NEGATIVES,
) -> list[GivenItems]:
    """The cases of `rank`.

    Args:
        cases: As `protocol.split_cases` makes them.
        works: By language, sorted; see `Pool.works_by_language`.
        seed: Same seed and cases, same draw.
        negatives: So many others at most, of those that the user is not known to like.

    Returns:
        One for each case and language of its targets, where there is an item to compare with.
    """
    found = []
    for case in cases:
        known = {*case.history, *case.seen, *case.targets}
        for language, own in works.items():
            targets = case.targets.intersection(own)
            if not targets or language == case.source:
                continue
            others = [work for work in own if work not in known]
            drawn = _drawn(others, negatives, f"{seed} {case.user} {case.source} {language}")
            if drawn:
                items = _drawn([*sorted(targets), *drawn], None, f"{seed} {case.user} {language}")
                found.append(GivenItems(case, language, targets, tuple(items)))
    return found


def _drawn(items: Sequence[str], most: int | None, name: str) -> list[str]:
    """So many of the items, in an order that depends on the name alone."""
    [number] = ids_as_numbers([name])
    order = np.random.default_rng(int(number)).permutation(len(items))
    return [items[place] for place in order[:most]]


def area_under_curve(scores: Mapping[str, float], targets: frozenset[str]) -> float:
    """How often a target has a higher score than another item; half, where both have the same.

    Args:
        scores: By item; at least one is a target, and one is none.
        targets: Those that should come first.

    Returns:
        0..1; 0.5 by chance. Source: Mann and Whitney 1947
        (https://doi.org/10.1214/aoms/1177730491).
    """
    mine = np.array([score for item, score in scores.items() if item in targets])
    others = np.sort([score for item, score in scores.items() if item not in targets])
    below = np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")
    return float(below.sum() / (2 * len(mine) * len(others)))
