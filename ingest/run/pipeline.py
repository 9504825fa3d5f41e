"""Stages that work at the same time, with bounded queues between them and the order kept."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class Fill:
    """How full a queue between two stages is, for metrics.

    Attributes:
        waiting: Items in it.
        size: Room that it has.
    """

    waiting: int = 0
    size: int = 0


def prefetch(
    items: Iterable[T],
    *,
    ahead: int,
    until: threading.Event | None = None,
    fill: Fill | None = None,
) -> Generator[T, None, None]:
    """Iterate in a thread of its own.

    Args:
        items: What to iterate.
        ahead: So many items may wait to be taken.
        until: Once it is set, no more items come, even if the thread waits for something.
        fill: Is kept up to date.

    Raises:
        BaseException: Whatever the iteration raises, where its item would have come.
    """
    feed: _Feed[T] = _Feed(ahead, fill or Fill())
    # A daemon, because nobody can interrupt it while it reads from a pipe that stays silent.
    threading.Thread(target=feed.fill, args=(items,), name="read", daemon=True).start()
    try:
        yield from feed.take(until or threading.Event())
    finally:
        feed.closed.set()


class _Feed(Generic[T]):
    """A queue from one thread to another that passes errors on and can be closed."""

    def __init__(self, size: int, fill: Fill) -> None:
        self.closed = threading.Event()
        self._fill = fill
        fill.size = size
        # An item, an error, or the end.
        self._waiting: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(size)

    def fill(self, items: Iterable[T]) -> None:
        """Put all of it in, as there is room."""
        try:
            for item in items:
                if not self._put((item,)):
                    return
        except BaseException as error:
            self._put(error)
        else:
            self._put(None)
        finally:
            if isinstance(items, Generator):
                items.close()  # and with it the stage before, should this one have been closed

    def take(self, until: threading.Event) -> Iterator[T]:
        """Get all of it out, as it comes."""
        while not until.is_set():
            try:
                entry = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self._fill.waiting = self._waiting.qsize()
            if entry is None:
                return
            if isinstance(entry, BaseException):
                raise entry
            yield entry[0]

    def _put(self, entry: tuple[T] | BaseException | None) -> bool:
        while not self.closed.is_set():
            try:
                self._waiting.put(entry, timeout=0.2)
                self._fill.waiting = self._waiting.qsize()
                return True
            except queue.Full:
                continue
        return False


def ordered(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    executor: Executor,
    ahead: int,
    fill: Fill | None = None,
) -> Generator[R, None, None]:
    """Map in an executor, results in the order of the items, each as soon as it is there.

    Args:
        function: What is done to each.
        items: Taken in a thread of its own, as there is room.
        executor: Does it.
        ahead: So many results, or items that are worked at, may wait to be taken.
        fill: Is kept up to date.
    """
    submitted = (executor.submit(function, item) for item in items)
    futures = prefetch(submitted, ahead=ahead, fill=fill)
    with closing(futures):
        for future in futures:
            yield future.result()
