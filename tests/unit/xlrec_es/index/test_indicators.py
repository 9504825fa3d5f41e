"""Indicators as an index stores them, and as they are read again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xlrec_es.index.indicators import read_indicators, storable

positive = st.floats(min_value=2.0**-125, max_value=2.0**126, width=32)


@given(st.lists(positive, min_size=1))
def test_rounded_weights_have_nine_bits_and_are_near(weights: list[float]) -> None:
    exact = np.array(weights, np.float32)
    rounded = storable(exact)
    assert not (rounded.view(np.uint32) & 0x7FFF).any()  # what Lucene cuts off
    assert (np.abs(rounded - exact) <= exact / 512).all()
    np.testing.assert_array_equal(storable(rounded), rounded)


def test_weights_too_small_to_be_written_become_the_smallest_that_can() -> None:
    assert storable(np.array([1e-44, 0], np.float32)).tolist() == [np.finfo(np.float32).tiny] * 2


def test_indicators_are_read_in_either_form() -> None:
    assert read_indicators({"a.b": 1.0}) == {"a.b": 1.0}
    assert read_indicators([{"a.b": 1.0}]) == {"a.b": 1.0}
    assert read_indicators([]) == read_indicators(None) == {}
