from __future__ import annotations

import pickle

import pytest

from xlrec_es import History, Interaction, Options
from xlrec_es.errors import EmptyHistory, FingerprintMismatch, UnknownItems, UsageError


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(EmptyHistory, match="at least one"):
        History(())


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_weights_are_finite_and_above_zero(weight: float) -> None:
    with pytest.raises(UsageError, match="above zero"):
        Interaction("a", weight)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": 0}, "temperature"),
        ({"max_interests": 0}, "max_interests"),
        ({"mix": "fair"}, "equal, auto"),
        ({"weights": {"dens": 1}}, "dens"),
        ({"weights": {"dense": -1}}, "at least 0"),
        ({"weights": {"dense": float("nan")}}, "finite"),
        ({"weights": {"dense": 0}}, "all weights are 0"),
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
