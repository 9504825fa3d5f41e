"""Interactions and histories that make no sense."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from xlrec_es import History, Interaction
from xlrec_es.errors import UsageError


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


def test_texts_of_numpy_become_plain_ones() -> None:
    [interaction] = History.of([np.str_("gimp")]).interactions
    assert type(interaction.item) is str
