"""From one scored list to the list that is shown: diversity, slots of languages, caps. Pure.

It follows on `fusion`. `xlrec_es.evaluate.vectorized_fusion` is the twin of both in numpy, for
trying many weights: whoever changes `select` changes it there too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from xlrec_es.languages import lookup
from xlrec_es.recommend.answer.fusion import Fused
from xlrec_es.recommend.options import AUTO
from xlrec_es.vectors.vector import Vector


def diversify(
    candidates: Sequence[Fused], vectors: Mapping[str, Vector], *, strength: float
) -> list[Fused]:
    """Order the candidates again, so that one that resembles those before it comes later.

    Each next one has the highest (1 - strength) x score - strength x its highest cosine to those
    taken. Scores stay what they were.

    Source: Carbonell and Goldstein 1998, "The Use of MMR, Diversity-Based Reranking for Reordering
    Documents and Producing Summaries" (https://doi.org/10.1145/290941.291025).

    Args:
        candidates: Best first.
        vectors: Shape (dims,), unit length, by document id; one without a vector resembles nothing.
        strength: 0 (leave the order) to 1 (look at nothing but the differences).
    """
    if strength == 0 or not candidates:
        return list(candidates)
    dims = len(next(iter(vectors.values()), np.zeros(1, np.float32)))
    rows = np.stack([vectors.get(c.id, np.zeros(dims, np.float32)) for c in candidates])
    scores = np.asarray([candidate.score for candidate in candidates])
    nearest = np.zeros(len(candidates))
    left = np.ones(len(candidates), bool)
    order: list[int] = []
    while left.any():
        value = np.where(left, (1 - strength) * scores - strength * nearest, -np.inf)
        best = int(np.argmax(value))
        order.append(best)
        left[best] = False
        nearest = np.maximum(nearest, rows @ rows[best])
    return [candidates[row] for row in order]


def select(
    candidates: Sequence[Fused],
    works: Mapping[str, str],
    *,
    size: int,
    slots: Mapping[str, int],
    values: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    caps: Mapping[str, int] | None = None,
) -> list[Fused]:
    """Take candidates in order, so many of each language, each work once.

    Args:
        candidates: In the order in which they are wanted.
        works: Work id by document id.
        size: How many to take.
        slots: Slots by language (`allocate`); those that a language cannot fill go to the next
            candidates of the others.
        values: The values of each capped field, by field and document id.
        caps: At most so many of each value, by field.

    Returns:
        At most `size`, in the order of `candidates`.
    """
    free = dict(slots)
    used: Counter[tuple[str, str]] = Counter()
    taken: set[str] = set()

    def labels(candidate: Fused) -> list[tuple[str, str]]:
        return [
            (field, value)
            for field in caps or {}
            for value in (values or {}).get(field, {}).get(candidate.id, ())
        ]

    def take(candidate: Fused) -> bool:
        mine = labels(candidate) if caps else []
        full = any(used[label] >= (caps or {})[label[0]] for label in mine)
        if full or works[candidate.id] in taken or len(taken) >= size:
            return False
        taken.add(works[candidate.id])
        used.update(mine)
        return True

    places = []
    passed_over = []
    for place, candidate in enumerate(candidates):
        if len(taken) == size:
            break
        if free.get(candidate.language, 0) > 0 and take(candidate):
            free[candidate.language] -= 1
            places.append(place)
        else:
            passed_over.append(place)
    places += [place for place in passed_over if take(candidates[place])]
    return [candidates[place] for place in sorted(places)]


def share_out(
    languages: Sequence[str], mix: str | Mapping[str, float], size: int
) -> dict[str, int]:
    """Slots by language.

    Args:
        languages: Target languages.
        mix: `auto`: by score alone, so each language may fill all of them; `equal`; or a part by
            language. Target languages that are variants of it share its part.
        size: Slots in all.
    """
    if mix == AUTO:
        return dict.fromkeys(languages, size)
    if isinstance(mix, str):
        return allocate(dict.fromkeys(languages, 1.0), size)
    owner = {language: lookup(language, mix) for language in languages}
    sharing = Counter(owner.values())
    parts = {language: part for language, part in mix.items() if not sharing[language]}
    own = {lang: mix[name] / sharing[name] for lang, name in owner.items() if name is not None}
    return allocate(parts | own, size)


def allocate(parts: Mapping[str, float], size: int) -> dict[str, int]:
    """Slots by language: largest remainder (Hamilton), at least one each while there are enough.

    Args:
        parts: Each language's part, above zero; need not add up to 1.
        size: Slots in all.

    Returns:
        Slots that add up to `size`.
    """
    total = sum(parts.values())
    exact = {language: size * part / total for language, part in parts.items()}
    slots = {language: int(quota) for language, quota in exact.items()}
    by_remainder = sorted(exact, key=lambda lang: (slots[lang] - exact[lang], lang))
    for language in by_remainder[: size - sum(slots.values())]:
        slots[language] += 1
    for language in sorted(parts, key=lambda lang: (-parts[lang], lang)):
        richest = max(slots, key=lambda lang: (slots[lang], lang))
        if slots[language] == 0 and slots[richest] > 1:
            slots[richest] -= 1
            slots[language] += 1
    return slots
