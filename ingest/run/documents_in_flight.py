"""Which documents are between their comparison with the index and its acknowledgement."""

from __future__ import annotations

import threading
from collections.abc import Collection


class DocumentsUnderWay:
    """Ids of documents that are between comparison with the index and acknowledgement.

    Two states of one document must not be under way at once: they could overtake each other.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._changed = threading.Condition()
        self._closed = False

    def enter(self, ids: Collection[str]) -> None:
        """Wait until none of these is under way, and have them be."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._ids.isdisjoint(ids))
            self._ids.update(ids)

    def drain(self) -> None:
        """Wait until nothing is under way."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._ids)

    def leave(self, ids: Collection[str]) -> None:
        """These are acknowledged, or rejected."""
        with self._changed:
            self._ids.difference_update(ids)
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will be acknowledged: nobody shall wait for it any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
