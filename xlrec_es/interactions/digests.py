"""Ids as numbers, and likes as one digest, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def ids_as_numbers(ids: Iterable[str]) -> NDArray[np.uint64]:
    """64 bits of a hash of each id."""
    hashes = (hashlib.blake2b(id_.encode(), digest_size=8).digest() for id_ in ids)
    return np.frombuffer(b"".join(hashes), "<u8").astype(np.uint64)


def pairs_digest(users: NDArray[np.uint64], works: NDArray[np.uint64]) -> str:
    """Stands for a set of likes, whatever their order.

    Args:
        users: Shape (n,), as `ids_as_numbers` makes them.
        works: Shape (n,), likewise; each pair once.

    Returns:
        Sixteen hexadecimal digits. Two sets are told apart; it is no protection from forgery.
    """
    return f"{int(pair_hashes(users, works).sum(dtype=np.uint64)):016x}"


def pair_hashes(users: NDArray[np.uint64], works: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash of each pair: the last steps of SplitMix64, which spread every bit over all others.

    Source: Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators"
    (https://doi.org/10.1145/2660193.2660195).
    """
    mixed: NDArray[np.uint64] = users * np.uint64(0x9E3779B97F4A7C15) + works
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
