"""What a run counts."""

from __future__ import annotations

import pytest

from ingest.run.counts import MOST_VALUES, OTHERS, Counts, Tally


def test_time_adds_up_by_stage_even_if_it_fails() -> None:
    tally = Tally()
    with tally.timed("read"):
        pass
    once = tally.seconds["read"]
    with pytest.raises(ValueError, match="x"), tally.timed("read"):
        raise ValueError("x")
    assert tally.seconds["read"] > once > 0


def test_of_values_without_end_the_most_common_are_kept() -> None:
    tally = Tally()
    for number in range(3 * MOST_VALUES):
        window = Counts()
        window.read_as["English → en"] += 5
        window.read_as[f"author {number} → en (detected)"] += 1
        tally.add(window)
    assert len(tally.read_as) == MOST_VALUES
    assert tally.read_as["English → en"] == 15 * MOST_VALUES
    assert tally.read_as.total() == 18 * MOST_VALUES
    assert tally.read_as[OTHERS] > 2 * MOST_VALUES - 2
