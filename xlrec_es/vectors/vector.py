"""Vectors as arrays, and as Elasticsearch takes them."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""Shape (dims,) or (n, dims), float32."""

MAX_DIMS = 4096
"""What Elasticsearch's `dense_vector` holds."""


def unit_rows(vectors: Vector, *, least: float = 0.0) -> Vector:
    """The same rows with length 1. Shape (n, dims) -> (n, dims), a new array.

    Args:
        vectors: Of any length.
        least: A row that is not longer becomes zeros, and so does one of NaN: it has no direction.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vector = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > least)
    return unit


def pack(vector: Vector) -> str:
    """Base64 of big-endian float32: in documents from 9.3, in queries from 9.4."""
    return base64.b64encode(vector.astype(">f4").tobytes()).decode()
