"""Vectors of a new version out of those that are stored: no text is encoded.

The same model's vectors with fewer dimensions (Matryoshka) are a prefix of those with more, once
the language's mean is put back that was subtracted from them.

Source: Kusupati et al. 2022, "Matryoshka Representation Learning"
(https://arxiv.org/abs/2205.13147).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from ingest.documents.document import Document
from ingest.write.centering_sample import PER_LANGUAGE
from xlrec_es.index.fields import LANGUAGE_FIELD, VECTOR_FIELD
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.language_centering import LanguageCentering
from xlrec_es.vectors.vector import Vector, unit_rows
from xlrec_es.versions.gate_checks import sample


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """What a version's vectors say of those of another.

    Attributes:
        digest: Of the fingerprint of the version that is read.
        centering: Of that version.
        dims: Of the vectors that are wanted.
    """

    digest: str
    centering: LanguageCentering
    dims: int

    @classmethod
    def of(cls, meta: IndexMeta, wanted: Fingerprint) -> StoredVectors | None:
        """None where the wanted vectors are not a part of those that there are.

        Args:
            meta: Of the version that is read.
            wanted: What is to make the vectors; its centering does not matter.
        """
        theirs = meta.fingerprint
        same = replace(
            wanted,
            dims=theirs.dims,
            centering=theirs.centering,
            text_prefix=theirs.text_prefix,
            sparse=theirs.sparse,
        )
        if wanted.dims > theirs.dims or same.differences(theirs):
            return None
        return cls(theirs.digest, meta.centering, wanted.dims)

    def raw(self, document: Document, own: Mapping[str, Any]) -> Vector | None:
        """The vector of a document before centering.

        Args:
            document: As its text is now.
            own: What is stored of it.

        Returns:
            Shape (dims,), of length 1; None where it must be encoded.
        """
        fits = {"fingerprint": self.digest, "content_hash": document.content_hash}
        if "embedding" not in own or not fits.items() <= own.items():
            return None
        stored = np.asarray(own["embedding"], np.float32)[None]  # (1, all dims)
        made: Vector = self._cut(stored, [document.language])[0]
        return made

    def estimate(self, client: Elasticsearch, live: LiveIndex) -> LanguageCentering | None:
        """The mean of each language, by a sample of the stored vectors; None if there are none.

        Raises:
            ClusterError: The cluster does not answer, or refuses.
        """
        vectors, languages = [], []
        for language in live.meta.languages:
            terms = {LANGUAGE_FIELD: language, "xlrec.fingerprint": self.digest}
            filters = [{"term": {name: value}} for name, value in terms.items()]
            query = {"bool": {"filter": filters}}
            for hit in sample(client, live.name, PER_LANGUAGE, query=query, fields=[VECTOR_FIELD]):
                if stored := hit.get("fields", {}).get(VECTOR_FIELD):
                    vectors.append(stored)
                    languages.append(language)
        if not vectors:
            return None
        raw = self._cut(np.asarray(vectors, np.float32), languages)
        return LanguageCentering.center(raw, languages)

    def _cut(self, stored: Vector, languages: list[str]) -> Vector:
        """Shape (n, all dims) -> (n, dims)."""
        return unit_rows(self.centering.undo(stored, languages)[:, : self.dims])
