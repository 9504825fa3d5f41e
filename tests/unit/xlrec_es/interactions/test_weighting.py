from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlrec_es.errors import UsageError
from xlrec_es.interactions.history import ABSURD, History, Interaction
from xlrec_es.interactions.weighting import EVENT_WEIGHTS, WeightRules, weigh

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def history(*interactions: Interaction) -> History:
    return History(interactions)


interactions = st.builds(
    Interaction,
    item=st.sampled_from("abcdef"),
    event=st.sampled_from(sorted(EVENT_WEIGHTS)),
    rating=st.none() | st.floats(1, 5),
    time=st.none() | st.integers(0, 1000).map(lambda days: NOW - timedelta(days=days)),
    dwell_s=st.none() | st.floats(0, 1000),
)


@given(st.lists(interactions, max_size=20), st.integers(0, 99))
def test_weights_are_finite_and_the_order_does_not_matter(
    some: list[Interaction], seed: int
) -> None:
    weights = weigh(History(tuple(some)), WeightRules())
    assert set(weights) <= {interaction.item for interaction in some}
    assert all(math.isfinite(weight) and weight != 0 for weight in weights.values())
    shuffled = list(some)
    random.Random(seed).shuffle(shuffled)
    again = weigh(History(tuple(shuffled)), WeightRules())
    assert again == pytest.approx(weights)


def test_a_purchase_says_more_than_a_view_and_a_dislike_the_opposite() -> None:
    weights = weigh(
        history(Interaction("a"), Interaction("b", "purchase"), Interaction("c", "dislike")),
        WeightRules(),
    )
    assert weights["b"] > weights["a"] > 0 > weights["c"]


def test_half_a_life_counts_half() -> None:
    weights = weigh(
        history(
            Interaction("new", time=NOW),
            Interaction("old", time=NOW - timedelta(days=30)),
            Interaction("undated"),
        ),
        WeightRules(half_life_days=30),
    )
    assert weights == {"new": 1, "undated": 1, "old": pytest.approx(0.5)}


def test_ratings_are_measured_against_the_users_own_mean() -> None:
    generous = history(
        Interaction("a", "rate", rating=5),
        Interaction("b", "rate", rating=4),
        Interaction("c", "rate", rating=3),
    )
    strict = history(
        Interaction("a", "rate", rating=3),
        Interaction("b", "rate", rating=2),
        Interaction("c", "rate", rating=1),
    )
    weights = weigh(generous, WeightRules())
    assert weights == weigh(strict, WeightRules())
    assert weights["a"] > 0 > weights["c"]
    assert "b" not in weights, "a rating at the mean says nothing"


def test_who_rates_all_alike_likes_all() -> None:
    alike = history(Interaction("a", "rate", rating=4), Interaction("b", "rate", rating=4))
    assert weigh(alike, WeightRules()) == {"a": 2, "b": 2}


def test_a_glance_counts_less_than_a_visit() -> None:
    weights = weigh(
        history(
            Interaction("glance", dwell_s=1),
            Interaction("visit", dwell_s=30),
            Interaction("forgotten tab", dwell_s=1e6),
        ),
        WeightRules(),
    )
    assert weights == {"forgotten tab": 2, "visit": 1, "glance": pytest.approx(0.1)}


def test_an_own_weight_wins_over_the_events() -> None:
    assert weigh(history(Interaction("a", "purchase", weight=-0.5)), WeightRules()) == {"a": -0.5}


def test_only_the_heaviest_items_are_kept() -> None:
    some = [Interaction(f"i{n}", weight=1 + n) for n in range(10)]
    assert list(weigh(History(tuple(some)), WeightRules(max_items=3))) == ["i9", "i8", "i7"]


def test_what_makes_no_sense_is_named() -> None:
    with pytest.raises(UsageError, match="'stare' of 'a'"):
        weigh(history(Interaction("a", "stare")), WeightRules())
    for wrong in ({"half_life_days": 0}, {"max_items": 0}, {"events": {"view": math.nan}}):
        with pytest.raises(UsageError):
            WeightRules(**wrong)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 2 * ABSURD, -2 * ABSURD])
def test_numbers_that_nobody_means_are_refused(number: float) -> None:
    for name in ("weight", "rating"):
        with pytest.raises(UsageError, match=f"the {name} of 'a'"):
            Interaction("a", **{name: number})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="the weight of event 'view'"):
        WeightRules(events={"view": number})
