"""What the program asks of an encoder, and the fingerprint of what an encoder made."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xlrec_es.recommend.recommendations import Vector


class Encoder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def model(self) -> str:
        """Name of the model, for people."""

    @property
    def revision(self) -> str:
        """Commit of the hub, or a hash of the weights: equal revisions make equal vectors."""

    @property
    def dims(self) -> int:
        """Length of a vector."""

    @property
    def pooling(self) -> str:
        """How token vectors became one: `mean`, `cls` ..."""

    @property
    def prefix(self) -> str:
        """What is put before each text (`query: ` for E5)."""

    @property
    def max_tokens(self) -> int:
        """Longest text, in tokens; what is beyond is cut off."""

    def encode(self, texts: Sequence[str]) -> Vector:
        """Encode texts.

        Args:
            texts: Texts without the prefix.

        Returns:
            Shape (len(texts), dims), float32, each row of length 1.

        Raises:
            EncoderError: The model failed.
        """


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What made a vector. Vectors of different fingerprints are never compared.

    Attributes:
        model: Name of the model.
        revision: Commit or hash of the weights.
        dims: Length of a vector.
        pooling: How token vectors became one.
        prefix: What was put before each text.
        recipe: Which fields made the text, in order, and how many tokens of it were read.
        calibration: `none`, or the method and a hash of its vectors.
    """

    model: str
    revision: str
    dims: int
    pooling: str
    prefix: str
    recipe: str
    calibration: str

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for all of it, as stored with each document."""
        canonical = json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def differences(self, other: Fingerprint) -> tuple[str, ...]:
        """One sentence part per attribute that differs, mine first."""
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return tuple(
            f"{name} is {mine[name]!r} here and {theirs[name]!r} there"
            for name in mine
            if mine[name] != theirs[name]
        )

    def to_meta(self) -> dict[str, Any]:
        """As stored in the index's `_meta.xlrec.fingerprint`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Fingerprint:
        """The inverse of `to_meta`; later versions may have added keys, which are ignored."""
        return cls(**{f.name: meta[f.name] for f in dataclasses.fields(cls)})
