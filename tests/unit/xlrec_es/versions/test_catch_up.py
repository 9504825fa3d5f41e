"""The rounds of a copy that catches up, as they come out without Elasticsearch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from elasticsearch import Elasticsearch

from xlrec_es.versions import catch_up as rounds
from xlrec_es.versions.catch_up import FEW, MAX_ROUNDS, CatchUp, CatchUpReport
from xlrec_es.versions.copier import Copier, CopyCounts


class Written:
    """As a copier of one shard, into which so many documents are written before each round."""

    source, target = "shop-v1", "shop-v2"
    tally = CopyCounts(copied=12, deleted=3)

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = list(counts)
        self.number = -1
        self.steps: list[object] = []

    def checkpoint(self) -> dict[str, int]:
        self.number += self.counts[0]
        self.steps.append(f"up to {self.number}")
        return {"0": self.number}

    def wait_for_copies(self) -> None:
        self.steps.append("wait for copies")

    def copy_after(self, done: Mapping[str, int], shards: Sequence[str]) -> int:
        self.steps.append((dict(done), list(shards)))
        return self.counts.pop(0)


def catching_up(written: Written) -> CatchUp:
    return CatchUp(
        cast("Elasticsearch", None),
        cast("Copier", written),
        before_copying=lambda: written.steps.append("before"),
        after_copying=lambda done: written.steps.append(dict(done)),
    )


def test_each_round_goes_on_where_the_one_before_ended() -> None:
    written = Written([2000, 5])
    catch_up = catching_up(written)
    catch_up.until_few()
    assert written.steps == [
        *("up to 1999", "before", ({}, ["0"]), {"0": 1999}),
        *("up to 2004", "before", ({"0": 1999}, ["0"]), {"0": 2004}),
    ]
    assert catch_up.done == {"0": 2004}


@pytest.mark.parametrize(
    ("counts", "at_least", "expected"),
    [
        ([FEW, FEW - 1, 7], 1, 2),
        ([3, 2, 1], 1, 1),
        ([3, 2, 1], 2, 2),
        ([FEW] * (MAX_ROUNDS + 5), 1, MAX_ROUNDS),
    ],
)
def test_it_ends_when_little_comes_or_never_will(
    counts: list[int], at_least: int, expected: int
) -> None:
    catch_up = catching_up(Written(counts))
    catch_up.until_few(at_least)
    assert catch_up.rounds == counts[:expected]


def test_rounds_that_were_before_count() -> None:
    catch_up = catching_up(Written([3, 2, 1]))
    catch_up.next_round()
    catch_up.until_few(at_least=2)
    assert catch_up.rounds == [3, 2]


def test_one_round_is_enough_unless_more_are_asked_for() -> None:
    catch_up = catching_up(Written([3, 2, 1]))
    catch_up.until_few()
    assert catch_up.rounds == [3]


def test_the_last_round_is_done_while_nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written([5])
    catch_up = catching_up(written)
    catch_up.client = cast("Elasticsearch", "the cluster")

    @contextlib.contextmanager
    def refused(client: object, index: str) -> Iterator[SimpleNamespace]:
        written.steps.append(f"refuse writes to {index} of {client}")
        yield SimpleNamespace(since=100.0)
        written.steps.append("take writes")

    monkeypatch.setattr(rounds, "writes_refused", refused)
    monkeypatch.setattr(time, "monotonic", lambda: 100.25)
    with catch_up.last_round():
        written.steps.append("move the alias")
    assert written.steps == [
        *("refuse writes to shop-v1 of the cluster", "wait for copies"),
        *("up to 4", "before", ({}, ["0"]), {"0": 4}),
        *("move the alias", "take writes"),
    ]
    assert catch_up.blocked_s == 0.25
    assert catch_up.rounds == [5]


def test_what_it_took_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up = catching_up(Written([]))
    catch_up.blocked_s = 1.23456
    monkeypatch.setattr(time, "monotonic", lambda: 105.43219)
    assert catch_up.report(100.0) == CatchUpReport("shop-v2", "shop-v1", 12, 3, 1.235, 5.432)
