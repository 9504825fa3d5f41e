"""SPLADE and other models that sentence-transformers runs as a `SparseEncoder`."""

from __future__ import annotations

import numpy as np
from sentence_transformers import SparseEncoder
from sentence_transformers.sparse_encoder.modules import SpladePooling

from ingest.encode.sparse.weighing import Row, by_text


class Splade:
    """A `Weigher`, by the library's own `encode_document`.

    Documents are compared with documents, so of an asymmetric model (Router) the side of documents
    weighs all texts, and its cheap side of queries is not needed.

    Args:
        model: That was loaded.
        max_tokens: Of a text.
    """

    def __init__(self, model: SparseEncoder, max_tokens: int) -> None:
        self._model = model
        self.max_tokens = min(max_tokens, model.max_seq_length or max_tokens)
        model.max_seq_length = self.max_tokens
        modules = [module for module in model.modules() if isinstance(module, SpladePooling)]
        self.tokenizer = model.tokenizer if modules else None
        self.pooling = type(model[-1]).__name__
        if modules:
            self.pooling = f"splade {modules[-1].pooling_strategy}"
        prompts = [model.prompts.get(name) for name in ("document", "passage", "corpus")]
        if prompt := next((one for one in prompts if one is not None), ""):
            self.pooling += f", prompt {prompt!r}"
        self.numbers = len(model.tokenizer) if modules else model.get_embedding_dimension() or 1

    def weigh(self, texts: list[str], batch_texts: int) -> list[Row]:
        """See `Weigher.weigh`."""
        if not texts:
            return []
        found = self._model.encode_document(
            texts, batch_size=batch_texts, show_progress_bar=False, save_to_cpu=True
        ).coalesce()
        rows, ids = found.indices().numpy()
        weights = found.values().float().numpy().astype(np.float32)
        return by_text(rows, ids, weights, len(texts))
