"""Stages side by side: order, bounds, errors, and no thread that is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ingest.run.pipeline import Fill, ordered, prefetch


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read"]


def test_everything_comes_in_order() -> None:
    with ThreadPoolExecutor(4) as executor:

        def slow_if_even(n: int) -> int:
            time.sleep(0.01 if n % 2 == 0 else 0)
            return n * n

        squares = ordered(slow_if_even, range(40), executor=executor, ahead=3)
        assert list(squares) == [n * n for n in range(40)]


def test_a_result_comes_before_the_next_item_is_there() -> None:
    """What waits for the result of one item in order to give the next must not wait for ever."""
    seen = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert seen.wait(5)
        yield 2

    with ThreadPoolExecutor(1) as executor:
        results = []
        for result in ordered(lambda n: n, items(), executor=executor, ahead=1):
            results.append(result)
            seen.set()
    assert results == [1, 2]


def test_no_more_is_taken_than_may_wait() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(100):
            taken.append(n)
            yield n

    fill = Fill()
    with closing(prefetch(items(), ahead=3, fill=fill)) as fetched:
        assert next(fetched) == 0
        time.sleep(0.2)
        assert fill == Fill(waiting=3, size=3)
        assert len(taken) <= 1 + 3 + 1  # given, waiting, and in the hand of the thread


def test_errors_come_where_the_item_would_have() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    fetched = prefetch(items(), ahead=5)
    assert next(fetched) == 1
    with pytest.raises(ValueError, match="broken"):
        next(fetched)

    def fails(n: int) -> float:
        return 1 / n

    with ThreadPoolExecutor(1) as executor:
        results = ordered(fails, [2, 1, 0, 1], executor=executor, ahead=2)
        assert [next(results), next(results)] == [0.5, 1]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_whoever_stops_taking_ends_the_threads() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with ThreadPoolExecutor(1) as executor:
        with closing(ordered(lambda n: n, items(), executor=executor, ahead=1)) as results:
            next(results)
        assert closed.wait(5)
    deadline = time.monotonic() + 5
    while readers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not readers()


def test_a_silent_source_can_be_left() -> None:
    until, silence = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        silence.wait()

    with closing(prefetch(items(), ahead=1, until=until)) as fetched:
        assert next(fetched) == 1
        threading.Timer(0.1, until.set).start()
        assert list(fetched) == []
    silence.set()
