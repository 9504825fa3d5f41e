"""The documents of an index, as far as indicators have to do with them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.index.fields import (
    EVIDENCE_FIELD,
    INDICATORS_FIELD,
    LANGUAGE_FIELD,
    MARKET_POPULARITY_FIELD,
    POPULARITY_FIELD,
    PROVENANCE_FIELD,
    VECTOR_FIELD,
    WORK_FIELD,
)
from xlrec_es.index.hits import title_of
from xlrec_es.index.indicators import read_indicators
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.vectors.vector import Vector


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned for a document.

    Attributes:
        indicators: Weight by work, as `xlrec_es.index.indicators.storable` makes them.
        provenance: `own`, `blended`, `borrowed` or `none`.
        evidence: Persons who liked the work.
        popularity: 0..1; None if it is not to be touched.
        market_popularity: 0..1 by market, rounded as indicators are; not touched either then.
    """

    indicators: Mapping[str, float]
    provenance: str
    evidence: float
    popularity: float | None
    market_popularity: Mapping[str, float] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Stands for all of it, as Elasticsearch gives it back."""
        digest = hashlib.sha256(f"{self.provenance}\0".encode())
        popularity = -1.0 if self.popularity is None else self.popularity
        digest.update(np.array([self.evidence, popularity], np.float32).tobytes())
        for weights in (self.indicators, self.market_popularity):
            names = sorted(weights)
            digest.update("\0".join([*names, ""]).encode())
            digest.update(np.array([weights[name] for name in names], np.float32).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of the index.

    Attributes:
        id: Document id; only with the routing it is one document's alone.
        work: Number of its work.
        language: BCP 47 tag.
        title: For people, or None.
        digest: Of what its indicators are now; see `Learned.digest`.
        routing: What its shard was chosen by, if not its id.
    """

    id: str
    work: int
    language: str
    title: str | None
    digest: str
    routing: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All documents and works of an index.

    Attributes:
        entries: The documents.
        works: Work ids, sorted.
        vectors: Shape (n_works, dims): the mean direction of a work's documents, of length 1.
        digest: Stands for all documents' vectors, in whatever order they were read.
    """

    entries: Sequence[Entry]
    works: tuple[str, ...]
    vectors: Vector
    digest: str

    @property
    def items(self) -> dict[str, str]:
        """Work by item: by document id, and by work id, which wins."""
        by_document = {entry.id: self.works[entry.work] for entry in self.entries}
        return by_document | dict(zip(self.works, self.works, strict=True))

    @property
    def languages(self) -> dict[str, str]:
        """Language by item: of documents, and of works that are in one language only."""
        of_work: defaultdict[str, set[str]] = defaultdict(set)
        for entry in self.entries:
            of_work[self.works[entry.work]].add(entry.language)
        by_document = {entry.id: entry.language for entry in self.entries}
        return by_document | {work: next(iter(of)) for work, of in of_work.items() if len(of) == 1}


def read_catalogue(
    client: Elasticsearch, live: LiveIndex, *, with_popularity: bool = True
) -> Catalogue:
    """Read all documents that the worker has written, as of one point in time.

    Args:
        client: Of the cluster.
        live: The index.
        with_popularity: Whether popularity is a part of what was learned.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    found: list[tuple[str, str, str, str | None, str, str | None]] = []
    numbers: dict[str, int] = {}
    sums = np.zeros((0, live.meta.fingerprint.dims), np.float32)
    hashes = 0
    for hits in _pages(client, live):
        for hit in hits:
            fields = hit["fields"]
            numbers.setdefault(fields[WORK_FIELD][0], len(numbers))
            entry = (hit["_id"], fields[WORK_FIELD][0], fields[LANGUAGE_FIELD][0])
            digest = _stored(fields, with_popularity).digest
            title = title_of(hit, live.meta.title_field)
            found.append((*entry, title, digest, hit.get("_routing")))
        if len(sums) < len(numbers):
            grown = np.zeros((2 * len(numbers), sums.shape[1]), np.float32)
            grown[: len(sums)] = sums
            sums = grown
        for hit in hits:
            # Vectors are left out of _source on 9.2 and later, and are always to be had as a field.
            if vector := hit["fields"].get(VECTOR_FIELD):
                row = np.asarray(vector, np.float32)
                sums[numbers[hit["fields"][WORK_FIELD][0]]] += row
                hashes += _hash(hit["_id"], row)
    works = tuple(sorted(numbers))
    order = [numbers[work] for work in works]
    places = {work: place for place, work in enumerate(works)}
    vectors = sums[order]
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, length, out=vectors, where=length > 1e-6)
    entries = [Entry(i, places[work], lang, t, d, r) for i, work, lang, t, d, r in found]
    return Catalogue(entries, works, vectors, f"{hashes % 2**64:016x}")


def _hash(id_: str, vector: Vector) -> int:
    digest = hashlib.blake2b(id_.encode() + b"\0" + vector.tobytes(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def _stored(fields: Mapping[str, Any], with_popularity: bool) -> Learned:
    return Learned(
        read_indicators(fields.get(INDICATORS_FIELD)),
        fields.get(PROVENANCE_FIELD, [""])[0],
        fields.get(EVIDENCE_FIELD, [0.0])[0],
        fields.get(POPULARITY_FIELD, [None])[0] if with_popularity else None,
        read_indicators(fields.get(MARKET_POPULARITY_FIELD)) if with_popularity else {},
    )


def _pages(client: Elasticsearch, live: LiveIndex) -> Iterator[list[Mapping[str, Any]]]:
    title = live.meta.title_field
    body = {
        # In place, documents may have come since the last run, and have no object `xlrec` yet.
        "query": {"exists": {"field": WORK_FIELD}},
        "_source": [title] if title else False,
        "fields": [
            WORK_FIELD,
            LANGUAGE_FIELD,
            VECTOR_FIELD,
            INDICATORS_FIELD,
            POPULARITY_FIELD,
            MARKET_POPULARITY_FIELD,
            PROVENANCE_FIELD,
            EVIDENCE_FIELD,
        ],
    }
    with friendly_errors(client):
        client.indices.refresh(index=live.name)
    yield from scan.pages(client, live.name, body)
