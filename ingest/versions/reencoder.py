"""Make the documents of a version again for another: texts by another recipe, other vectors.

What fits already, by fingerprint and content hash, is copied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from ingest.documents.builder import Builder
from ingest.documents.document import Document
from ingest.encode import raw_vectors
from ingest.encode.sparse.beside import FIELD, sparse_fields, sparse_of
from ingest.versions.stored_vectors import StoredVectors
from ingest.write.target_index import own_fields
from ingest.write.word_segmentation import Segmentation
from xlrec_es.cluster import scan
from xlrec_es.cluster.scan import Hit
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.meta import IndexMeta
from xlrec_es.recommend.request.sparse_profile import dot
from xlrec_es.records.record import Record, Rejection
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.vectors.fingerprint import Fingerprint
from xlrec_es.vectors.vector import Vector, pack
from xlrec_es.versions.copier import packed_source
from xlrec_es.versions.gate_checks import Check, Measured, sample

_SAMPLED = 100
_ALIKE = 0.98  # cosine; bfloat16 and 8 bits keep 0.999


@dataclass(frozen=True, slots=True)
class _Made:
    """A document that needs a vector.

    Attributes:
        document: It.
        fields: The user's.
        own: What the version before says of it; what was learned from interactions stays.
    """

    document: Document
    fields: Mapping[str, Any]
    own: Mapping[str, Any]


class Reencoder:
    """A transform of `xlrec_es.versions.copier`.

    Args:
        builder: Makes documents; its recipe is the new one's.
        encoder: Makes their vectors.
        meta: Of the new version.
        packs_vectors: Whether the server takes vectors as Base64.
        stored: Vectors that need no encoding, if there are any.
        read: What made the documents that are read; None: nothing of theirs is kept.

    Attributes:
        encoded: Texts that were encoded.
        kept: Documents whose vectors were copied.
        cut: Documents whose vectors were made of those that were stored.
    """

    def __init__(
        self,
        builder: Builder,
        encoder: Encoder,
        meta: IndexMeta,
        *,
        packs_vectors: bool,
        stored: StoredVectors | None = None,
        read: Fingerprint | None = None,
    ) -> None:
        self._builder = builder
        self._encoder = encoder
        self._meta = meta
        self._segmentation = Segmentation(meta.segmenters)
        self._packs = packs_vectors
        self._stored = stored
        self._read = read
        self.encoded = 0
        self.kept = 0
        self.cut = 0

    def __call__(self, hits: Sequence[Hit]) -> list[Mapping[str, Any] | str]:
        """The new documents, or why there can be none."""
        made = [self._build(hit) for hit in hits]
        found: list[Mapping[str, Any] | str] = []
        wanted = [one for one in made if isinstance(one, _Made)]
        vectors = self._centered([one.document for one in wanted], self._raw(wanted))
        encoded = iter(zip(vectors, self._beside(wanted), strict=True))
        for one in made:
            found.append(self._source(one, *next(encoded)) if isinstance(one, _Made) else one)
        return found

    def _beside(self, wanted: Sequence[_Made]) -> list[Mapping[str, Any]]:
        """Learned sparse weights of each, as fields: stored ones, else made by the model."""
        found = [self._kept_beside(one) for one in wanted]
        lacking = [row for row, fields in enumerate(found) if fields is None]
        texts = [wanted[row].document.text for row in lacking]
        made = dict(zip(lacking, sparse_fields(self._encoder, texts), strict=True))
        return [made[row] if fields is None else fields for row, fields in enumerate(found)]

    def _kept_beside(self, made: _Made) -> Mapping[str, Any] | None:
        """What is stored of a document, if it is of the same text and model."""
        read = self._read
        if read is None or read.sparse != self._meta.fingerprint.sparse or FIELD not in made.own:
            return None
        fits = {"fingerprint": read.digest, "content_hash": made.document.content_hash}
        return {FIELD: made.own[FIELD]} if fits.items() <= made.own.items() else None

    def _build(self, hit: Hit) -> _Made | Mapping[str, Any] | str:
        """The document to be encoded; or its source, if it fits; or why there is none."""
        source: Mapping[str, Any] = hit["_source"]
        own = source.get(OWN_FIELD) or {}
        if "embedding" not in own:  # somebody else wrote it: not searched by vectors, but theirs
            return source
        if "image_vector" in own and not own.get("text"):  # what it looks like is all there is
            self.kept += 1
            return packed_source(source) if self._packs else source
        document = built(self._builder, hit)
        if isinstance(document, str):
            return document
        fits = {"fingerprint": self._meta.fingerprint.digest, "content_hash": document.content_hash}
        if fits.items() <= own.items():
            self.kept += 1
            return packed_source(source) if self._packs else source
        return _Made(document, document.record.fields, own)

    def _raw(self, wanted: Sequence[_Made]) -> Vector:
        """Vectors before centering, shape (len(wanted), dims): stored ones, else encoded."""
        raw = np.zeros((len(wanted), self._meta.fingerprint.dims), np.float32)
        texts = {}
        for row, one in enumerate(wanted):
            vector = None if self._stored is None else self._stored.raw(one.document, one.own)
            if vector is None:
                texts[row] = one.document.text
            else:
                raw[row] = vector
        if texts:
            raw[list(texts)] = raw_vectors.encode(self._encoder, list(texts.values()))
        self.encoded += len(texts)
        self.cut += len(wanted) - len(texts)
        return raw

    def _centered(self, documents: Sequence[Document], raw: Vector) -> list[Vector | str]:
        """Centered vectors, each of shape (dims,), or why there can be none."""
        languages = [document.language for document in documents]
        centered = self._meta.centering.apply(raw, languages)
        good = raw_vectors.usable(raw) & raw_vectors.usable(centered)
        useless = "the encoder made zeros or NaN of it, or nothing but its language's mean"
        return [row if ok else useless for row, ok in zip(centered, good, strict=True)]

    def _source(
        self, made: _Made, vector: Vector | str, beside: Mapping[str, Any]
    ) -> Mapping[str, Any] | str:
        if isinstance(vector, str):
            return vector
        document, language = made.document, made.document.language
        own = {
            **{name: value for name, value in made.own.items() if name != FIELD},
            **own_fields(
                document,
                text={language: self._segmentation.text(language, document.text)},
                fingerprint=self._meta.fingerprint.digest,
                embedding=pack(vector) if self._packs else vector.tolist(),
            ),
            **beside,
        }
        if document.popularity is not None:
            own.setdefault("popularity", document.popularity)
        return {**made.fields, OWN_FIELD: own}

    def check(self, client: Elasticsearch, target: LiveIndex) -> list[Check]:
        """Encode sampled documents again: are the vectors that are there what this encoder makes?

        Vectors of another prefix, say, look like any others, and those that were copied nobody has
        looked at. The model's own library encodes them, not this program.
        """
        hits = sample(client, target.name, _SAMPLED, source=scan.whole_source(client))
        stored, documents = [], []
        for hit in hits:
            vector = (hit["_source"].get(OWN_FIELD) or {}).get("embedding")
            document = built(self._builder, hit)
            if vector is not None and isinstance(document, Document):
                stored.append(np.asarray(vector, np.float32))
                documents.append(document)
        texts = [document.text for document in documents]
        made = self._centered(documents, raw_vectors.reference(self._encoder, texts))
        cosines = [
            float(np.dot(old, new))
            for old, new in zip(stored, made, strict=True)
            if isinstance(new, np.ndarray)
        ]
        lowest = min(cosines, default=1.0)
        message = (
            f"{len(cosines)} sampled vectors agree with the encoder to a cosine of {lowest:.3f} "
            f"({_ALIKE})"
        )
        checks = [Check("encoder", lowest >= _ALIKE, message, Measured(lowest, _ALIKE))]
        return [*checks, *self._check_sparse(hits)]

    def _check_sparse(self, hits: Sequence[Hit]) -> list[Check]:
        """As `check`, of learned sparse weights; nothing where there are none."""
        if sparse_of(self._encoder) is None:
            return []
        both = [
            (own[FIELD], document)
            for hit in hits
            if FIELD in (own := hit["_source"].get(OWN_FIELD) or {})
            and isinstance(document := built(self._builder, hit), Document)
        ]
        made = sparse_fields(self._encoder, [document.text for _, document in both])
        cosines = [
            _cosine(stored, fields[FIELD])
            for (stored, _), fields in zip(both, made, strict=True)
            if stored or fields[FIELD]
        ]
        lowest = min(cosines, default=1.0)
        message = (
            f"{len(cosines)} sampled sparse weights agree with the sparse model to a cosine of "
            f"{lowest:.3f} ({_ALIKE})"
        )
        return [Check("sparse model", lowest >= _ALIKE, message, Measured(lowest, _ALIKE))]


def _cosine(some: Mapping[str, float], others: Mapping[str, float]) -> float:
    length = math.hypot(*some.values()) * math.hypot(*others.values())
    return dot(some, others) / length if length > 0 else 0.0


def built(builder: Builder, hit: Hit) -> Document | str:
    """The one document that a hit makes, or why there is none."""
    fields = {name: value for name, value in hit["_source"].items() if name != OWN_FIELD}
    own = hit["_source"].get(OWN_FIELD)
    made = list(builder.build(Record(fields, 1, id=hit["_id"], own=own)))
    [first, *more] = made
    if isinstance(first, Rejection):
        return first.reason
    if more or not isinstance(first, Document) or first.id != hit["_id"]:
        return "it makes other documents than itself; bring it in with: xlrec-ingest run"
    return first
