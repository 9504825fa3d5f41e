"""What is done to placements over HTTP. It blocks, and is called in threads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.errors import IndexNotFound, UsageError
from xlrec_es.interactions.history import History
from xlrec_es.placements.cache import Cache
from xlrec_es.placements.checks import Report, examine
from xlrec_es.placements.placement import read_placement
from xlrec_es.placements.preview import (
    Preview,
    PreviewUser,
    Serving,
    Side,
    of_events,
    of_samples,
    preview,
    sides_of,
)
from xlrec_es.placements.resolution import Languages
from xlrec_es.placements.rollback import Rollback, roll_back
from xlrec_es.placements.store import Store, Stored
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.relations.counted import CountedLists
from xlrec_es.service.settings import Settings

_TAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


class Administration:
    """Writes placements, and shows what they do."""

    def __init__(
        self, settings: Settings, client: Elasticsearch, store: Store, cache: Cache
    ) -> None:
        """Nothing is sent yet.

        Args:
            settings: Of the service.
            client: Of the cluster.
            store: Where placements are kept.
            cache: What this process knows of them.
        """
        self.store = store
        self._settings = settings
        self._client = client
        self._cache = cache

    def put(
        self,
        index: str,
        name: str,
        definition: Mapping[str, Any],
        *,
        author: str,
        expected: int | None,
        dry_run: bool,
    ) -> tuple[Stored | None, Report]:
        """Check a placement, and write it.

        Raises:
            PlacementRefused: Something is wrong with it; all of it is told.
            XlrecError: As for `Store.put`.
        """
        report = examine(self._client, index, definition, self._settings.options)
        report.refuse_faults()
        if dry_run:
            return None, report
        stored = self.store.put(index, name, definition, author=author, expected=expected)
        self._cache.forget(index, name)
        return stored, report

    def delete(self, index: str, name: str, *, author: str, expected: int | None) -> Stored:
        """Delete a placement; see `Store.put`."""
        stored = self.store.put(index, name, None, author=author, expected=expected)
        self._cache.forget(index, name)
        return stored

    def rollback(self, index: str, name: str, asked: Rollback) -> tuple[Stored, Report]:
        """Bring back an earlier version; see `rollback.roll_back`."""
        found = roll_back(
            self._client, self.store, (index, name), asked, base=self._settings.options
        )
        self._cache.forget(index, name)
        return found

    def preview(
        self,
        index: str,
        name: str,
        definition: Mapping[str, Any] | None,
        users: Sequence[PreviewUser],
        *,
        languages: Languages,
        size: int | None,
    ) -> tuple[list[Preview], Report]:
        """What users get before and after a change; see `preview.preview`."""
        stored = self.store.read(index, name)
        options, report = self._settings.options, Report()
        if definition is None:
            sides = sides_of(stored, index, name)
        else:
            report = examine(self._client, index, definition, options)
            report.refuse_faults()
            after = Side.unwritten(index, name, read_placement(definition))
            sides = (Side.of(stored, index, name), after)
        recommender = Recommender(
            self._client, index, options=options, timeout_s=self._settings.timeout_s
        )
        counted = None
        if self._settings.events is not None:
            counted = CountedLists(self._client, index, self._settings.events, options=options)
        found = preview(
            Serving(recommender, options, counted),
            sides,
            users or self._sampled(),
            languages=languages,
            size=size,
        )
        return found, report

    def _sampled(self) -> list[PreviewUser]:
        """Users to try where a request names none."""
        if self._settings.samples:
            return of_samples(self._settings.samples)
        if self._settings.events is not None:
            try:
                drawn = of_events(self._client, self._settings.events)
            except IndexNotFound:  # it is made with the first event
                drawn = []
            if drawn:
                return drawn
        return [PreviewUser("a user without history", History())]


def expected_of(if_match: str | None) -> int | None:
    """The number of the version that `If-Match` names; None: any.

    Raises:
        UsageError: It names none.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise UsageError(
            'If-Match is the number of the version that was read, as ETag had it, such as "3"'
        )
    return int(found[1])
