"""Batches leave other callers their turn."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from xlrec_es.interactions.history import History
from xlrec_es.service.api import recommend_routes
from xlrec_es.service.api.questions import UserAsked


class Asking:
    """Notes in which turn of the loop each history is made."""

    def __init__(self) -> None:
        self.turn = 0
        self.made: Counter[int] = Counter()

    async def history(self, _asked: UserAsked, *, for_variant: bool) -> tuple[History, list[str]]:
        self.made[self.turn] += 1
        return History(), [str(for_variant)]

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
