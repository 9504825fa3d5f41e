"""Vectors as an encoder makes them, and those that are of no use."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import HashEncoder
from ingest.encode import raw_vectors
from xlrec_es.errors import EncoderError
from xlrec_es.vectors.vector import Vector


class WrongShape(HashEncoder):
    def encode(self, texts: list[str]) -> Vector:  # type: ignore[override]
        return np.zeros((len(texts), 3), np.float32)


def test_vectors_of_a_wrong_shape_are_an_error() -> None:
    assert raw_vectors.encode(HashEncoder(), ["a", "b"]).shape == (2, HashEncoder().dims)
    with pytest.raises(EncoderError, match=r"shape \(2, 3\) out of 2 texts"):
        raw_vectors.encode(WrongShape(), ["a", "b"])


def test_zeros_and_nan_are_not_usable() -> None:
    rows = np.array([[1, 0], [0, 0], [np.nan, 1], [0.6, 0.8]], np.float32)
    assert raw_vectors.usable(rows).tolist() == [True, False, False, True]
