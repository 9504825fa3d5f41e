"""In which space pictures' vectors are, and what stands for it; as stored in the index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

PREPARATION = "rgb on white, 1"
"""How `ingest.images.decoding` makes a picture of bytes; another number with another result."""

OWN, TEXT = "own", "text"
"""A model's own space, of pictures and texts; and that of the catalog's texts."""


@dataclass(frozen=True, slots=True)
class ImageSpace:
    """What made pictures' vectors. Those of different spaces are never compared.

    Attributes:
        model: Name of the model.
        revision: Commit or hash of its weights.
        dims: Length of a vector.
        space: `own` or `text`.
        preparation: How pictures were read.
        text: Digest of the fingerprint of the texts' vectors, where they share their space.
        alignment: Digest of the alignment with these.
    """

    model: str
    revision: str
    dims: int
    space: str = OWN
    preparation: str = PREPARATION
    text: str = ""
    alignment: str = ""

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    def differences(self, other: ImageSpace) -> tuple[str, ...]:
        """One sentence part per attribute that differs, mine first."""
        mine, theirs = asdict(self), asdict(other)
        return tuple(
            f"{name} is {mine[name]!r} here and {theirs[name]!r} there"
            for name in mine
            if mine[name] != theirs[name]
        )

    def to_meta(self) -> dict[str, Any]:
        """As stored in `_meta.xlrec.images.fingerprint`."""
        return asdict(self)

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> ImageSpace:
        """The inverse of `to_meta`; later versions may have added keys, which are ignored."""
        return cls(**{name: meta[name] for name in cls.__slots__ if name in meta})
