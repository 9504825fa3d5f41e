"""Cases of `search`: the title of a held-out item in one language, to be found in another. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from xlrec_es.evaluate.protocol import Case, draw_order

PER_CASE = 3
"""Queries of one case at most."""


@dataclass(frozen=True, slots=True)
class QueryCase:
    """A query of one user.

    Attributes:
        case: The user, and the language that they write in.
        text: The title of the item in that language.
        item: Which is to be found.
        languages: In which it is to be had besides.
    """

    case: Case
    text: str
    item: str
    languages: tuple[str, ...]


def writers(
    learned: Iterable[tuple[str, str]],
    held_out: Iterable[tuple[str, str]],
    languages: Mapping[str, Sequence[str]],
    *,
    min_history: int,
) -> list[Case]:
    """Each user in each language of their history, who will like items in it and in others.

    Unlike the targets of lists, these are to be had in the source language, too: a user knows them
    by their title in it.

    Args:
        learned: Users and items of the training part.
        held_out: Users and items of what is held out.
        languages: Of each item.
        min_history: Shortest history that counts.
    """
    liked: dict[str, set[str]] = defaultdict(set)
    wanted: dict[str, set[str]] = defaultdict(set)
    for user, item in learned:
        liked[user].add(item)
    for user, item in held_out:
        if len(languages[item]) > 1:
            wanted[user].add(item)
    cases = []
    for user in sorted(wanted):
        for source in sorted({language for item in liked[user] for language in languages[item]}):
            history = tuple(sorted(i for i in liked[user] if source in languages[i]))
            targets = {i for i in wanted[user] - liked[user] if source in languages[i]}
            if targets and len(history) >= min_history:
                cases.append(Case(user, source, history, frozenset(targets)))
    return cases


def query_cases(
    cases: Sequence[Case],
    titles: Mapping[tuple[str, str], str],
    languages: Mapping[str, Sequence[str]],
    *,
    seed: int,
) -> list[QueryCase]:
    """The queries of each case: titles of its targets.

    Args:
        cases: Of `writers`.
        titles: By item and language; an item without one is no query.
        languages: Of each item.
        seed: Same seed and cases, same draw.
    """
    found = []
    for case in cases:
        titled = [item for item in case.targets if titles.get((item, case.source), "").strip()]
        for item in draw_order(titled, seed=seed)[:PER_CASE]:
            others = tuple(lang for lang in languages[item] if lang != case.source)
            found.append(QueryCase(case, titles[item, case.source], item, others))
    return found
