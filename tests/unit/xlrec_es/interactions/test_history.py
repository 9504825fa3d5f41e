from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from xlrec_es import History, Interaction, Options
from xlrec_es.errors import FingerprintMismatch, UnknownItems, UsageError


@pytest.mark.parametrize("weight", [0, float("nan"), float("inf")])
def test_weights_are_finite_and_say_something(weight: float) -> None:
    with pytest.raises(UsageError, match="weight"):
        Interaction("a", weight=weight)


@pytest.mark.parametrize("wrong", [{"rating": float("nan")}, {"dwell_s": -1}, {"dwell_s": 1e999}])
def test_numbers_of_an_interaction_are_checked(wrong: dict) -> None:
    with pytest.raises(UsageError, match="'a'"):
        Interaction("a", **wrong)


def test_times_with_and_without_a_zone_do_not_mix() -> None:
    now = datetime(2026, 11, 24)
    with pytest.raises(UsageError, match="time zone"):
        History((Interaction("a", time=now), Interaction("b", time=now.replace(tzinfo=UTC))))


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        History(texts=(" ",))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_interests": 0}, "max_interests"),
        ({"mix": "fair"}, "equal, auto"),
        ({"weights": {"dens": 1}}, "dens"),
        ({"weights": {"dense": -1}}, "at least 0"),
        ({"weights": {"dense": float("nan")}}, "finite"),
        ({"weights": {"dense": 0}}, "all weights are 0"),
        ({"mix": {"ja": 0}}, "above zero"),
        ({"push": 2}, "push"),
        ({"diversity": -0.1}, "diversity"),
        ({"fusion": "sum"}, "weighted or rrf"),
        ({"rank_constant": 0}, "rank_constant"),
    ],
)
def test_options_that_make_no_sense_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Options(**wrong)


def test_errors_keep_their_data_when_pickled() -> None:
    unknown = pickle.loads(pickle.dumps(UnknownItems("no such id", items=["a"])))
    assert (str(unknown), unknown.items) == ("no such id", ("a",))
    mismatch = pickle.loads(pickle.dumps(FingerprintMismatch("differs", differences=["dims"])))
    assert mismatch.differences == ("dims",)
