"""Options of a recommendation that make no sense."""

from __future__ import annotations

import pytest

from xlrec_es import Options
from xlrec_es.errors import UsageError


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
