"""A dense encoder with a sparse one beside it; no torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np

from ingest.encode.options import EncoderOptions
from xlrec_es.index.indicators import storable
from xlrec_es.vectors.encoder import Encoder

FIELD = "sparse"
"""Of the object `xlrec`: weight by token."""

MOST_TOKENS = 256
"""Tokens of a document that are kept, the heaviest ones.

Measured on the 371 English texts of the sample, with a SPLADE model of 4 million parameters: a text
has 157 in the mean, 224 at the 90th percentile and 290 at most. Of the first 50 by all tokens,
searches by 128 tokens find 84% with 256 tokens a text, as with all of them, and 82% with 128.
"""


class SparseEncoder(Protocol):
    """Weighs the tokens of texts."""

    @property
    def model(self) -> str:
        """Name of the model, for people."""

    @property
    def license(self) -> str | None:
        """Of its weights; None if it is not known."""

    @property
    def name(self) -> str:
        """What made the weights, in words, the model first: equal names make equal weights."""

    def encode(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Weigh texts.

        Returns:
            Of each text its weights by token, above zero, the heaviest first, at most
            `MOST_TOKENS`; empty where it has none.

        Raises:
            EncoderError: The model failed.
        """


class _Both:
    """An encoder that says of itself what it said before, and has `sparse` beside it."""

    def __init__(self, dense: Encoder, sparse: SparseEncoder) -> None:
        self._dense = dense
        self.sparse = sparse

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the encoder has
        if name == "_dense":  # of a copy that is being made
            raise AttributeError(name)
        return getattr(self._dense, name)


def with_sparse(dense: Encoder, options: EncoderOptions) -> Encoder:
    """The encoder, with the sparse one that is asked for beside it.

    Args:
        dense: Makes vectors.
        options: Name the sparse one.

    Raises:
        ConfigError: As for `ingest.encode.sparse.load.load_sparse`.
        EncoderError: As for `ingest.encode.sparse.load.load_sparse`.
    """
    if options.sparse is None or not options.wants_sparse:
        return dense
    from ingest.encode.sparse.load import load_sparse  # brings torch

    return beside(dense, load_sparse(options.sparse, options))


def beside(dense: Encoder, sparse: SparseEncoder) -> Encoder:
    """Both as one encoder."""
    return cast("Encoder", _Both(dense, sparse))


def sparse_of(encoder: Encoder) -> SparseEncoder | None:
    """The sparse encoder that stands beside an encoder; None if there is none."""
    found: SparseEncoder | None = getattr(encoder, "sparse", None)
    return found


def sparse_name(encoder: Encoder) -> str | None:
    """What made the sparse weights beside its vectors; see `Fingerprint.sparse`."""
    sparse = sparse_of(encoder)
    return None if sparse is None else sparse.name


def sparse_fields(encoder: Encoder, texts: Sequence[str]) -> list[Mapping[str, Any]]:
    """What documents hold of their texts beside the vectors: fields of `xlrec` for each.

    Weights are rounded to what Elasticsearch keeps of them, so that what is read is what is
    searched. A text without any has an empty field, which takes the place of an older one.

    Raises:
        EncoderError: As for `SparseEncoder.encode`.
    """
    sparse = sparse_of(encoder)
    if sparse is None:
        return [{}] * len(texts)
    return [{FIELD: _stored(weights)} for weights in sparse.encode(texts)] if texts else []


def _stored(weights: Mapping[str, float]) -> dict[str, float]:
    kept = storable(np.fromiter(weights.values(), np.float32, len(weights)))
    return dict(zip(weights, kept.tolist(), strict=True))
