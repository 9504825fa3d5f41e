"""From a request to what the library is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from elasticsearch import Elasticsearch

from xlrec_es.errors import IndexNotFound, UnknownItems, UsageError
from xlrec_es.interactions.event_source import EventSource, KnownSource, look_up, read_history
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.interactions.impressions import Shown
from xlrec_es.interactions.weighting import event_weight
from xlrec_es.placements.cache import Cache, Current
from xlrec_es.placements.given_options import overlaid
from xlrec_es.placements.resolution import resolve
from xlrec_es.recommend.curation import Curation
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommendations import PlacementUsed, Recommendations
from xlrec_es.recommend.recommender import AsyncRecommender
from xlrec_es.service.api.questions import (
    Asked,
    InteractionAsked,
    ListAsked,
    OptionsAsked,
    PlacedAsked,
    ShownAsked,
    UserAsked,
)
from xlrec_es.service.settings import Settings

_FIELDS_LIFE_S = 60.0
"""How long what is known of the fields of events is believed."""


def options_of(asked: OptionsAsked, base: Options) -> Options:
    """The service's options, and what a request says instead.

    Raises:
        UsageError: What it says cannot be.
    """
    if not asked.model_fields_set:
        return base
    return overlaid(asked.model_dump(exclude_unset=True), base)


def languages_of(asked: Asked, options: Options) -> tuple[list[str] | None, Options]:
    """Target languages, and options with the parts of the slots that a request gives them."""
    if isinstance(asked.languages, Mapping):
        return list(asked.languages), replace(options, mix=dict(asked.languages))
    return asked.languages, options


def interactions_of(history: Iterable[str | InteractionAsked]) -> tuple[Interaction, ...]:
    """The library's interactions."""
    return tuple(
        Interaction(one) if isinstance(one, str) else Interaction(**one.model_dump())
        for one in history
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What the library is asked.

    Attributes:
        index: The alias or index.
        recommender: By the options of the request.
        options: Those.
        languages: Target languages, or None.
        size: Of the list.
        curation: Pins, buries and exclusions of a placement.
        relation: By which a placement's list is counted from events; None: it is recommended.
        placement: What it is made by, for logs; None: no placement was asked for.
        notes: For people.
    """

    index: str
    recommender: AsyncRecommender
    options: Options
    languages: list[str] | None
    size: int = 10
    curation: Curation = field(default_factory=Curation)
    relation: str | None = None
    placement: PlacementUsed | None = None
    notes: tuple[str, ...] = ()

    def completed(self, found: Recommendations, notes: Sequence[str]) -> Recommendations:
        """An answer with what was noted, and what it was made by."""
        whole = with_notes(found, (*self.notes, *notes))
        return whole if self.placement is None else replace(whole, placement=self.placement)


class Asking:
    """Turns requests into what the library is asked; has what all requests share."""

    def __init__(
        self,
        settings: Settings,
        recommenders: Mapping[str, AsyncRecommender],
        client: Elasticsearch,
        placements: Cache,
    ) -> None:
        """Keep what is shared.

        Args:
            settings: Of the service.
            recommenders: By index.
            client: For histories, which are read in threads.
            placements: As they were a moment ago.
        """
        self._placements = placements
        self._settings = settings
        self._recommenders = recommenders
        self._client = client
        self._known: KnownSource | None = None
        self._looked_up_at = 0.0

    def question(self, asked: Asked) -> Question:
        """The recommender and the languages of a request.

        Raises:
            IndexNotFound: The service has no such index.
            UsageError: The options cannot be.
        """
        index = self.index(asked.index)
        recommender = self._recommenders[index]
        options = options_of(asked.options, self._settings.options)
        languages, options = languages_of(asked, options)
        if options is not self._settings.options:
            recommender = recommender.by(options)
        size = asked.size if isinstance(asked, ListAsked) else 10
        return Question(index, recommender, options, languages, size)

    def index(self, name: str | None) -> str:
        """An index of the service; the first where none is named.

        Raises:
            IndexNotFound: The service has no such index.
        """
        name = name or self._settings.indices[0]
        if name not in self._recommenders:
            raise IndexNotFound(
                f"this service has no index {name!r}; it has {', '.join(self._recommenders)}"
            )
        return name

    async def placement(self, asked: PlacedAsked) -> Current | None:
        """The placement that a request names, once for all of its users.

        Raises:
            IndexNotFound: The service has no such index.
            PlacementNotFound: It has no such placement.
            UsageError: The request has options besides.
        """
        if asked.placement is None:
            return None
        if any(value is not None for _, value in asked.options):
            raise UsageError(
                "a placement brings its own options; leave options out, or the placement"
            )
        return await self._placements.current(self.index(asked.index), asked.placement)

    def list_question(
        self, asked: PlacedAsked, current: Current | None, user: str | None
    ) -> Question:
        """What is asked for one user.

        Args:
            asked: The request.
            current: See `placement`.
            user: The user's id, which decides on the variant.

        Raises:
            IndexNotFound: The service has no such index.
            UsageError: The options cannot be.
        """
        if current is None:
            return self.question(asked)
        found = resolve(
            current.stored,
            current.placement,
            self._settings.options,
            user=user,
            languages=asked.languages,
            size=asked.size if "size" in asked.model_fields_set else None,
        )
        recommender = self._recommenders[current.stored.index]
        return Question(
            current.stored.index,
            recommender.by(found.options, found.curation),
            found.options,
            None if found.languages is None else list(found.languages),
            found.size,
            found.curation,
            found.relation,
            found.used,
            found.notes,
        )

    async def history(
        self, asked: UserAsked, *, for_variant: bool = False
    ) -> tuple[History, list[str]]:
        """The history of a user, and notes on it. A user whom nobody knows has an empty one.

        Args:
            asked: The user.
            for_variant: Whether the id may be for the variant of a placement alone.

        Raises:
            UsageError: The service reads no events; or an interaction cannot be.
            XlrecError: The events cannot be read.
        """
        interactions = interactions_of(asked.history)
        notes: list[str] = []
        source = self._settings.events
        if asked.user is not None and source is None and not for_variant:
            raise UsageError(
                "this service reads no events: send the history, or start it with --events-index"
            )
        if asked.user is not None and source is not None:
            read, notes = await self.events_of(self._read, asked.user, source)
            weighed, left_out = self._weighed(read.interactions)
            interactions += weighed
            notes += left_out
        known = None if asked.known_languages is None else tuple(asked.known_languages)
        return History(interactions, tuple(asked.texts), known), notes

    async def events_of(
        self, read: Callable[[str, EventSource], History], user: str, source: EventSource
    ) -> tuple[History, list[str]]:
        """The events of a user, and notes on them. A user whom nobody knows has none.

        Args:
            read: Reads them; it blocks, and is called in a thread.
            user: The user's id.
            source: Where events are.

        Raises:
            XlrecError: They cannot be read.
        """
        try:
            return await asyncio.to_thread(read, user, source), []
        except (UnknownItems, IndexNotFound):  # the index is made with the first event
            return History(), ["no event of this user is known"]

    def _weighed(
        self, interactions: Sequence[Interaction]
    ) -> tuple[tuple[Interaction, ...], list[str]]:
        """The interactions whose events have a weight, and a note on the others.

        One event that another program wrote is not to leave its user without recommendations.
        """
        events = self._settings.options.rules.events
        weighed = tuple(
            one
            for one in interactions
            if one.weight is not None or event_weight(one.event, events) is not None
        )
        others = sorted({one.event for one in interactions} - {one.event for one in weighed})
        if not others:
            return weighed, []
        return weighed, [f"events that have no weight are left out: {', '.join(others[:10])}"]

    def _read(self, user: str, source: EventSource) -> History:
        """Read a user's events; it blocks."""
        if self._known is None or time.monotonic() - self._looked_up_at > _FIELDS_LIFE_S:
            self._known = look_up(self._client, source)
            self._looked_up_at = time.monotonic()
        return read_history(self._client, user, self._known)

    def shown(self, shown: Sequence[str] | ShownAsked | None) -> Sequence[str] | Shown | None:
        """What the user was shown.

        Raises:
            UsageError: The service keeps no impressions.
        """
        if not isinstance(shown, ShownAsked):
            return shown
        if self._settings.impressions is None:
            raise UsageError(
                "this service keeps no impressions: send the ids, or start it with "
                "--impressions-index"
            )
        return Shown(
            self._settings.impressions,
            shown.user,
            window=shown.window,
            half_life=shown.half_life,
        )


def with_notes(found: Recommendations, notes: Sequence[str]) -> Recommendations:
    """An answer with further notes."""
    return replace(found, notes=(*notes, *found.notes)) if notes else found
