"""How much a caller may ask for: a token bucket for each. Pure: the clock is passed in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from xlrec_es.errors import UsageError

MAX_CALLERS = 10_000
"""Callers that are remembered; the one that has not asked for longest is forgotten first."""


class RateLimit:
    """So many texts a second for each caller, and ten seconds' worth of them at once."""

    BURST_S = 10.0

    def __init__(self, per_second: float, *, clock: Callable[[], float]) -> None:
        """Everybody begins with a full bucket.

        Args:
            per_second: Texts; above zero.
            clock: Seconds that never go back, such as `time.monotonic`.

        Raises:
            UsageError: The rate is not above zero.
        """
        if not per_second > 0:
            raise UsageError(f"the rate is {per_second} texts a second; use a number above 0")
        self._per_second = per_second
        self._capacity = max(1.0, per_second * self.BURST_S)
        self._clock = clock
        self._lock = threading.Lock()
        # Tokens left, and when that was computed, by caller; the latest to ask is the last.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str, texts: int) -> float:
        """Take the texts from the caller's bucket, or say how long to wait before asking again.

        A request of more texts than a bucket holds is let through when the bucket is full, and
        leaves it below empty: what comes later pays for it.

        Args:
            caller: Whoever asks: an address.
            texts: How many.

        Returns:
            0 if they were taken; else seconds, and nothing was taken.
        """
        with self._lock:
            now = self._clock()
            left, then = self._buckets.pop(caller, (self._capacity, now))
            left = min(self._capacity, left + (now - then) * self._per_second)
            missing = min(texts, self._capacity) - left
            taken = missing <= 1e-9  # what is added up over time is not exact
            self._buckets[caller] = (left - texts if taken else left, now)
            if len(self._buckets) > MAX_CALLERS:
                self._buckets.popitem(last=False)
            return 0.0 if taken else missing / self._per_second
