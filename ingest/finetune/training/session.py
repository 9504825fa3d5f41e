"""What every training does before and after: read, measure, write."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ingest.encode.sentence_transformer import SentenceTransformerEncoder
from xlrec_es.vectors.vector import Vector


class Encode:
    """An encoder that computes as the training does."""

    def __init__(self, encoder: SentenceTransformerEncoder, *, bf16: bool) -> None:
        self._encoder = encoder
        self._bf16 = bf16

    def __call__(self, texts: Sequence[str]) -> Vector:
        """See `Encoder.encode`."""
        model = self._encoder.transformer
        training = model.training
        model.eval()
        try:
            with torch.autocast(model.device.type, torch.bfloat16, enabled=self._bf16):
                return self._encoder.encode(texts)
        finally:
            model.train(training)
