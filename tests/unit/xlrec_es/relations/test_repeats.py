"""Planted intervals are learned, and next purchases are found before simple rules find them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from purchases import Bought, PurchaseLog, most_frequent, most_recent, recall
from xlrec_es.relations.repeats import LEAST_REPEATS, Repeat, Repeats, due_items, learn_repeats

NOW, AHEAD = 350.0, 14.0


def learned(users: Sequence[Bought], n_items: int) -> Repeats:
    pairs = [(int(i), np.unique(np.floor(days))) for one in users for i, days in one.items()]
    rates, gaps, spread = learn_repeats(
        np.array([item for item, _ in pairs]),
        np.array([len(days) for _, days in pairs]),
        np.array([days[-1] - days[0] for _, days in pairs]),
        n_items,
    )
    items = {str(n): Repeat(float(rates[n]), float(gaps[n])) for n in range(n_items)}
    return Repeats(items, spread, AHEAD)


def due(bought: Bought, repeats: Repeats) -> list[str]:
    days = {item: np.array(moments) for item, moments in bought.items()}
    return [one.item for one in due_items(days, repeats, now_days=NOW)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_next_purchases_are_found_before_simple_rules_find_them(seed: int) -> None:
    """Held out: the last two weeks of a year of purchases, by users who bought something again."""
    log = PurchaseLog.simulated(seed)
    known, wanted = log.before(NOW), log.bought_again(NOW, NOW + AHEAD)
    repeats = learned(known, len(log.gaps))
    people = [(one, held) for one, held in zip(known, wanted, strict=True) if held]
    assert len(people) > 400

    def mean(ranked: Sequence[list[str]], k: int) -> float:
        pairs = zip(ranked, people, strict=True)
        return float(np.mean([recall(some, held, k) for some, (_, held) in pairs]))

    ours = [due(one, repeats) for one, _ in people]
    frequent = [most_frequent(one) for one, _ in people]
    recent = [most_recent(one) for one, _ in people]
    for k, more in ((1, 0.1), (3, 0.1), (5, 0.05)):
        assert mean(ours, k) > mean(frequent, k) + more, k
        assert mean(ours, k) > mean(recent, k) + 0.2, k


def test_planted_intervals_are_learned_and_others_are_never_due() -> None:
    log = PurchaseLog.simulated(3)
    known = log.before(NOW)
    repeats = learned(known, len(log.gaps))
    rates = np.array([repeats.items[str(n)].rate for n in range(len(log.gaps))])
    gaps = np.array([repeats.items[str(n)].gap_days for n in range(len(log.gaps))])
    assert (rates[log.staple] > LEAST_REPEATS).all()
    # Long gaps are seen less within a year.
    short = log.staple & (log.gaps < 60)
    assert np.median(np.abs(np.log(gaps[short] / log.gaps[short]))) < 0.15
    once = {str(n) for n in np.flatnonzero(~log.staple & (rates < LEAST_REPEATS))}
    assert len(once) > 10
    assert not once & {item for one in known for item in due(one, repeats)}


def test_an_item_comes_due_and_is_given_up() -> None:
    repeats = Repeats({"milk": Repeat(0.8, 10.0)}, 0.3)

    def chance(last: float, *before: float) -> float:
        moments = np.array([*before, NOW - last])
        found = due_items({"milk": moments}, repeats, now_days=NOW)
        return found[0].chance if found else 0.0

    assert chance(1) < chance(5) < chance(9)
    assert chance(31) == 0.0
    # Who buys it every three days has a rhythm of their own, and bought it twice for sure.
    assert chance(3, NOW - 9, NOW - 6) > chance(3)
    [one] = due_items({"milk": np.array([NOW - 9, NOW - 6, NOW - 3])}, repeats, now_days=NOW)
    assert (one.times, one.days) == (3, 3.0)
    assert 3 < one.gap_days < 10


def test_nothing_to_learn_from_is_no_error() -> None:
    none = np.zeros(0, np.int64)
    rates, gaps, spread = learn_repeats(none, none, np.zeros(0), 2)
    assert list(rates) == [0, 0]
    assert gaps == pytest.approx([30, 30])
    assert spread == 1.0
    unknown = Repeats({"rare": Repeat(0.01, 30.0)}, 0.3)
    days = {"rare": np.array([NOW - 30]), "new": np.array([NOW - 30])}
    assert due_items(days, unknown, now_days=NOW) == []
    future = Repeats({"milk": Repeat(0.8, 10.0)}, 0.3)
    assert due_items({"milk": np.array([NOW + 5])}, future, now_days=NOW) == []
