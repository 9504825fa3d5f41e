"""What was learned of a document, and the digest that tells whether it changed."""

from __future__ import annotations

import pytest

from ingest.indicators.catalogue import Learned


@pytest.mark.parametrize(
    "other",
    [
        Learned({"a": 0.5, "b": 1.5}, "own", 3, 0.25),
        Learned({"a": 0.5}, "own", 3, 0.25),
        Learned({"a": 0.5, "b": 1}, "blended", 3, 0.25),
        Learned({"a": 0.5, "b": 1}, "own", 4, 0.25),
        Learned({"a": 0.5, "b": 1}, "own", 3, None),
        Learned({"a": 0.5, "b": 1}, "own", 3, 0.25, {"DE": 0.5}),
        Learned({"a": 0.5}, "own", 3, 0.25, {"b": 1}),
    ],
)
def test_the_digest_tells_what_changed(other: Learned) -> None:
    learned = Learned({"a": 0.5, "b": 1}, "own", 3, 0.25)
    assert learned.digest == Learned({"b": 1, "a": 0.5}, "own", 3, 0.25).digest
    assert learned.digest != other.digest
