"""The largest numbers of a row."""

from __future__ import annotations

import numpy as np

from ingest.indicators.learners.sparse_blocks import largest


def test_the_largest_come_in_order_of_place() -> None:
    assert largest(np.array([3.0, 9.0, 1.0, 7.0]), 2).tolist() == [1, 3]
    assert largest(np.array([3.0]), 2).tolist() == [0]
