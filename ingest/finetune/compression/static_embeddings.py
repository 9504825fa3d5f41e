"""A static encoder: one vector for each token, averaged; no transformer is run.

Many times as fast on a CPU, and blind to the order of words. A token's vector is what the
transformer makes of the token alone. Frequent tokens weigh less, and the directions are kept in
which the team's own texts of one language differ most; both are known from those texts.

Sources: Tulkens and van Dongen 2024, "Model2Vec" (https://github.com/MinishLab/model2vec); weights,
Arora, Liang and Ma 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings"
(https://openreview.net/forum?id=SyK00v5xx).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from transformers import PreTrainedTokenizerFast

from ingest.finetune.compression.dimension_reduction import principal_components
from xlrec_es.errors import EncoderError
from xlrec_es.vectors.vector import Vector

SMOOTHING = 1e-4
"""A token that makes up so much of all text weighs half. Measured on the sample of applications,
recall@50: 0.245 with 1e-4, 0.238 with 1e-3, 0.229 with 1e-2."""

_BATCH = 2048  # tokens


def to_static(
    model: SentenceTransformer, texts: Sequence[str], languages: Sequence[str], dims: int
) -> SentenceTransformer:
    """Make a static encoder of a transformer.

    Args:
        model: Its first module is a transformer.
        texts: Of the catalog.
        languages: Of each text.
        dims: Of a vector.

    Raises:
        EncoderError: The model is of another kind, or there are fewer texts than dims.
    """
    tokenizer = model.tokenizer
    if not (isinstance(model[0], Transformer) and isinstance(tokenizer, PreTrainedTokenizerFast)):
        raise EncoderError(
            f"a static encoder is made of a transformer with a fast tokenizer, not of "
            f"{type(model[0]).__name__}"
        )
    ids = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    counts = np.bincount(np.concatenate([*ids, [0]]).astype(np.int64), minlength=len(tokenizer))
    weights = SMOOTHING / (SMOOTHING + counts / max(1, counts.sum()))
    tokens = _token_vectors(model, tokenizer)
    tokens = (tokens - np.average(tokens, axis=0, weights=counts + 1)) * weights[:, None]
    projection = principal_components(_means(tokens, ids), languages, dims)
    embeddings = torch.from_numpy((tokens @ projection.T).astype(np.float32))
    return SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=embeddings), Normalize()],
        device="cpu",
    )


def _token_vectors(model: SentenceTransformer, tokenizer: PreTrainedTokenizerFast) -> Vector:
    """What the model makes of each token alone, shape (n_tokens, dims)."""
    before, after = _around(tokenizer)
    found = np.zeros((len(tokenizer), model.get_embedding_dimension() or 0), np.float32)
    for start in range(0, len(tokenizer), _BATCH):
        some = np.arange(start, min(start + _BATCH, len(tokenizer)))
        rows = [[*before, int(token), *after] for token in some]
        features: dict[str, Any] = {"input_ids": torch.tensor(rows, device=model.device)}
        features["attention_mask"] = torch.ones_like(features["input_ids"])
        with torch.inference_mode():
            made = model(features)["sentence_embedding"][:, : found.shape[1]]
            found[some] = made.float().cpu().numpy()
    return found


def _around(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """The special tokens before and after a text."""
    ids, bare = tokenizer("a")["input_ids"], tokenizer("a", add_special_tokens=False)["input_ids"]
    place = next(n for n in range(len(ids)) if ids[n : n + len(bare)] == bare)
    return ids[:place], ids[place + len(bare) :]


def _means(tokens: Vector, ids: Sequence[Sequence[int]]) -> Vector:
    """The mean of each text's tokens, of length 1, shape (n_texts, dims)."""
    rows = np.stack([tokens[own].mean(axis=0) if own else np.zeros(tokens.shape[1]) for own in ids])
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    means: NDArray[np.float32] = (rows / np.where(length > 0, length, 1)).astype(np.float32)
    return means
