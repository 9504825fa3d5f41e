"""What stands for a model of which nothing but its vectors can be seen: those of a few fixed texts.

A service behind an address tells the name of its model, and no hash of its weights. So the revision
in the fingerprint is made from what the model does. Two probes are compared by their cosine, not by
a digest of rounded vectors: the same model on another GPU, or in a batch of another size, differs
in the last digits, and some digit always lies so near to where it is rounded that it flips.

Kept is a sketch of 16 numbers for each text, not 384 or 4,096: the revision is part of error
messages and of the index's `_meta`. Random projections keep distances (Johnson and Lindenstrauss),
so the cosine of two probes can be told from their sketches.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import numpy as np
from numpy.typing import NDArray

from xlrec_es.vectors.vector import Vector

TEXTS = (
    "A cooperative board game about gardening, for two to four players",
    "Ein Kriminalroman, der im winterlichen Hamburg spielt",
    "宇宙を舞台にした、家族で楽しめるアニメーション映画",
    "سماعات لاسلكية بعازل للضوضاء وبطارية تدوم طويلاً",
    "Рецепты простых блюд из овощей на каждый день",
    "面向初学者的数据科学在线课程",
    "Zapatillas ligeras para correr por la montaña",
    "한국의 전통 음악을 현대적으로 연주한 앨범",
)
"""Of eight languages in six scripts. They are part of the fingerprint, and never change."""

LEAST_COSINE = 0.999
"""Of two probes of one model. Measured with the embedded model: bfloat16 and float32 agree to
0.99998, with no prefix in place of its own it is 0.994, with another prefix 0.956. What a sketch
tells is within 0.0003 of that, near this limit."""

_KIND = "probe-1:"
_NUMBERS = 16  # of a text
# Each number is within four standard deviations of a random projection, nearly always.
_STEP = 4.0 / (127 * _NUMBERS**0.5)


def sketch(vectors: Vector) -> str:
    """The revision of a model, by its vectors of `TEXTS`.

    Args:
        vectors: Shape (len(TEXTS), dims), each row of length 1.
    """
    numbers = vectors.astype(np.float64) @ _directions(vectors.shape[1])  # (n_texts, _NUMBERS)
    steps = np.clip(np.rint(numbers / _STEP), -127, 127).astype(np.int8)
    return _KIND + base64.b64encode(steps.tobytes()).decode()


def agreement(one: str, other: str) -> float | None:
    """The mean cosine of two models' vectors of `TEXTS`, as their sketches tell it.

    Args:
        one: A revision, of any kind.
        other: Another one.

    Returns:
        At most 1; None if not both are sketches.
    """
    mine, theirs = _numbers(one), _numbers(other)
    if mine is None or theirs is None:
        return None
    distances = np.sum((mine - theirs) ** 2, axis=1)  # squared; 2 - 2 * cosine
    return float(1 - distances.mean() / 2)


def same_model(one: str, other: str) -> bool:
    """Whether two revisions are of one model."""
    cosine = agreement(one, other)
    return one == other or (cosine is not None and cosine >= LEAST_COSINE)


def _numbers(revision: str) -> NDArray[np.float64] | None:
    if not revision.startswith(_KIND):
        return None
    try:
        steps = np.frombuffer(base64.b64decode(revision.removeprefix(_KIND)), np.int8)
        numbers: NDArray[np.float64] = steps.reshape(len(TEXTS), _NUMBERS) * _STEP
    except (binascii.Error, ValueError):
        return None
    return numbers


def _directions(dims: int) -> NDArray[np.float64]:
    """Random signs, the same for ever and everywhere. Shape (dims, _NUMBERS)."""
    drawn = hashlib.shake_256(b"xlrec-es probe").digest(dims * _NUMBERS // 8)
    bits = np.unpackbits(np.frombuffer(drawn, np.uint8)).reshape(dims, _NUMBERS)
    directions: NDArray[np.float64] = (2.0 * bits - 1.0) / _NUMBERS**0.5
    return directions
