"""Stand-ins for what is heavy. Elasticsearch is not among them: it is always the real one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from xlrec_es.vectors.vector import Vector


class WordWeights:
    """A sparse encoder without a model: a word weighs as much as it is long."""

    license = None

    def __init__(self, revision: str = "1") -> None:
        self.model = "words"
        self.name = f"words at {revision}; length; first 512 tokens"
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """See `SparseEncoder.encode`; what was encoded is remembered."""
        self.encoded += texts
        return [{word: len(word) / 4 for word in text.split() if len(word) > 1} for text in texts]


class HashEncoder:
    """An `Encoder` without a model: a text's vector is the sum of its words'.

    Texts that share words are near to each other, so that rankings can be tested.
    """

    model = "hash"
    pooling = "sum"
    prefix = ""
    max_tokens = 512

    def __init__(self, *, dims: int = 16, revision: str = "1") -> None:
        self.dims = dims
        self.revision = revision
        self.encoded: list[str] = []
        self.tokens = 0

    def encode(self, texts: Sequence[str]) -> Vector:
        """See `Encoder.encode`; what was encoded is remembered."""
        self.encoded += texts
        self.tokens += sum(len(text.split()) for text in texts)
        vectors = np.array([sum(map(self._word, text.split())) for text in texts], np.float32)
        vectors = vectors.reshape(len(texts), self.dims)
        unit: Vector = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def _word(self, word: str) -> Vector:
        seed = hashlib.sha256(f"{self.revision} {word}".encode()).digest()[:8]
        return np.random.default_rng(list(seed)).standard_normal(self.dims).astype(np.float32)
