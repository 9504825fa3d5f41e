"""Vectors as arrays."""

from __future__ import annotations

import numpy as np

from xlrec_es.vectors.vector import unit_rows


def test_rows_have_length_one_or_no_direction() -> None:
    rows = np.array([[3, 4], [0, 0], [1e-7, 0], [np.nan, 1]], np.float32)
    before = rows.copy()
    assert unit_rows(rows).tolist() == [
        [np.float32(0.6), np.float32(0.8)],
        [0, 0],
        [1, 0],
        [0, 0],
    ]
    assert unit_rows(rows, least=1e-6)[2].tolist() == [0, 0]
    assert unit_rows(rows).dtype == np.float32
    assert np.array_equal(rows, before, equal_nan=True), "the array itself stays as it was"
