"""The index that documents go into."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from ingest.types import Document
from ingest.writer import Operation
from xlrec_es.client import Capabilities, friendly_errors
from xlrec_es.errors import IndexNotFound
from xlrec_es.indices import LiveIndex, find_live, update_meta
from xlrec_es.languages import CANDIDATE_ANALYZERS, FALLBACK_ANALYZER, choose_analyzer
from xlrec_es.types import Vector

_KEPT = ("xlrec.content_hash", "xlrec.fingerprint")


def find(client: Elasticsearch, name: str) -> LiveIndex | None:
    """The index of that name, or None if there is none.

    Raises:
        XlrecError: As for `xlrec_es.indices.find_live`, but for a missing index.
    """
    try:
        return find_live(client, name)
    except IndexNotFound:
        return None


def choose_analyzers(languages: Iterable[str], available: Collection[str]) -> dict[str, str]:
    """The analyzer of each language's text field, given those that the cluster has."""
    return {language: choose_analyzer(language, available) for language in sorted(languages)}


class Target:
    """An index that exists, seen by the worker.

    Args:
        client: Of its cluster.
        live: The index.
        capabilities: Of its cluster.

    Attributes:
        live: The index, as it is by now.
    """

    def __init__(self, client: Elasticsearch, live: LiveIndex, capabilities: Capabilities) -> None:
        self.live = live
        self._client = client
        self._capabilities = capabilities
        self._fingerprint = live.meta.fingerprint.digest

    @property
    def poorly_analyzed(self) -> list[str]:
        """Languages that have an analyzer of their own somewhere, but none in this index."""
        return [
            language
            for language, analyzer in self.live.meta.analyzers.items()
            if analyzer == FALLBACK_ANALYZER
            and choose_analyzer(language, CANDIDATE_ANALYZERS) != FALLBACK_ANALYZER
        ]

    def add_languages(self, languages: Iterable[str]) -> None:
        """Have a text field for each of these languages.

        Raises:
            ClusterError: The cluster refuses, or does not answer.
        """
        meta = self.live.meta
        new = set(languages) - meta.analyzers.keys()
        if new:
            chosen = choose_analyzers(new, self._capabilities.analyzers)
            meta = replace(meta, analyzers={**meta.analyzers, **chosen})
            self.live = update_meta(self._client, self.live, meta)

    def unchanged(self, documents: Sequence[Document]) -> set[str]:
        """Ids of the documents that the index has already, just as they are now.

        Raises:
            ClusterError: The cluster refuses, or does not answer.
        """
        with friendly_errors(self._client):
            answer = self._client.mget(
                index=self.live.name,
                ids=[document.id for document in documents],
                source_includes=list(_KEPT),
                filter_path="docs._id,docs._source",
            )
        kept = {found["_id"]: found.get("_source", {}).get("xlrec") for found in answer["docs"]}
        return {
            document.id
            for document in documents
            if kept.get(document.id)
            == {"content_hash": document.content_hash, "fingerprint": self._fingerprint}
        }

    def operation(self, document: Document, vector: Vector) -> Operation[Document]:
        """What a bulk request needs to write a document.

        Args:
            document: The document.
            vector: Shape (dims,), calibrated, of length 1.
        """
        action = {"index": {"_id": document.id}}
        fields = {**document.source, "xlrec": self._own_fields(document, vector)}
        body = orjson.dumps(action) + b"\n" + _dumps(fields) + b"\n"
        return Operation(document, body)

    def _own_fields(self, document: Document, vector: Vector) -> dict[str, Any]:
        own: dict[str, Any] = {
            "language": document.language,
            "language_source": document.language_source,
            "text": {document.language: document.text},
            "work": document.work,
            "content_hash": document.content_hash,
            "fingerprint": self._fingerprint,
            "ingested_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "embedding": _pack(vector) if self._capabilities.packed_vectors else vector,
        }
        if document.popularity is not None:
            own["popularity"] = document.popularity
        return own

    def refresh(self) -> None:
        """Make what has been written visible to searches.

        Raises:
            ClusterError: The cluster refuses, or does not answer.
        """
        with friendly_errors(self._client):
            self._client.indices.refresh(index=self.live.name)


def _dumps(fields: Mapping[str, Any]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY)


def _pack(vector: Vector) -> str:
    """Base64 of big-endian float32: a quarter of the size, and 20 times as fast to read."""
    return base64.b64encode(vector.astype(">f4").tobytes()).decode()
