"""Vectors as arrays, and as Elasticsearch takes them."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""Shape (dims,) or (n, dims), float32."""

MAX_DIMS = 4096
"""What Elasticsearch's `dense_vector` holds."""


def pack(vector: Vector) -> str:
    """Base64 of big-endian float32: in documents from 9.3, in queries from 9.4."""
    return base64.b64encode(vector.astype(">f4").tobytes()).decode()
