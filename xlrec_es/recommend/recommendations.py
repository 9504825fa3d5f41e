"""Plain data that travels between the modules: what a person liked, and what we recommend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import UsageError

Vector = NDArray[np.float32]
"""Shape (dims,) or (n, dims), float32."""

ABSURD = 1e9
"""A weight or a rating beyond it is nobody's; and sums of those within stay finite."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing that a person did with one item.

    Attributes:
        item: A work id or a document id.
        event: What the person did: `view`, `purchase` ...; see `weighting.EVENT_WEIGHTS`.
        weight: In place of the event's weight; below zero: the person did not like it.
        rating: In any unit; it is compared with the person's other ratings only.
        time: When; all times of a history have a time zone, or none of them.
        dwell_s: Seconds that the person stayed.
    """

    item: str
    event: str = "view"
    weight: float | None = None
    rating: float | None = None
    time: datetime | None = None
    dwell_s: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.item, str) or not self.item:
            raise UsageError(
                "an interaction needs the id of a work or a document, a text that is not empty; "
                f"this one is {self.item!r}"
            )
        for name, number in (("weight", self.weight), ("rating", self.rating)):
            if number is not None and not abs(number) <= ABSURD:
                raise UsageError(
                    f"the {name} of {self.item!r} is {number}; give a number within ±{ABSURD:g}"
                )
        if self.weight == 0:
            raise UsageError(f"the weight of {self.item!r} is 0, which says nothing; leave it out")
        if self.dwell_s is not None and not (0 <= self.dwell_s < math.inf):
            raise UsageError(
                f"the dwell time of {self.item!r} is {self.dwell_s} s; give at least 0"
            )


@dataclass(frozen=True, slots=True)
class History:
    """What one person did, in any order, and what they said they like.

    Attributes:
        interactions: With works or documents of the index.
        texts: Free texts in any language ("I like board games"); an encoder is needed for them.
        languages: In which languages the person knows the works: where one of them has renditions
            in these, its others say nothing of the person. None: all say something.
    """

    interactions: tuple[Interaction, ...] = ()
    texts: tuple[str, ...] = ()
    languages: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        aware = {i.time.tzinfo is not None for i in self.interactions if i.time is not None}
        if len(aware) > 1:
            raise UsageError("some times of the history have a time zone and some have none")
        if any(not text.strip() for text in self.texts):
            raise UsageError("one of the texts is empty; leave it out")

    @classmethod
    def of(cls, items: Iterable[str]) -> History:
        """A history of plain views of these works or documents."""
        return cls(tuple(Interaction(item) for item in items))

    @property
    def items(self) -> tuple[str, ...]:
        """The ids, each once, in order."""
        return tuple(dict.fromkeys(interaction.item for interaction in self.interactions))


@dataclass(frozen=True, slots=True)
class Reason:
    """A history item that spoke for a recommendation.

    Attributes:
        item: Its work id.
        title: Its title in the language it was found in, or None.
        share: Its part of the recommendation's score, 0..1.
    """

    item: str
    title: str | None
    share: float


@dataclass(frozen=True, slots=True)
class LegScore:
    """What one leg said of a recommendation.

    Attributes:
        rank: Place in the leg's list of this language, from 1.
        score: The leg's own score: calibrated cosine to the nearest interest, BM25, a sum of
            indicators, or popularity.
        share: The leg's part of the fused score, 0..1.
    """

    rank: int
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended document.

    Attributes:
        id: Document id.
        work: Work id, shared by its renditions.
        language: BCP 47 tag of the document.
        score: Fused score, 0..1, comparable within one call; or the measure that `similar` was
            asked for.
        title: The document's title, or None if the index names no title field.
        legs: What each leg that found it said, by leg name.
        reasons: The history items that spoke most for it, strongest first.
        source: The fields of the user's own document that were asked for.
    """

    id: str
    work: str
    language: str
    score: float
    title: str | None
    legs: Mapping[str, LegScore]
    reasons: tuple[Reason, ...]
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LanguageShare:
    """What a target language was to get of a list, and got.

    Attributes:
        language: BCP 47 tag.
        seats: How many were meant for it; None: as many as its scores are worth.
        filled: How many it has. Fewer than its seats: no more was found in it, and others took
            them.
    """

    language: str
    seats: int | None
    filled: int


@dataclass(frozen=True, slots=True)
class Recommendations:
    """The answer to one call.

    Attributes:
        items: Best first.
        index: The physical index that answered.
        fingerprint: Digest of what made its vectors.
        unknown_items: Ids of the history that no document of the index has.
        notes: What was left out and why, in sentences for people.
        degraded: What failed or came late, in sentences; empty if all is well.
        languages: How the target languages share the list.
    """

    items: tuple[Recommendation, ...]
    index: str
    fingerprint: str
    unknown_items: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    languages: tuple[LanguageShare, ...] = ()

    def impressions(self, *, user: str, variant: str, time: datetime) -> list[dict[str, Any]]:
        """What a log of recommendations that were shown needs, for `xlrec-es compare-logs`.

        Args:
            user: Whom they are shown to.
            variant: Which of the variants that are compared this is.
            time: When.

        Returns:
            A row for each item, ready for JSON Lines or an index.
        """
        shared = {
            "user": user,
            "variant": variant,
            "time": time.isoformat(),
            "index": self.index,
            "fingerprint": self.fingerprint,
        }
        return [
            {
                **shared,
                "item": item.id,
                "work": item.work,
                "language": item.language,
                "place": place,
                "score": item.score,
                "legs": {leg: said.rank for leg, said in item.legs.items()},
            }
            for place, item in enumerate(self.items, 1)
        ]
