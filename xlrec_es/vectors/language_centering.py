"""Language centering: subtract each language's mean vector, so that languages can be compared.

A multilingual encoder puts every language in a corner of its own, so that neighbors share a
language before they share a subject. `center` subtracts each language's mean vector and
renormalizes; variants of a language (`en-GB`, `en-US`) share its mean. A language with few
documents has an unreliable mean, so each mean is shrunk towards the mean over all documents:
m' = (n m + s g) / (n + s), with s the shrinkage in documents.

Source: Libovický, Rosa and Fraser 2020, "On the Language Neutrality of Pre-trained Multilingual
Representations" (https://aclanthology.org/2020.findings-emnlp.150); shrinkage is ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xlrec_es.languages import base_language, lookup
from xlrec_es.vectors.vector import Vector, unit_rows

METHODS = ("none", "center")
SHRINKAGE = 20.0

# Until version 1.0: indices and models made before the renaming say `calibration`, and `centre`.
_OLD_KEY, _NEW_KEY = "calibration", "centering"
_OLD_METHODS = {"centre": "center"}
# The name is part of the fingerprint that each document of each index is stored with.
_NAMES_IN_FINGERPRINTS = {"center": "centre"}


def with_current_key(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record with the key `centering`, where an earlier program wrote `calibration`.

    Args:
        record: `_meta.xlrec`, its fingerprint, or `xlrec.json` of a model.
    """
    if _NEW_KEY in record or _OLD_KEY not in record:
        return record
    return {**record, _NEW_KEY: record[_OLD_KEY]}


def current_method(method: str) -> str:
    """Return the name of a method as it is spelled now."""
    return _OLD_METHODS.get(method, method)


@dataclass(frozen=True, slots=True)
class LanguageCentering:
    """How raw vectors become centered ones: the mean vector of each language.

    Attributes:
        method: `none` or `center`.
        global_mean: Shape (dims,); the mean over all documents of the sample, used for languages
            that the sample did not have. Empty for `none`.
        means: Shrunk mean by language, each of shape (dims,).
        counts: Documents that each mean was estimated on.
    """

    method: str
    global_mean: Vector = field(default_factory=lambda: np.empty(0, np.float32))
    means: Mapping[str, Vector] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def none(cls) -> LanguageCentering:
        """Vectors stay as the encoder made them."""
        return cls("none")

    @classmethod
    def center(
        cls, vectors: Vector, languages: Sequence[str], *, shrinkage: float = SHRINKAGE
    ) -> LanguageCentering:
        """Estimate the mean of each language.

        Args:
            vectors: Shape (n, dims), unit rows: a sample of the catalog.
            languages: The n languages.
            shrinkage: How many documents the global mean weighs.

        Raises:
            ValueError: No vectors, or their number is not that of the languages.
        """
        if len(vectors) == 0 or len(vectors) != len(languages):
            raise ValueError(
                f"centering needs as many languages as vectors, and at least one: "
                f"got {len(vectors)} vectors and {len(languages)} languages"
            )
        global_mean = vectors.mean(axis=0, dtype=np.float64)  # (dims,)
        bases = [base_language(tag) for tag in languages]
        tags = np.asarray(bases)
        means, counts = {}, {}
        for language in sorted(set(bases)):
            rows = vectors[tags == language]
            total = rows.sum(axis=0, dtype=np.float64)
            shrunk = (total + shrinkage * global_mean) / (len(rows) + shrinkage)
            means[language] = shrunk.astype(np.float32)
            counts[language] = len(rows)
        return cls("center", global_mean.astype(np.float32), means, counts)

    @property
    def name(self) -> str:
        """For the fingerprint: the method and, where it has vectors, a hash of them."""
        if self.method == "none":
            return "none"
        digest = hashlib.sha256(self.global_mean.tobytes())
        for language in sorted(self.means):
            digest.update(language.encode() + b"\0" + self.means[language].tobytes())
        spelled = _NAMES_IN_FINGERPRINTS[self.method]
        return f"{spelled}-{digest.hexdigest()[:12]}"

    def apply(self, vectors: Vector, languages: Sequence[str]) -> Vector:
        """Center vectors: subtract the mean of each one's language, and renormalize.

        Args:
            vectors: Shape (n, dims), unit rows, raw.
            languages: The n languages; one without a mean of its own gets the global mean.

        Returns:
            Shape (n, dims), float32. Rows have length 1, save a row that equals its mean: it
            carries no information and stays zero, for the caller to refuse.
        """
        if self.method == "none" or len(vectors) == 0:
            return vectors.astype(np.float32, copy=False)
        centers = self.centers(languages)
        moved: Vector = vectors.astype(np.float32) - centers  # (n, dims)
        return unit_rows(moved, least=1e-6)

    def centers(self, languages: Sequence[str]) -> Vector:
        """Return the mean that is subtracted for each of n languages, shape (n, dims)."""
        # An index of an earlier day has a mean for each variant.
        named = {tag: lookup(tag, self.means) for tag in set(languages)}
        by_tag = {
            tag: self.global_mean if name is None else self.means[name]
            for tag, name in named.items()
        }
        return np.stack([by_tag[tag] for tag in languages])

    def undo(self, vectors: Vector, languages: Sequence[str]) -> Vector:
        """The raw vectors that `apply` was given, up to rounding.

        A raw row r has length 1 and lies in the direction c of its centered row from the mean m,
        so r = m + s c, where s is the root above zero of |m + s c| = 1.

        Args:
            vectors: Shape (n, dims), centered.
            languages: As for `apply`.

        Returns:
            Shape (n, dims), unit rows.
        """
        if self.method == "none" or len(vectors) == 0:
            return vectors.astype(np.float32, copy=False)
        centers = self.centers(languages)
        along = np.sum(vectors * centers, axis=1)  # (n,)
        rest = 1 - np.sum(centers * centers, axis=1)
        scale = -along + np.sqrt(np.maximum(along**2 + rest, 0))
        raw: Vector = (centers + scale[:, None] * vectors).astype(np.float32)
        return raw

    def to_meta(self) -> dict[str, Any]:
        """As stored in the index's `_meta.xlrec.centering`; vectors are base64 of float32."""
        return {
            "method": self.method,
            "global_mean": _pack(self.global_mean),
            "means": {language: _pack(mean) for language, mean in self.means.items()},
            "counts": dict(self.counts),
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> LanguageCentering:
        """The inverse of `to_meta`."""
        return cls(
            current_method(meta["method"]),
            _unpack(meta["global_mean"]),
            {language: _unpack(packed) for language, packed in meta["means"].items()},
            dict(meta["counts"]),
        )


def _pack(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _unpack(packed: str) -> Vector:
    return np.frombuffer(base64.b64decode(packed), "<f4").astype(np.float32)
