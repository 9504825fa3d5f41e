"""From features of pictures to the space of a catalog's own texts: a ridge regression. Pure numpy.

An encoder that knows pictures alone says nothing of texts. But a catalog has both for most items:
what its pictures look like is regressed on what its texts say. The solution is a closed form,
    W = (X'X + l n I)^-1 X'Y,
of centered features X and texts' vectors Y. How much is shrunk (l) is chosen on items that were
held out, and on others still it is measured whether a picture finds its own text at all. If it does
not do so better than chance, there is no alignment.

Source: Hoerl and Kennard 1970, "Ridge Regression: Biased Estimation for Nonorthogonal Problems"
(https://doi.org/10.1080/00401706.1970.10488634). That two encoders that never met can be brought
together by a linear map of few pairs: Mikolov, Le and Sutskever 2013, "Exploiting Similarities
among Languages for Machine Translation" (https://arxiv.org/abs/1309.4168).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlrec_es.errors import EncoderError
from xlrec_es.evaluate.significance import Interval, bootstrap
from xlrec_es.vectors.vector import Vector

LEAST_PAIRS = 100
"""Items with a picture and a text: with fewer, a fifth of them tells nothing."""

K = 10

SHRINKAGES = tuple(10.0**power for power in range(-5, 2))
"""Of which the best is taken: parts of the mean variance of the features."""

_FIT, _CHOSEN = 0.6, 0.8  # of the items, up to which they are fitted, and choose the shrinkage


@dataclass(frozen=True, slots=True)
class Alignment:
    """A linear map from features to the space of texts.

    Attributes:
        weights: Shape (n_features, dims).
        mean_features: Shape (n_features,): subtracted first.
        mean_text: Shape (dims,): added last.
    """

    weights: Vector
    mean_features: Vector
    mean_text: Vector

    def apply(self, features: Vector) -> Vector:
        """Map features, shape (n, n_features), to unit vectors, shape (n, dims)."""
        mapped = (features - self.mean_features) @ self.weights + self.mean_text
        length = np.linalg.norm(mapped, axis=1, keepdims=True)
        unit: Vector = np.divide(mapped, length, out=np.zeros_like(mapped), where=length > 1e-9)
        return unit.astype(np.float32)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for it."""
        parts = (self.weights, self.mean_features, self.mean_text)
        return hashlib.sha256(b"".join(map(_bytes, parts))).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """For a document of Elasticsearch; numbers as Base64 of little-endian float32."""
        return {
            "shape": list(self.weights.shape),
            "weights": _packed(self.weights),
            "mean_features": _packed(self.mean_features),
            "mean_text": _packed(self.mean_text),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Alignment:
        """The inverse of `to_json`."""
        weights = _unpacked(stored["weights"]).reshape(stored["shape"])
        return cls(weights, _unpacked(stored["mean_features"]), _unpacked(stored["mean_text"]))


@dataclass(frozen=True, slots=True)
class Learned:
    """An alignment, and what it was accepted by.

    Attributes:
        alignment: Fitted on all pairs.
        shrinkage: One of `SHRINKAGES`.
        pairs: How many there were.
        held_out: How many of them were left out of the fit that was measured.
        recall: Of the held-out pictures, how many find their own text among the first `K` of all
            texts.
        cosine: The mean cosine of a held-out picture to its own text.
    """

    alignment: Alignment
    shrinkage: float
    pairs: int
    held_out: int
    recall: Interval
    cosine: float

    @property
    def chance(self) -> float:
        """The recall of an order drawn at random."""
        return K / self.pairs

    def to_meta(self) -> dict[str, Any]:
        """As stored in `_meta.xlrec.images.alignment`."""
        return {
            "digest": self.alignment.digest,
            "pairs": self.pairs,
            "held_out": self.held_out,
            "shrinkage": self.shrinkage,
            f"recall@{K}": round(self.recall.mean, 4),
            "interval": [round(self.recall.low, 4), round(self.recall.high, 4)],
            "chance": round(self.chance, 4),
            "cosine": round(self.cosine, 4),
        }


def learn(features: Vector, texts: Vector, works: Sequence[str], *, seed: int = 0) -> Learned:
    """Learn an alignment, and see that it is of use.

    Args:
        features: Shape (n, n_features), of pictures.
        texts: Shape (n, dims), unit rows: of the same items.
        works: The n items, each once.
        seed: Decides which items are held out.

    Raises:
        EncoderError: There are too few items; or held-out pictures do not find their texts better
            than chance does.
    """
    n = len(works)
    if n < LEAST_PAIRS:
        raise EncoderError(
            f"{n} items have both a picture and a text, and {LEAST_PAIRS} are needed to learn what "
            "pictures say of texts; use a model that knows both, such as "
            "--image-model sentence-transformers/clip-ViT-B-32"
        )
    order = np.random.default_rng(seed).permutation(n)
    fit, choose, gate = np.split(order, [int(_FIT * n), int(_CHOSEN * n)])
    worth = {
        shrinkage: _cosine(made, texts[choose])
        for shrinkage in SHRINKAGES
        for made in [ridge(features[fit], texts[fit], shrinkage).apply(features[choose])]
    }
    shrinkage = max(worth, key=worth.__getitem__)
    seen = np.concatenate([fit, choose])
    made = ridge(features[seen], texts[seen], shrinkage).apply(features[gate])  # (n_gate, dims)
    found = found_own(made, texts, gate)
    learned = Learned(
        ridge(features, texts, shrinkage),
        shrinkage,
        n,
        len(gate),
        bootstrap(found, [works[row] for row in gate], seed=seed),
        _cosine(made, texts[gate]),
    )
    if not learned.recall.low > learned.chance:
        raise EncoderError(
            f"pictures do not find their texts: recall@{K} of {len(gate)} held-out items is "
            f"{learned.recall.mean:.3f} [{learned.recall.low:.3f}, {learned.recall.high:.3f}], and "
            f"{learned.chance:.3f} by chance (cosine {learned.cosine:.3f}). See that --image names "
            "the pictures of the items; if so, use another --image-model"
        )
    return learned


def ridge(features: Vector, texts: Vector, shrinkage: float) -> Alignment:
    """The ridge regression of texts on features.

    Args:
        features: Shape (n, n_features).
        texts: Shape (n, dims).
        shrinkage: Above zero: of the mean variance of the features.
    """
    mean_features, mean_text = features.mean(axis=0), texts.mean(axis=0)
    x = (features - mean_features).astype(np.float64)
    y = (texts - mean_text).astype(np.float64)
    n, n_features = x.shape
    penalty = shrinkage * float(np.sum(x * x)) / n_features
    # Of the two forms of the solution, that with the smaller matrix.
    if n_features <= n:
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(n_features), x.T @ y)
    else:
        weights = x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(n), y)
    return Alignment(weights.astype(np.float32), mean_features, mean_text)


def found_own(made: Vector, texts: Vector, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Whether each picture finds its own text among the first `K` of all.

    Texts that tie with it come before it: a map to one point finds nothing.

    Args:
        made: Shape (len(rows), dims), unit rows.
        texts: Shape (n, dims), unit rows.
        rows: The own text of each.

    Returns:
        Shape (len(rows),), 0 or 1.
    """
    cosines = made @ texts.T  # (len(rows), n)
    own = cosines[np.arange(len(rows)), rows][:, None]
    before = (cosines >= own).sum(axis=1) - 1
    found: NDArray[np.float64] = (before < K).astype(np.float64)
    return found


def _cosine(made: Vector, texts: Vector) -> float:
    return float(np.mean(np.sum(made * texts, axis=1)))


def _bytes(numbers: Vector) -> bytes:
    return numbers.astype("<f4").tobytes()


def _packed(numbers: Vector) -> str:
    return base64.b64encode(_bytes(numbers)).decode()


def _unpacked(packed: str) -> Vector:
    return np.frombuffer(base64.b64decode(packed), "<f4").astype(np.float32)
