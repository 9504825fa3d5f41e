"""Plain data that travels between the modules: what a person liked, and what we recommend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import EmptyHistory, UsageError

Vector = NDArray[np.float32]
"""Shape (dims,) or (n, dims), float32."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing that a person did with one item.

    Attributes:
        item: A work id or a document id.
        weight: How much it says about the person's taste, above zero; 1 is a plain view.
    """

    item: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.item, str) or not self.item:
            raise UsageError(
                "an interaction needs the id of a work or a document, a text that is not empty; "
                f"this one is {self.item!r}"
            )
        if not (0 < self.weight < float("inf")):
            raise UsageError(
                f"the weight of {self.item!r} is {self.weight}; give a finite number above zero"
            )


@dataclass(frozen=True, slots=True)
class History:
    """What one person did, oldest first."""

    interactions: tuple[Interaction, ...]

    def __post_init__(self) -> None:
        if not self.interactions:
            raise EmptyHistory("the history is empty; give at least one work or document id")

    @classmethod
    def of(cls, items: Iterable[str]) -> History:
        """A history of plain views of these works or documents."""
        return cls(tuple(Interaction(item) for item in items))


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
        score: The leg's own score: calibrated cosine (soft maximum) or BM25.
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
        score: Fused score, 0..1, comparable within one call.
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
class Recommendations:
    """The answer to one call.

    Attributes:
        items: Best first.
        unknown_items: Ids of the history that no document of the index has.
        notes: What was left out and why, in sentences for people.
    """

    items: tuple[Recommendation, ...]
    unknown_items: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
