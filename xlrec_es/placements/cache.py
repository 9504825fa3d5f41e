"""Placements as a process last read them: each again after two seconds, once for all callers.

A version is one object that never changes, so that a call which has it sees nothing of a change.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from xlrec_es.placements.placement import Placement
from xlrec_es.placements.store import Store, Stored, not_found

LIFE_S = 2.0
"""A change reaches all processes within it, and the time that one read takes."""

MOST = 1000
"""Names that are remembered, of placements that are not there, too."""


@dataclass(frozen=True, slots=True)
class Current:
    """A placement, and what it says."""

    stored: Stored
    placement: Placement


class Cache:
    """The placements that a process serves."""

    def __init__(self, store: Store, *, life_s: float = LIFE_S) -> None:
        """Nothing is read yet.

        Args:
            store: Where they are kept.
            life_s: Seconds for which one is good.
        """
        self._store = store
        self._life_s = life_s
        self._known: dict[tuple[str, str], tuple[float, asyncio.Task[Current | None]]] = {}

    async def current(self, index: str, name: str) -> Current:
        """A placement, as it was two seconds ago at most.

        Args:
            index: The alias or index that it is for.
            name: Its name.

        Raises:
            PlacementNotFound: There is none.
            XlrecError: It cannot be read.
        """
        key = (index, name)
        now = time.monotonic()
        read_at, reading = self._known.get(key, (0.0, None))
        if reading is None or now - read_at > self._life_s or _failed(reading):
            if len(self._known) >= MOST:
                self._known.clear()
            # Begun after this moment, so that it is never older than it says.
            reading = asyncio.create_task(asyncio.to_thread(self._read, index, name))
            self._known[key] = (now, reading)
        found = await asyncio.shield(reading)  # others may wait for it
        if found is None:
            raise not_found(index, name)
        return found

    def forget(self, index: str, name: str) -> None:
        """Read a placement again when it is next asked for: it was changed here.

        Args:
            index: The alias or index that it is for.
            name: Its name.
        """
        self._known.pop((index, name), None)

    def _read(self, index: str, name: str) -> Current | None:
        stored = self._store.read(index, name, versions=False)
        if stored is None or stored.is_deleted:
            return None
        return Current(stored, stored.current.placement())


def _failed(reading: asyncio.Task[Current | None]) -> bool:
    return reading.done() and (reading.cancelled() or reading.exception() is not None)
