"""What made a vector, in one digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xlrec_es.vectors import probe
from xlrec_es.vectors.language_centering import with_current_key

_TEXT_PREFIX = "text_prefix"
_SPARSE = "sparse"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What made a vector. Vectors of different fingerprints are never compared.

    Attributes:
        model: Name of the model.
        revision: Commit or hash of the weights, or a sketch of what the model makes; see
            `xlrec_es.vectors.probe`.
        dims: Length of a vector.
        pooling: How token vectors became one.
        prefix: What was put before each text.
        recipe: Which fields made the text, in order, and how many tokens of it were read.
        centering: `none`, or the method and a hash of its vectors.
        text_prefix: What is put before a user's free text, which is compared with the vectors;
            None where it is not known, as of indices of earlier versions.
        sparse: What made the learned sparse weights that stand beside each vector, in words that
            begin with the model's name; None where there are none.
    """

    model: str
    revision: str
    dims: int
    pooling: str
    prefix: str
    recipe: str
    centering: str
    text_prefix: str | None = None
    sparse: str | None = None

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits, as stored with each document: of all that made its vector."""
        named = dataclasses.asdict(self)
        del named[_TEXT_PREFIX]  # another one leaves the documents' vectors as they are
        if self.sparse is None:
            del named[_SPARSE]  # as it was before there were any
        # As it was named first: every document is stored with the digest.
        named["calibration"] = named.pop("centering")
        canonical = json.dumps(named, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def differences(self, other: Fingerprint) -> tuple[str, ...]:
        """One sentence part per attribute that differs, mine first."""
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        told = [
            f"{name} is {mine[name]!r} here and {theirs[name]!r} there"
            for name in mine
            if mine[name] != theirs[name] and name not in ("revision", _TEXT_PREFIX, _SPARSE)
        ]
        if self.sparse != other.sparse:
            told.append(
                f"learned sparse weights are {self.sparse or 'none'} here and "
                f"{other.sparse or 'none'} there"
            )
        if None not in (self.text_prefix, other.text_prefix) and (
            self.text_prefix != other.text_prefix
        ):
            told.append(
                f"free texts get the prefix {self.text_prefix!r} here and {other.text_prefix!r} "
                "there"
            )
        if not probe.same_model(self.revision, other.revision):
            told.append(self._other_revision(other))
        return tuple(told)

    def _other_revision(self, other: Fingerprint) -> str:
        cosine = probe.agreement(self.revision, other.revision)
        if cosine is None or self.model != other.model or self.dims != other.dims:
            return f"revision is {self.revision!r} here and {other.revision!r} there"
        return (
            f"another model answers by the name {self.model!r} now: its vectors of a few fixed "
            f"texts have a cosine of {cosine:.3f} to those of then"
        )

    def or_equal(self, others: Iterable[Fingerprint]) -> Fingerprint:
        """One of others that stands for the same, if there is one, else this.

        The digest is of what is written down, and so is not that of a sketch with another last
        digit.
        """
        same = next((other for other in others if not self.differences(other)), None)
        if same is None:
            return self
        return (
            same
            if self.text_prefix is None
            else dataclasses.replace(same, text_prefix=self.text_prefix)
        )

    def to_meta(self) -> dict[str, Any]:
        """As stored in the index's `_meta.xlrec.fingerprint`."""
        meta = dataclasses.asdict(self)
        if self.text_prefix is None:
            del meta[_TEXT_PREFIX]
        if self.sparse is None:
            del meta[_SPARSE]
        return meta

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Fingerprint:
        """The inverse of `to_meta`; later versions may have added keys, which are ignored."""
        named = with_current_key(meta)
        required = (f for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING)
        return cls(
            **{f.name: named[f.name] for f in required},
            text_prefix=meta.get(_TEXT_PREFIX),
            sparse=meta.get(_SPARSE),
        )
