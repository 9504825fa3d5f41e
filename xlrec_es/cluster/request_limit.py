"""How many requests may be under way at once, as the cluster bears."""

from __future__ import annotations

import threading
from collections.abc import Iterator
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
