"""What is bought together: from rows to baskets, and what is learned from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

import basket_world as world
from ingest.indicators.baskets import GAP_H, PURCHASES, REPEATS, WITHOUT, by_basket
from ingest.indicators.catalogue import Catalogue
from ingest.indicators.cold_start import BASKET_TRANSFER, Transfer
from ingest.indicators.interaction_matrix import LikeMatrix, LikeRules, collect
from ingest.indicators.learners import Association, Learner, LocalEase
from ingest.indicators.run import IndicatorJob, learn
from ingest.shard import Shard
from xlrec_es.errors import UsageError
from xlrec_es.index.fields import BOUGHT_TOGETHER

NOW_S = 1_800_000_000.0
RULES = LikeRules(events=PURCHASES, plain=1.0, repeats=REPEATS)
JOB = IndicatorJob(
    "", "", learner=Association(), transfer=BASKET_TRANSFER, relation=BOUGHT_TOGETHER
)
ITEMS = {name: name for name in ("camera", "bag", "milk")}


def batch(**columns: Sequence[object]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: list(cells) for name, cells in columns.items()})


def read(*batches: pa.RecordBatch, rules: LikeRules = RULES) -> LikeMatrix:
    """Likes of baskets, by column or by time."""
    report: Counter[str] = Counter()
    found, named = by_basket(iter(batches), report)
    rules = rules if named else replace(rules, basket_gap_h=GAP_H)
    return collect(found, ITEMS, rules, now_s=NOW_S, report=report)


def baskets_of(likes: LikeMatrix) -> list[tuple[str, ...]]:
    rows = likes.matrix.toarray() > 0
    return sorted(tuple(np.array(likes.works)[row].tolist()) for row in rows)


def test_a_column_says_what_is_in_one_basket() -> None:
    likes = read(
        batch(
            user=["ann", "ann", "ann", "bob", "bob"],
            basket=["1", "1", "2", "1", None],  # sessions are numbered for each user
            item=["camera", "bag", "milk", "milk", "camera"],
        )
    )
    assert baskets_of(likes) == [("bag", "camera"), ("milk",), ("milk",)]
    assert likes.report[WITHOUT] == 1
    assert likes.report["rows"] == 5
    without_user = read(batch(basket=[7, 7, 8], item=["camera", "bag", "milk"]))
    assert baskets_of(without_user) == [("bag", "camera"), ("milk",)]


def test_without_a_column_a_pause_begins_another_basket() -> None:
    minutes = [0, 50, 100, 161, 0, None]
    likes = read(
        batch(
            user=["ann", "ann", "ann", "ann", "bob", "bob"],
            item=["camera", "bag", "milk", "milk", "camera", "bag"],
            time=[None if m is None else 1_700_000_000 + 60 * m for m in minutes],
        )
    )
    assert baskets_of(likes) == [("bag", "camera", "milk"), ("camera",), ("milk",)]
    assert likes.report["without basket or time"] == 1


def test_the_order_of_rows_decides_nothing() -> None:
    rows = list(world.rows(users=20))[::2]
    items = {item: item for item in world.items()}

    def digest(some: list[world.Row]) -> str:
        columns = batch(**{n: [getattr(row, n) for row in some] for n in ("user", "item", "time")})
        rules = LikeRules(basket_gap_h=GAP_H)
        return collect(iter([columns]), items, rules, now_s=NOW_S).digest

    assert digest(rows) == digest(rows[::-1])
    assert digest(rows) != digest(rows[1:])


def test_purchases_alone_count_and_rows_without_an_event() -> None:
    likes = read(
        batch(
            basket=["1"] * 4,
            item=["camera", "bag", "milk", "milk"],
            event=["order completed", None, "view", "add to cart"],
        )
    )
    assert baskets_of(likes) == [("bag", "camera")]
    assert likes.report["not liked"] == 2


@pytest.mark.parametrize("by", ["basket", "time"])
def test_who_orders_the_same_again_and_again_says_no_more_than_others(by: str) -> None:
    days = [*range(10)] * 2
    user, item = ["ann"] * 20, ["camera"] * 10 + ["milk"] * 10
    stamps = [1_700_000_000 + 86_400 * day for day in days]
    columns: dict[str, Sequence[object]] = {"basket": days} if by == "basket" else {}
    columns |= {"user": user, "item": item, "time": stamps}
    one = read(batch(**columns))
    assert baskets_of(one) == [("camera", "milk")] * REPEATS
    assert one.report["again in a user's baskets"] == 2 * (10 - REPEATS)
    assert one.read["until"] == "2023-11-23T22:13:20+00:00"
    everybody = {**columns, "user": [f"u{day}" for day in days]}
    assert baskets_of(read(batch(**everybody))) == [("camera", "milk")] * 10
    if by == "basket":  # nobody is named: each basket is somebody's
        del columns["user"]
        assert baskets_of(read(batch(**columns))) == [("camera", "milk")] * 10


def test_a_gap_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="use hours above 0"):
        LikeRules(basket_gap_h=0)


class Shop:
    """The shop of `basket_world`, as its items are found by one of several relations."""

    def __init__(self, seed: int) -> None:
        rows = list(world.rows(seed))
        self.items = sorted(world.items())
        known = {item: item for item in self.items}
        columns: dict[str, Any] = {
            name: [getattr(row, name) for row in rows] for name in ("user", "item", "event", "time")
        }
        found, _ = by_basket(
            iter([batch(basket=[row.order for row in rows], **columns)]), Counter()
        )
        self.baskets = collect(found, known, RULES, now_s=NOW_S)
        self.users = collect(iter([batch(**columns)]), known, LikeRules(), now_s=NOW_S)
        vectors = world.vectors(seed)
        self.vectors = np.stack([vectors[item] for item in self.items])

    def learn(self, likes: LikeMatrix, job: IndicatorJob) -> csr_array:
        catalogue = Catalogue((), tuple(self.items), self.vectors, "")
        return learn(job, likes, catalogue).indicators

    def shown(self, indicators: csr_array, *cart: str) -> list[str]:
        """The ten that are shown for a cart: the highest sums, without what is in it."""
        number = {item: n for n, item in enumerate(self.items)}
        inside = [number[item] for item in cart]
        scores = indicators[:, inside].sum(axis=1)
        scores[inside] = 0
        best = np.argsort(-scores, kind="stable")[:10]
        return [self.items[n] for n in best if scores[n] > 0]

    def recall(self, indicators: csr_array, among: Callable[[str], bool]) -> float:
        """Part of the planted complements that are among the ten, of carts of one such item."""
        carts = [item for item in self.items if world.complements(item) and among(item)]
        wanted = [set(world.complements(item)) for item in carts]
        found = [
            len(of & {*self.shown(indicators, item)})
            for item, of in zip(carts, wanted, strict=True)
        ]
        return sum(found) / sum(map(len, wanted))


class Counts:
    """Plain counts of what was in a basket with what, the baseline of most shops."""

    name = "counts"

    def learn(self, likes: csr_array, works: np.ndarray) -> csr_array:
        together = (likes.T @ likes).toarray()
        np.fill_diagonal(together, 0)
        return csr_array(together[works].astype(np.float32))


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(seed=0)


@pytest.fixture(scope="module")
def together(shop: Shop) -> csr_array:
    return shop.learn(shop.baskets, JOB)


def test_complements_are_found_and_neither_substitutes_nor_staples(
    shop: Shop, together: csr_array
) -> None:
    """Better than by what the same users like, and than by counts, of known and of new items."""
    counts: Learner = Counts()
    taste = shop.learn(shop.users, IndicatorJob("", "", learner=LocalEase(), transfer=Transfer()))
    plain = shop.learn(shop.baskets, replace(JOB, learner=counts, transfer=Transfer(neighbours=0)))
    known = [
        shop.recall(indicators, lambda item: not world.is_new(item))
        for indicators in (together, taste, plain)
    ]
    assert known[0] > 0.9
    assert known[0] > known[1] + 0.2
    assert known[0] > known[2] + 0.2
    assert shop.recall(together, world.is_new) > 0.9
    items = [item for item in shop.items if world.complements(item)]
    shown = [(item, other) for item in items for other in shop.shown(together, item)]
    assert sum(other in world.substitutes(item) for item, other in shown) < 0.01 * len(shown)
    assert sum(other.startswith("staple") for _, other in shown) < 0.01 * len(shown)
    by_counts = [other for item in items for other in shop.shown(plain, item)]
    assert sum(other.startswith("staple") for other in by_counts) > 0.5 * len(by_counts)


def test_what_is_made_for_an_item_comes_first(shop: Shop, together: csr_array) -> None:
    """Whatever is inherited, what is known of an item itself decides where enough is known."""
    known = [item for item in shop.items if world.complements(item) and not world.is_new(item)]
    first = [world.partner(item) in shop.shown(together, item)[:3] for item in known]
    assert np.mean(first) > 0.9


def test_new_items_inherit_in_both_directions(shop: Shop, together: csr_array) -> None:
    new = [item for item in shop.items if world.is_new(item)]
    assert not shop.baskets.users[[shop.items.index(item) for item in new]].any()
    shown_new = [
        any(
            world.is_new(other) and other in world.complements(item)
            for other in shop.shown(together, item)
        )
        for item in shop.items
        if world.complements(item) and not world.is_new(item)
    ]
    assert np.mean(shown_new) > 0.9
    one_way = shop.learn(
        shop.baskets, replace(JOB, transfer=replace(BASKET_TRANSFER, both_ways=False))
    )
    assert shop.recall(one_way, world.is_new) == 0
    assert together.diagonal().sum() == 0


def test_several_items_of_a_cart_are_all_served(shop: Shop, together: csr_array) -> None:
    cart = ["00a0", "07b3", "11a5"]
    shown = shop.shown(together, *cart)
    assert not {*shown} & {*cart}
    for item in cart:
        assert {*shown} & {*world.complements(item)}, item


def test_shards_learn_what_one_machine_learns(shop: Shop, together: csr_array) -> None:
    parts = [shop.learn(shop.baskets, replace(JOB, shard=Shard(number, 3))) for number in (1, 2, 3)]
    whole = parts[0] + parts[1] + parts[2]
    np.testing.assert_allclose(whole.toarray(), together.toarray(), rtol=0.01)
