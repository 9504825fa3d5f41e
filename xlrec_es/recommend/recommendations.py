"""What the recommender returns: recommendations, their reasons, and how each language fared."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from xlrec_es.interactions.ubi import impression


def _deprecated(old: str, new: str) -> None:
    warnings.warn(f"{old} is called {new} now", DeprecationWarning, stacklevel=3)


@dataclass(frozen=True, slots=True)
class Reason:
    """A history item that spoke for a recommendation.

    Attributes:
        item: Its work id.
        title: Its title in the language it was found in, or None.
        share: Its part of the recommendation's score, 0..1.
        relation: How the two are related, if that was asked for: `bought-together`; None: by
            taste, or by what texts say.
        tokens: The tokens that the two share, the strongest first, where the sparse retriever was
            asked and knows any.
    """

    item: str
    title: str | None
    share: float
    relation: str | None = None
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetrieverScore:
    """What one retriever said of a recommendation.

    Attributes:
        rank: Place in the retriever's list of this language, from 1.
        score: The retriever's own score: centered cosine to the nearest interest, BM25, a sum of
            indicators, a sum over tokens, or popularity.
        share: The retriever's part of the fused score, 0..1.
    """

    rank: int
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended document.

    Attributes:
        id: Document id.
        work: Work id, shared by its language versions.
        language: BCP 47 tag of the document.
        score: Fused score, 0..1, comparable within one call; or the measure that `similar` was
            asked for.
        title: The document's title, or None if the index names no title field.
        retrievers: What each retriever that found it said, by retriever name.
        reasons: The history items that spoke most for it, strongest first.
        source: The fields of the user's own document that were asked for.
        propensity: With which probability it is shown: below 1 where it was drawn, for
            `Options.explore`.
        pinned: Whether people gave it its place (`curation.Pin`): no retriever found it.
    """

    id: str
    work: str
    language: str
    score: float
    title: str | None
    retrievers: Mapping[str, RetrieverScore]
    reasons: tuple[Reason, ...]
    source: Mapping[str, Any] = field(default_factory=dict)
    propensity: float = 1.0
    pinned: bool = False

    @property
    def legs(self) -> Mapping[str, RetrieverScore]:
        """Return `retrievers`, which had this name before 1.0."""
        _deprecated("Recommendation.legs", "retrievers")
        return self.retrievers


@dataclass(frozen=True, slots=True)
class LanguageShare:
    """What a target language was to get of a list, and got.

    Attributes:
        language: BCP 47 tag.
        slots: How many were meant for it; None: as many as its scores are worth.
        filled: How many it has. Fewer than its slots: no more was found in it, and others took
            them.
    """

    language: str
    slots: int | None
    filled: int

    @property
    def seats(self) -> int | None:
        """Return `slots`, which had this name before 1.0."""
        _deprecated("LanguageShare.seats", "slots")
        return self.slots


@dataclass(frozen=True, slots=True)
class PlacementUsed:
    """The placement that a list was made by; logged with what is shown.

    Attributes:
        name: Of the placement.
        version: Its number.
        variant: The variant of its experiment that the user sees; None without one.
    """

    name: str
    version: int
    variant: str | None = None


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
        cursor: For the page after this one, see `Recommender.recommend`; None where there is none.
        placement: What it was made by, where a service was asked for a placement.
    """

    items: tuple[Recommendation, ...]
    index: str
    fingerprint: str
    unknown_items: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    languages: tuple[LanguageShare, ...] = ()
    cursor: str | None = None
    placement: PlacementUsed | None = None

    def impressions(
        self, *, user: str, variant: str, time: datetime, query_id: str | None = None
    ) -> list[dict[str, Any]]:
        """What a log of recommendations that were shown needs, for `xlrec-es compare-logs`.

        Args:
            user: Whom they are shown to.
            variant: Which of the variants that are compared this is.
            time: When.
            query_id: Of this list. Events that name it belong to it.

        Returns:
            A row for each item, ready for JSON Lines or an index. It has the names of User Behavior
            Insights, too; see `xlrec_es.interactions.ubi`.
        """
        moment = time.isoformat()
        shared = {
            "user": user,
            "variant": variant,
            "time": moment,
            "@timestamp": moment,
            "index": self.index,
            "fingerprint": self.fingerprint,
            "degraded": bool(self.degraded),
        }
        return [
            {
                **shared,
                **shown_at(place, item),
                **({} if query_id is None else {"impression": impression_id(query_id, place)}),
                **impression(
                    user=user,
                    time=moment,
                    place=place,
                    document=item.id,
                    query_id=query_id,
                ),
            }
            for place, item in enumerate(self.items, 1)
        ]


class _Ranked(Protocol):
    @property
    def rank(self) -> int: ...


class ShownItem(Protocol):
    """What a log needs of an item: of a `Recommendation`, or of one that came back from a page."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def work(self) -> str | None: ...  # noqa: D102
    @property
    def language(self) -> str | None: ...  # noqa: D102
    @property
    def score(self) -> float | None: ...  # noqa: D102
    @property
    def propensity(self) -> float: ...  # noqa: D102
    @property
    def retrievers(self) -> Mapping[str, _Ranked]: ...  # noqa: D102


def impression_id(query_id: str, place: int) -> str:
    """What stands for one recommendation of one list, in logs of what was shown and was done.

    Args:
        query_id: Of the list.
        place: In it, from 1.
    """
    return f"{query_id}-{place}"


def shown_at(place: int, item: ShownItem) -> dict[str, Any]:
    """The columns of a log of impressions that are of one item.

    Args:
        place: In the list, from 1.
        item: What was shown there.
    """
    return {
        "item": item.id,
        "work": item.work,
        "language": item.language,
        "place": place,
        "score": item.score,
        "propensity": item.propensity,
        "retrievers": {retriever: said.rank for retriever, said in item.retrievers.items()},
    }
