"""Long texts in windows: cut by tokens, each encoded by itself, the vectors averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xlrec_es.vectors.vector import Vector

# A piece may have more tokens than it had in the whole, because its first word begins again.
# Measured with XLM-RoBERTa's tokenizer on the sample: one more in a fifth of them, never two.
_SPARE_TOKENS = 2
MIN_SIZE = _SPARE_TOKENS + 1


def split(text: str, tokenizer: Any, size: int) -> list[str]:  # noqa: ANN401 - transformers is untyped
    """Cut a text into pieces.

    Args:
        text: Any text.
        tokenizer: A fast tokenizer of `transformers`.
        size: Tokens in a piece, at most; `MIN_SIZE` or more.

    Returns:
        The pieces, in order; all of the text is in them. At least one.
    """
    offsets = tokenizer(
        text,
        add_special_tokens=False,
        return_offsets_mapping=True,
        truncation=False,
        verbose=False,  # or it warns of each text that the model could not take as a whole
    )["offset_mapping"]
    if len(offsets) <= size:
        return [text]
    starts = [0, *(start for start, _ in offsets[size - _SPARE_TOKENS :: size - _SPARE_TOKENS])]
    ends = [*starts[1:], len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def pool(vectors: Vector, counts: Sequence[int]) -> Vector:
    """Average the vectors of each text's pieces, and bring the mean to length 1.

    Args:
        vectors: Shape (sum(counts), dims), each row of length 1.
        counts: Pieces of each text, 1 or more.

    Returns:
        Shape (len(counts), dims); a row of zeros stays one.
    """
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)
    summed: Vector = np.add.reduceat(vectors, starts, axis=0)
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    np.divide(summed, length, out=summed, where=length > 0)
    return summed
