"""Can the works that a user likes in other languages be found from those in one language?

The protocol is that of xlrec_es/EVALUATION.md, "Protocol": a case is one user and one source
language; the history is what they liked in it, the targets what they liked in other languages and
not in it. Likes are split first: histories come from the training part, targets from what is held
out. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import SourceError, UsageError
from xlrec_es.interactions.digests import ids_as_numbers

if TYPE_CHECKING:  # it takes Elasticsearch's client, and commands need names from here for `--help`
    from xlrec_es.interactions.likes import Likes

CROSS = "cross"
MIXED = "mixed"
POOLS = (CROSS, MIXED)

COLD_POOL = "cold"
"""Of `cross` the works alone that nobody likes in the training part."""

POOLS_BY_NAME = {
    **{kind: (kind,) for kind in (*POOLS, COLD_POOL)},
    "both": POOLS,
    "all": (*POOLS, COLD_POOL),
}

BY_TIME = "time"
AT_RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Case:
    """One user, seen from one source language.

    Attributes:
        user: Id.
        source: Source language.
        history: Works liked in the source language. Sorted.
        targets: Works liked in other languages, and not to be had in the source language.
        seen: What else is known to be liked: in no history, in no list. Sorted.
        one_language: The history's works are known in the source language alone.
    """

    user: str
    source: str
    history: tuple[str, ...]
    targets: frozenset[str]
    seen: tuple[str, ...] = ()
    one_language: bool = False

    @property
    def works(self) -> frozenset[str]:
        """Every work that it names."""
        return self.targets.union(self.history, self.seen)

    def languages(self, pool: str, all_languages: Collection[str]) -> tuple[str, ...]:
        """The languages that compete in a pool."""
        return tuple(lang for lang in all_languages if pool == MIXED or lang != self.source)


@dataclass(frozen=True, slots=True)
class Split:
    """Which likes may be learned from, and which are held out.

    Attributes:
        method: `time`: what was liked from a moment on is held out; `random`: a part of each
            user's likes, drawn.
        training: Shape (n_likes,): True for likes that may be learned from.
        part: How much is held out, 0..1.
        seed: Of the draw.
        cut_off: The moment, in ISO 8601, or None.
        cold: The part of the works, 0..1, of which all likes are held out besides.
    """

    method: str
    training: NDArray[np.bool_]
    part: float
    seed: int
    cut_off: str | None = None
    cold: float = 0.0


def split(
    likes: Likes,
    *,
    method: str | None = None,
    part: float = 0.2,
    seed: int = 0,
    cold: float = 0.0,
) -> Split:
    """Hold likes out.

    Args:
        likes: Of many users.
        method: `time` or `random`; None: by time where every like has one.
        part: Of the likes (`time`), or of each user's, and at least one of whoever has two.
        seed: Same seed and likes, same split, whatever the order of the file.
        cold: Of this part of the works, drawn, all likes are held out, so that they are as if new.

    Raises:
        UsageError: `part` is not between 0 and 1, or `cold` not from 0 to below 1; by time, and
            likes have none.
    """
    if not 0 < part < 1:
        raise UsageError(f"the part that is held out is {part}; use a number between 0 and 1")
    if not 0 <= cold < 1:
        raise UsageError(f"the part of the items made cold is {cold}; use 0, or less than 1")
    parts = _split(likes, method, part, seed)
    if not cold:
        return parts
    warm = ~_first(likes.works, cold, seed)[likes.work]
    return replace(parts, training=parts.training & warm, cold=cold)


def _split(likes: Likes, method: str | None, part: float, seed: int) -> Split:
    if method is None:
        method = AT_RANDOM if np.isnan(likes.time).any() else BY_TIME
    if method == AT_RANDOM:
        return Split(method, ~_drawn(likes, part, seed), part, seed)
    without = int(np.isnan(likes.time).sum())
    if without:
        raise UsageError(f"{without} of {len(likes)} likes have no time; split them at random")
    cut_off = float(np.quantile(likes.time, 1 - part, method="higher")) if len(likes) else 0.0
    moment = datetime.fromtimestamp(cut_off, UTC).isoformat()
    return Split(method, likes.time < cut_off, part, seed, moment)


def _first(works: Sequence[str], part: float, seed: int) -> NDArray[np.bool_]:
    """Whether each work, in order of ids, is among the part that comes first in a random order."""
    drawn = set(draw_order(works, seed=seed)[: round(part * len(works))])
    return np.array([work in drawn for work in works], bool)


def _drawn(likes: Likes, part: float, seed: int) -> NDArray[np.bool_]:
    """The likes of each user that come first in a random order, as many as the part is."""
    order = np.lexsort((likes.priorities(seed), likes.user))
    sizes = np.bincount(likes.user, minlength=len(likes.users))
    place = np.arange(len(likes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    wanted = np.where(sizes > 1, np.maximum(1, np.rint(part * sizes)), 0)
    drawn = np.zeros(len(likes), bool)
    drawn[order] = place < wanted[likes.user[order]]
    return drawn


def make_cases(
    likes: Iterable[tuple[str, str]],
    languages: Mapping[str, Collection[str]],
    *,
    held_out: Iterable[tuple[str, str]] | None = None,
    min_history: int = 2,
) -> list[Case]:
    """All cases with a history and a target.

    Args:
        likes: Pairs of user and work.
        languages: The languages that each work of the index is in; likes of others are left out.
        held_out: Pairs that may be targets, none of them among `likes`; None: all of `likes` may.
        min_history: Shortest history that counts.

    Returns:
        Sorted by user and source language.
    """
    liked = _works_by_user(likes, languages)
    hidden = liked if held_out is None else _works_by_user(held_out, languages)
    cases = []
    for user, works in sorted(liked.items()):
        for source in sorted({language for work in works for language in languages[work]}):
            history = {work for work in works if source in languages[work]}
            targets = {work for work in hidden.get(user, ()) if source not in languages[work]}
            seen = set() if held_out is None else works - history
            if len(history) >= min_history and targets:
                names = tuple(sorted(history))
                cases.append(Case(user, source, names, frozenset(targets), tuple(sorted(seen))))
    return cases


def _works_by_user(
    pairs: Iterable[tuple[str, str]], languages: Mapping[str, Collection[str]]
) -> dict[str, set[str]]:
    works: dict[str, set[str]] = defaultdict(set)
    for user, work in pairs:
        if work in languages:
            works[user].add(work)
    return works


def split_cases(
    likes: Likes,
    parts: Split,
    languages: Mapping[str, Collection[str]],
    *,
    min_history: int = 2,
    max_users: int | None = None,
) -> list[Case]:
    """The cases of a split.

    Args:
        likes: Of many users.
        parts: What is held out.
        languages: The languages of each work.
        min_history: Shortest history that counts.
        max_users: So many users with a case are drawn; None: all of them.

    Raises:
        SourceError: No case: nobody likes works in two languages.
    """
    pairs = [
        (likes.users[user], likes.works[work])
        for user, work in zip(likes.user, likes.work, strict=True)
    ]
    learned = (pair for pair, known in zip(pairs, parts.training, strict=True) if known)
    hidden = (pair for pair, known in zip(pairs, parts.training, strict=True) if not known)
    cases = make_cases(learned, languages, held_out=hidden, min_history=min_history)
    if not cases:
        raise SourceError(
            f"nothing to evaluate: of {len(likes.users)} users with {len(likes)} interactions, "
            f"none has {min_history} in one language and a held-out one with an item that is not "
            "in it; where most items are in several languages, use --language-versions one"
        )
    return sampled(cases, max_users, seed=parts.seed)


def sampled(cases: Sequence[Case], max_users: int | None, *, seed: int) -> list[Case]:
    """The cases of some users, drawn by their ids and the seed alone."""
    users = draw_order({case.user for case in cases}, seed=seed)
    some = set(users[:max_users])
    return [case for case in cases if case.user in some]


def cold_cases(cases: Iterable[Case], cold: Collection[str]) -> list[Case]:
    """The cases that have cold works among their targets, and no other targets.

    Args:
        cases: As `make_cases` makes them.
        cold: Works.
    """
    among = frozenset(cold)
    return [
        replace(case, targets=case.targets & among)
        for case in cases
        if not case.targets.isdisjoint(among)
    ]


def draw_order(ids: Iterable[str], *, seed: int) -> list[str]:
    """Ids of users or works in a random order that depends on them and the seed alone."""
    names = sorted(set(ids))
    numbers = ids_as_numbers(f"{seed} {name}" for name in names)
    return [names[place] for place in np.argsort(numbers, kind="stable")]
