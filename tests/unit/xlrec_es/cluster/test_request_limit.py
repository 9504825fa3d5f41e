"""How many requests may be under way at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from xlrec_es.cluster.request_limit import RequestLimit


def test_refusals_halve_the_requests_and_successes_bring_them_back() -> None:
    limit = RequestLimit(8)
    limits = []
    for _ in range(4):
        limit.refused()
        limits.append(limit.limit)
    assert limits == [4, 2, 1, 1]
    limits.clear()
    for _ in range(7):  # as many as it allows for one more
        limit.succeeded()
        limits.append(limit.limit)
    assert limits == [2, 2, 2, 3, 3, 3, 4]
    for _ in range(100):
        limit.succeeded()
    assert limit.limit == 8


def test_no_more_requests_are_under_way_than_the_limit() -> None:
    limit = RequestLimit(4)
    limit.refused()
    most, now, lock = 0, 0, threading.Lock()

    def request(size: int) -> None:
        nonlocal most, now
        with limit.slot(size):
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.005)
            with lock:
                now -= 1

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(request, range(40)))
    assert most == 2
    assert limit.bytes == 0
