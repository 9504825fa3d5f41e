"""Measures of a ranked list against what the person really liked. Pure.

Source: Järvelin and Kekäläinen 2002, "Cumulated Gain-Based Evaluation of IR Techniques"
(https://doi.org/10.1145/582415.582418), binary gain.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def recall_at_k(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """The part of the relevant works, or of the k places if there are fewer, that is found.

    Args:
        ranked: Works, best first, each once.
        relevant: Works that should be found, at least one.
        k: Places that count, at least 1.

    Returns:
        0..1.

    Raises:
        ValueError: Nothing is relevant, or k is below 1.
    """
    _check(relevant, k)
    found = sum(work in relevant for work in ranked[:k])
    return found / min(len(relevant), k)


def ndcg_at_k(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain: like recall, but a higher place counts more.

    Args:
        ranked: Works, best first, each once.
        relevant: Works that should be found, at least one.
        k: Places that count, at least 1.

    Returns:
        0..1.

    Raises:
        ValueError: Nothing is relevant, or k is below 1.
    """
    _check(relevant, k)
    gain = sum(1 / math.log2(i + 2) for i, work in enumerate(ranked[:k]) if work in relevant)
    ideal = sum(1 / math.log2(i + 2) for i in range(min(len(relevant), k)))
    return gain / ideal


def _check(relevant: Collection[str], k: int) -> None:
    if not relevant or k < 1:
        raise ValueError(f"needs at least one relevant work and k of at least 1; k is {k}")
