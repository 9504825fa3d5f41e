"""Placements are read once for all callers, and again after a while."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from xlrec_es.errors import ClusterError, PlacementNotFound
from xlrec_es.placements.cache import MOST, Cache
from xlrec_es.placements.store import Store, Stored, Version


class Shelf:
    """A store that counts what it is asked, and takes a moment."""

    def __init__(self) -> None:
        self.size: int | None = 1
        self.asked = 0
        self.error: Exception | None = None

    def read(self, index: str, name: str, *, versions: bool) -> Stored | None:
        assert not versions
        self.asked += 1
        time.sleep(0.02)
        if self.error is not None:
            raise self.error
        definition = None if self.size is None else {"size": self.size}
        return Stored(index, name, Version(self.asked, "", "", definition))


def made(life_s: float = 60.0) -> tuple[Shelf, Cache]:
    shelf = Shelf()
    return shelf, Cache(cast("Store", shelf), life_s=life_s)


def run(steps: Any) -> Any:  # noqa: ANN401
    return asyncio.run(steps)


def test_many_callers_cause_one_read() -> None:
    shelf, cache = made()

    async def steps() -> None:
        found = await asyncio.gather(*(cache.current("shop", "row") for _ in range(50)))
        assert {id(one) for one in found} == {id(found[0])}
        assert (await cache.current("shop", "row")).placement.size == 1
        await cache.current("shop", "other")

    run(steps())
    assert shelf.asked == 2


def test_a_change_is_seen_after_a_while_or_at_once_where_it_was_made() -> None:
    shelf, cache = made(0.3)

    async def steps() -> None:
        before = await cache.current("shop", "row")
        shelf.size = 2
        assert await cache.current("shop", "row") is before
        await asyncio.sleep(0.35)
        assert (await cache.current("shop", "row")).placement.size == 2
        assert before.placement.size == 1  # a call that has it goes on with it
        shelf.size = 3
        cache.forget("shop", "row")
        assert (await cache.current("shop", "row")).placement.size == 3

    run(steps())


def test_what_is_not_there_is_remembered_too() -> None:
    shelf, cache = made()
    shelf.size = None

    async def steps() -> None:
        for _ in range(3):
            with pytest.raises(PlacementNotFound):
                await cache.current("shop", "row")
        assert shelf.asked == 1

    run(steps())


def test_a_failed_read_is_tried_again() -> None:
    shelf, cache = made()
    shelf.error = ClusterError("busy")

    async def steps() -> None:
        with pytest.raises(ClusterError):
            await cache.current("shop", "row")
        shelf.error = None
        assert (await cache.current("shop", "row")).placement.size == 1

    run(steps())


def test_a_caller_that_goes_does_not_take_the_read_with_it() -> None:
    shelf, cache = made()

    async def steps() -> None:
        gone = asyncio.create_task(cache.current("shop", "row"))
        stays = asyncio.create_task(cache.current("shop", "row"))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).placement.size == 1

    run(steps())
    assert shelf.asked == 1


def test_names_do_not_fill_the_memory() -> None:
    _, cache = made()

    async def steps() -> None:
        await asyncio.gather(*(cache.current("shop", f"row-{n}") for n in range(MOST + 10)))

    run(steps())
    assert len(cache._known) <= MOST
