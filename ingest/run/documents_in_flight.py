"""What is under way between threads: requests, and documents."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class RequestLimit:
    """How many requests may be under way at once, as the cluster bears.

    Additive increase, multiplicative decrease, as TCP's congestion avoidance: a refusal halves the
    limit, and as many successes as it allows requests raise it by one.

    Args:
        most: It never exceeds this; it starts here.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._under_way = 0
        self._changed = threading.Condition()
        self.bytes = 0
        """Sum of the bodies under way."""

    @property
    def limit(self) -> int:
        """Requests that may be under way now, at least 1."""
        return int(self._limit)

    @contextmanager
    def slot(self, size: int) -> Iterator[None]:
        """Wait for a place, and have it for the time of one request of this many bytes."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self.limit)
            self._under_way += 1
            self.bytes += size
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self.bytes -= size
                self._changed.notify_all()

    def refused(self) -> None:
        """The cluster is overloaded."""
        with self._changed:
            self._limit = max(1.0, self._limit / 2)

    def succeeded(self) -> None:
        """The cluster has kept up."""
        with self._changed:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)
            self._changed.notify_all()


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
        """These are acknowledged, or set aside."""
        with self._changed:
            self._ids.difference_update(ids)
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will be acknowledged: nobody shall wait for it any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
