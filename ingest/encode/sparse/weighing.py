"""From texts to weights by token, by whatever model weighs them."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.encode.model_files import ModelFiles
from ingest.encode.sparse.beside import MOST_TOKENS
from xlrec_es.errors import EncoderError

try:
    import torch

    from ingest.encode.devices import lacks_memory
except ImportError as error:  # pragma: no cover
    from xlrec_es.errors import MissingExtra

    raise MissingExtra.named("ingest", "Encoding texts") from error

logger = logging.getLogger(__name__)

Row = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Numbers of the tokens of one text, and their weights; both of shape (n,)."""


class Weigher(Protocol):
    """A model that was loaded."""

    pooling: str
    """How the tokens of a text became weights, in words."""

    max_tokens: int
    """Of a text, special tokens included; what is beyond is cut off."""

    numbers: int
    """What it computes for one token of a text, for the size of batches."""

    tokenizer: Any
    """Of transformers; None where a number is no token."""

    def weigh(self, texts: list[str], batch_texts: int) -> list[Row]:
        """Weigh texts, so many at once."""


@dataclass(slots=True)
class TokenWeights:
    """A `SparseEncoder`.

    Attributes:
        weigher: The model.
        files: Where it is from.
        batch_tokens: Padded tokens in one forward pass.
    """

    weigher: Weigher
    files: ModelFiles
    batch_tokens: int
    _lock: threading.Lock

    @property
    def model(self) -> str:
        """See `SparseEncoder.model`."""
        return self.files.name

    @property
    def license(self) -> str | None:
        """See `SparseEncoder.license`."""
        return self.files.license

    @property
    def name(self) -> str:
        """See `SparseEncoder.name`."""
        read = f"first {self.weigher.max_tokens} tokens, {MOST_TOKENS} heaviest"
        return f"{self.files.name} at {self.files.revision}; {self.weigher.pooling}; {read}"

    def encode(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """See `SparseEncoder.encode`."""
        with self._lock:  # tokenizers are not made for several threads
            rows = self._rows(list(texts))
        return [self._by_token(ids, weights) for ids, weights in rows]

    def _rows(self, texts: list[str]) -> list[Row]:
        """Weigh texts; with smaller batches after a lack of memory."""
        while True:
            batch = max(1, self.batch_tokens // self.weigher.max_tokens)
            try:
                return self.weigher.weigh(texts, batch)
            except (RuntimeError, IndexError) as error:
                reason = str(error).partition("\n")[0]
                if not lacks_memory(error) or batch == 1:
                    raise EncoderError(
                        f"{self.model} failed on a batch of texts: {reason}; use another sparse "
                        "model, or fewer tokens (--max-tokens)"
                    ) from error
                self.batch_tokens = batch * self.weigher.max_tokens // 2
                logger.warning("out of memory; going on with smaller sparse batches")
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()

    def _by_token(self, ids: NDArray[np.int64], weights: NDArray[np.float32]) -> dict[str, float]:
        if not np.isfinite(weights).all():
            raise EncoderError(
                f"{self.model} makes weights that are no finite numbers; get the model again, or "
                "use --dtype float32"
            )
        heaviest = np.lexsort((ids, -weights))
        kept = [place for place in heaviest[:MOST_TOKENS].tolist() if weights[place] > 0]
        named = self._names(ids[kept].tolist())
        return dict(zip(named, weights[kept].tolist(), strict=True))

    def _names(self, ids: list[int]) -> list[str]:
        """Tokens as they stand in the vocabulary; a number beyond it as it is."""
        if self.weigher.tokenizer is None:
            return [f"#{number}" for number in ids]
        tokens = self.weigher.tokenizer.convert_ids_to_tokens(ids)
        return [f"#{n}" if t is None else t for n, t in zip(ids, tokens, strict=True)]


def by_text(
    rows: NDArray[np.int64], ids: NDArray[np.int64], weights: NDArray[np.float32], n_texts: int
) -> list[Row]:
    """The tokens and weights of each text.

    Args:
        rows: Number of the text of each weight, in order, shape (m,).
        ids: Number of the token of each weight, shape (m,).
        weights: Shape (m,).
        n_texts: How many texts there are.
    """
    ends = np.searchsorted(rows, np.arange(n_texts + 1)).tolist()
    return [(ids[a:b], weights[a:b]) for a, b in itertools.pairwise(ends)]
