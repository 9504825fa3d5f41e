"""A history: what a user did, to which items, and when."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from xlrec_es.errors import UsageError

ABSURD = 1e9
"""A weight or a rating beyond it is nobody's; and sums of those within stay finite."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing that a user did with one item.

    Attributes:
        item: A work id or a document id.
        event: What the user did: `view`, `purchase` ...; see `weighting.EVENT_WEIGHTS`.
        weight: In place of the event's weight; below zero: the user did not like it.
        rating: In any unit; it is compared with the user's other ratings only.
        time: When; all times of a history have a time zone, or none of them.
        dwell_s: Seconds that the user stayed.
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
        # A plain text: those of numpy and others are none to who writes JSON.
        object.__setattr__(self, "item", str(self.item))
        if not isinstance(self.event, str):
            raise UsageError(
                f"the event of {self.item!r} is {self.event!r}; give its name, such as view"
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
    """What one user did, in any order, and what they said they like.

    Attributes:
        interactions: With works or documents of the index.
        texts: Free texts in any language ("I like board games"); an encoder is needed for them.
        languages: In which languages the user knows the works: where one of them has language
            versions in these, its others say nothing of the user. None: all say something.
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
