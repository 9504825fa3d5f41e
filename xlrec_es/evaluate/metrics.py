"""Measures of ranked lists. Pure.

A ranked list is an order of works, best first, each once: whoever makes it has already decided
ties, and does so by id everywhere in this project. So a list has one value, not one for each way
to break its ties.

Sources: nDCG, Järvelin and Kekäläinen 2002 (https://doi.org/10.1145/582415.582418), binary gain;
reciprocal rank, Voorhees 1999 (TREC-8 question answering); novelty, Zhou et al. 2010
(https://doi.org/10.1073/pnas.1000488107); intra-list diversity, Ziegler et al. 2005
(https://doi.org/10.1145/1060745.1060754).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xlrec_es.vectors.vector import Vector


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
    return len(frozenset(ranked[:k]).intersection(relevant)) / min(len(relevant), k)


def ndcg_at_k(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Normalized discounted cumulative gain: like recall, but a higher place counts more.

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


def reciprocal_rank_at_k(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 / the place of the first relevant work; its mean over users is called MRR.

    Args:
        ranked: Works, best first, each once.
        relevant: Works that should be found, at least one.
        k: Places that count, at least 1.

    Returns:
        0..1; 0 if none of the k places has one.

    Raises:
        ValueError: Nothing is relevant, or k is below 1.
    """
    _check(relevant, k)
    places = (place for place, work in enumerate(ranked[:k], 1) if work in relevant)
    return 1 / next(places, math.inf)


def hit_at_k(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1 if at least one relevant work is found, else 0; its mean is called hit rate.

    Args:
        ranked: Works, best first, each once.
        relevant: Works that should be found, at least one.
        k: Places that count, at least 1.

    Raises:
        ValueError: Nothing is relevant, or k is below 1.
    """
    _check(relevant, k)
    return float(any(work in relevant for work in ranked[:k]))


def coverage(lists: Iterable[Sequence[str]], pool: Collection[str]) -> float:
    """The part of the pool that is in at least one list, 0..1.

    Args:
        lists: Works of the pool.
        pool: At least one work.
    """
    return len({work for ranked in lists for work in ranked}) / len(pool)


def novelty(ranked: Sequence[str], users: Mapping[str, float], everybody: int) -> float:
    """How surprising the works are: mean of -log2 of the part of all users who know each.

    Args:
        ranked: Works; without any, the answer is NaN.
        users: How many know each work; one that is not named is known by nobody.
        everybody: How many users there are.

    Returns:
        Bits, at least 0. One user more is computed for each work, so that what nobody knows has
        a finite value.
    """
    known = [(users.get(work, 0) + 1) / (everybody + 1) for work in ranked]
    return -math.fsum(map(math.log2, known)) / len(known) if known else math.nan


def intra_list_diversity(vectors: Vector) -> float:
    """How unlike each other the works of a list are: mean of 1 - cosine over all pairs.

    Args:
        vectors: Shape (n, dims), unit rows.

    Returns:
        0 (all alike) .. 2; NaN for fewer than two rows.
    """
    n = len(vectors)
    if n < 2:
        return math.nan
    rows = vectors.astype(np.float64)
    # |sum|^2 holds every pair twice, and each row with itself.
    pairs = float(np.sum(rows.sum(axis=0) ** 2) - np.sum(rows**2))
    return 1 - pairs / (n * (n - 1))


def popularity_percentiles(users: Mapping[str, float]) -> dict[str, float]:
    """How popular each work is among all: the part of the works that fewer users like.

    Works that are liked by as many share the middle of their places, so the mean over all works is
    0.5, and a list whose mean lies above prefers what is popular.

    Args:
        users: How many like each work of the pool.

    Returns:
        0..1 by work.
    """
    works = list(users)
    counts = np.array([users[work] for work in works], np.float64)
    _, group, sizes = np.unique(counts, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    places: NDArray[np.float64] = middle[group] / max(1, len(works))
    return dict(zip(works, places.tolist(), strict=True))


def _check(relevant: Collection[str], k: int) -> None:
    if not relevant or k < 1:
        raise ValueError(f"needs at least one relevant work and k of at least 1; k is {k}")
