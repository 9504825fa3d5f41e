"""Batches leave other callers their turn."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.service.api import recommend_routes
from xlrec_es.service.api.questions import MAX_BATCH_IDS, UserAsked


class Asking:
    """Notes in which turn of the loop each history is made."""

    def __init__(self, length: int = 0) -> None:
        self.length = length
        self.turn = 0
        self.made: Counter[int] = Counter()

    async def history(self, _asked: UserAsked, *, for_variant: bool) -> tuple[History, list[str]]:
        self.made[self.turn] += 1
        return History((Interaction("7"),) * self.length), [str(for_variant)]

    async def turn_by_turn(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)


def test_a_few_histories_are_made_before_others_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recommend_routes, "_AT_ONCE", 4)
    asking = Asking()

    async def made() -> None:
        others = asyncio.create_task(asking.turn_by_turn())
        users = [UserAsked(user=str(number)) for number in range(100)]
        read = await recommend_routes._histories(asking, users, False)  # type: ignore[arg-type]
        others.cancel()
        assert read == [(History(), ["False"])] * 100

    asyncio.run(made())
    assert asking.made.total() == 100
    assert max(asking.made.values()) <= 4


def test_histories_that_were_read_are_bounded_as_those_that_were_sent() -> None:
    users = [UserAsked(user=str(number)) for number in range(8)]

    async def made() -> None:
        asking = Asking(length=MAX_BATCH_IDS // 5)
        read = await recommend_routes._histories(asking, users, False)  # type: ignore[arg-type]
        refused = [one for one in read if isinstance(one, UsageError)]
        assert len(read) - len(refused) == 5
        assert len(refused) == 3
        assert "more than 50000 interactions together" in str(refused[0])

    asyncio.run(made())
