"""Lexical weights of bge-m3: one number for each token of a text, by a linear layer.

A token weighs what the layer makes of its vector, if that is above zero; of one that comes more
than once, the highest counts; special tokens do not count.

Source: Chen et al. 2024, "BGE M3-Embedding" (https://arxiv.org/abs/2402.03216), section 3.2, and
https://github.com/FlagOpen/FlagEmbedding, `BGEM3FlagModel`, `lexical_weights`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from ingest.encode.sparse.weighing import Row
from xlrec_es.errors import EncoderError


class LexicalWeights:
    """A `Weigher`.

    Args:
        model: The dense encoder, whose first module makes a vector of each token.
        linear: See `read_linear`.
        max_tokens: Of a text.
    """

    pooling = "lexical weights"

    def __init__(
        self, model: SentenceTransformer, linear: torch.nn.Linear, max_tokens: int
    ) -> None:
        self._transformer = model[0]
        self._device = model.device
        self._linear = linear.to(model.device, model.dtype)
        self.max_tokens = min(max_tokens, model.max_seq_length or max_tokens)
        self.tokenizer = model.tokenizer
        self.numbers = linear.in_features
        self._special = np.array(self.tokenizer.all_special_ids, np.int64)

    def weigh(self, texts: list[str], batch_texts: int) -> list[Row]:
        """See `Weigher.weigh`."""
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        found: dict[int, Row] = {}
        for start in range(0, len(texts), batch_texts):
            places = order[start : start + batch_texts]
            made = self._batch([texts[place] for place in places])
            found.update(zip(places, made, strict=True))
        return [found[place] for place in range(len(texts))]

    def _batch(self, texts: list[str]) -> list[Row]:
        tokens = self.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        )
        with torch.inference_mode():
            features = self._transformer(dict(tokens.to(self._device)))
            said = self._linear(features["token_embeddings"]).squeeze(-1)  # (n_texts, n_tokens)
        weights = said.float().cpu().numpy()
        ids, there = tokens["input_ids"].cpu().numpy(), tokens["attention_mask"].cpu().numpy() > 0
        return [
            self._of_text(ids[row][there[row]], weights[row][there[row]])
            for row in range(len(texts))
        ]

    def _of_text(self, ids: np.ndarray, weights: np.ndarray) -> Row:
        counts = ~np.isin(ids, self._special)
        known, place = np.unique(ids[counts], return_inverse=True)
        highest = np.zeros(len(known), np.float32)  # relu
        np.maximum.at(highest, place, weights[counts])
        return known.astype(np.int64), highest


def read_linear(path: Path, model: str) -> torch.nn.Linear:
    """Read `sparse_linear.pt`; a pickle, of which nothing but tensors is read.

    Args:
        path: Of the file.
        model: Name of its model, for people.

    Raises:
        EncoderError: It holds something else, or is damaged.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        n_outputs, n_inputs = state["weight"].shape
        linear = torch.nn.Linear(n_inputs, n_outputs)
        linear.load_state_dict(state)
        if n_outputs != 1:
            raise ValueError(f"it has {n_outputs} outputs")
    except Exception as error:  # whatever a damaged or hostile file makes the reader raise
        reason = str(error).strip().partition("\n")[0].split(". ")[0] or type(error).__name__
        raise EncoderError(
            f"cannot read {path.name} of {model}: {reason}; get the model again"
        ) from error
    return linear
