"""Raw vectors: made, and looked at, before anything is built on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import EncoderError
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.vector import Vector


def encode(encoder: Encoder, texts: Sequence[str]) -> Vector:
    """Encode, and check the shape.

    Returns:
        Shape (len(texts), encoder.dims).

    Raises:
        EncoderError: The model failed, or made something else.
    """
    vectors = encoder.encode(texts)
    if vectors.shape != (len(texts), encoder.dims):
        raise EncoderError(
            f"{encoder.model} made vectors of shape {vectors.shape} out of {len(texts)} texts; "
            f"{encoder.dims} dimensions were expected"
        )
    return vectors


def reference(encoder: Encoder, texts: Sequence[str]) -> Vector:
    """The vectors that the model's own library makes, where it runs here; else as `encode`.

    What checks the program's vectors must not be made by the program itself.

    Raises:
        EncoderError: As for `encode`.
    """
    by_library: Callable[[Sequence[str]], Vector] | None
    by_library = getattr(encoder, "encode_by_library", None)
    return encode(encoder, texts) if by_library is None else by_library(texts)


def parallel(encoder: Encoder) -> int:
    """How many calls of `encode` it works at at once, from as many threads."""
    return int(getattr(encoder, "parallel", 1))  # most encoders say nothing of it


def tokens(encoder: Encoder) -> int:
    """How many it has encoded so far; 0 if it does not count them."""
    return int(getattr(encoder, "tokens", 0))


def usable(vectors: Vector) -> NDArray[np.bool_]:
    """Which rows have a length: neither zero nor NaN. Shape (n, dims) -> (n,)."""
    with_length: NDArray[np.bool_] = np.linalg.norm(vectors, axis=1) > 0.5  # False for NaN
    return with_length
