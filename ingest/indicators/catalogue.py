"""The documents of an index, as far as indicators have to do with them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.index.fields import (
    MARKET_POPULARITY_FIELD,
    POPULARITY_FIELD,
    TASTE,
    VECTOR_FIELD,
    Relation,
)
from xlrec_es.index.hits import language_of, vector_of, work_of
from xlrec_es.index.indicators import read_indicators
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.works import items_of, number_works, work_pages
from xlrec_es.languages import base_language
from xlrec_es.vectors.vector import Vector


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned for a document.

    Attributes:
        indicators: Weight by work, as `xlrec_es.index.indicators.storable` makes them.
        provenance: `own`, `blended`, `inherited` or `none`.
        evidence: Users who liked the work, or baskets that it is in.
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
        popularity = -1.0 if self.popularity is None else self.popularity
        own = np.array([self.evidence, popularity], np.float32)
        weights = (_sorted(self.indicators), _sorted(self.market_popularity))
        return digest_of(self.provenance, own, *weights)


Weights = tuple[Sequence[str], Vector]
"""Names in their order, and the weight of each, float32."""


def _sorted(weights: Mapping[str, float]) -> Weights:
    names = sorted(weights)
    return names, np.array([weights[name] for name in names], np.float32)


def digest_of(provenance: str, own: Vector, indicators: Weights, markets: Weights) -> str:
    """`Learned.digest`, of what has not been put together as such.

    Args:
        provenance: As there.
        own: Evidence and popularity, -1 for None.
        indicators: As there.
        markets: Popularity by market.
    """
    digest = hashlib.sha256(f"{provenance}\0".encode())
    digest.update(own.tobytes())
    for names, weights in (indicators, markets):
        digest.update("\0".join([*names, ""]).encode())
        digest.update(weights.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of the index.

    Attributes:
        id: Document id; only with the routing it is one document's alone.
        work: Number of its work.
        language: BCP 47 tag.
        digest: Of what its indicators are now; see `Learned.digest`.
        routing: What its shard was chosen by, if not its id.
    """

    id: str
    work: int
    language: str
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
        return items_of((entry.id, self.works[entry.work]) for entry in self.entries)

    @property
    def languages(self) -> dict[str, str]:
        """Language by item: of documents, and of works that are in one language only.

        Variants of a language are one market.
        """
        of_work: defaultdict[str, set[str]] = defaultdict(set)
        for entry in self.entries:
            of_work[self.works[entry.work]].add(base_language(entry.language))
        by_document = {entry.id: base_language(entry.language) for entry in self.entries}
        return by_document | {work: next(iter(of)) for work, of in of_work.items() if len(of) == 1}


def read_catalogue(
    client: Elasticsearch,
    live: LiveIndex,
    *,
    with_popularity: bool = True,
    relation: Relation = TASTE,
) -> Catalogue:
    """Read all documents that the worker has written, as of one point in time.

    Args:
        client: Of the cluster.
        live: The index.
        with_popularity: Whether popularity is a part of what was learned.
        relation: Of which it is read what the documents hold.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    found: list[tuple[str, str, str, str, str | None]] = []
    numbers: dict[str, int] = {}
    sums = np.zeros((0, live.meta.fingerprint.dims), np.float32)
    hashes = 0
    columns = (POPULARITY_FIELD, relation.provenance, relation.evidence)
    fields = (VECTOR_FIELD, relation.weights, MARKET_POPULARITY_FIELD)
    for hits in work_pages(client, live, columns=columns, fields=fields, refresh=True):
        for hit in hits:
            numbers.setdefault(work_of(hit), len(numbers))
            digest = _stored(hit["fields"], with_popularity, relation).digest
            found.append((hit["_id"], work_of(hit), language_of(hit), digest, hit.get("_routing")))
        if len(sums) < len(numbers):
            grown = np.zeros((2 * len(numbers), sums.shape[1]), np.float32)
            grown[: len(sums)] = sums
            sums = grown
        for hit in hits:
            if (row := vector_of(hit)) is not None:
                sums[numbers[work_of(hit)]] += row
                hashes += _hash(hit["_id"], row)
    places = number_works(numbers)
    vectors = sums[[numbers[work] for work in places]]
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, length, out=vectors, where=length > 1e-6)
    entries = [Entry(i, places[work], lang, d, r) for i, work, lang, d, r in found]
    return Catalogue(entries, tuple(places), vectors, f"{hashes % 2**64:016x}")


def _hash(id_: str, vector: Vector) -> int:
    digest = hashlib.blake2b(id_.encode() + b"\0" + vector.tobytes(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def _stored(fields: Mapping[str, Any], with_popularity: bool, relation: Relation) -> Learned:
    return Learned(
        read_indicators(fields.get(relation.weights)),
        fields.get(relation.provenance, [""])[0],
        fields.get(relation.evidence, [0.0])[0],
        fields.get(POPULARITY_FIELD, [None])[0] if with_popularity else None,
        read_indicators(fields.get(MARKET_POPULARITY_FIELD)) if with_popularity else {},
    )
