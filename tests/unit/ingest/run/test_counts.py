"""What a run counts."""

from __future__ import annotations

import pytest

from ingest.run.counts import Tally


def test_time_adds_up_by_stage_even_if_it_fails() -> None:
    tally = Tally()
    with tally.timed("read"):
        pass
    once = tally.seconds["read"]
    with pytest.raises(ValueError, match="x"), tally.timed("read"):
        raise ValueError("x")
    assert tally.seconds["read"] > once > 0
