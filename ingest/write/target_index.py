"""The index that documents go into."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from elasticsearch import Elasticsearch

from ingest.documents.document import Deletion, Document, Part, key_of
from ingest.encode.sparse.beside import FIELD
from ingest.write.word_segmentation import Segmentation, choose_analyzers
from xlrec_es.cluster.analyzers import CANDIDATE_ANALYZERS, FALLBACK_ANALYZER, choose_analyzer
from xlrec_es.cluster.bulk import BulkWriter, Operation, Written
from xlrec_es.cluster.capabilities import Capabilities
from xlrec_es.cluster.retry import NotReady, Patience
from xlrec_es.errors import AliasMoved, IndexNotFound, IndexUnusable
from xlrec_es.index.fields import LANGUAGE_FIELD, OF_PICTURE, OWN_FIELD, RELATIONS, WORK_FIELD
from xlrec_es.index.hits import routed
from xlrec_es.index.live_index import LiveIndex, find_live, update_meta
from xlrec_es.index.rewriting import Rewrite
from xlrec_es.index.source_check import check_given_back
from xlrec_es.records.record import Rejection
from xlrec_es.records.renditions import DEFAULT_ID, records_of, rendition_id, why_taken
from xlrec_es.vectors.vector import Vector, pack

_IDENTITY = ("xlrec.content_hash", "xlrec.fingerprint")
_READ = "docs._id,docs.found,docs.error,docs._source,docs._version"
_NO_ROUTING = "routing_missing_exception"
_HEADERS = {"accept": "application/json", "content-type": "application/json"}
_LEARNED = (
    *("indicators", "indicators_from", "evidence", "generation", "market_popularity"),
    *(relation.key for relation in RELATIONS.values()),
)
"""What others than the worker write into a document: see `ingest.indicators.run`."""

BESIDE = (FIELD,)
"""What a text makes beside its vector."""

Change = Operation[Part] | Rewrite[Part]
"""What is written of one document: all of it, or what it is completed with."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """What is written of a document's picture.

    Attributes:
        vector: Shape (dims,), of length 1.
        state: What stands for the picture and what made the vector.
        stands_for_text: Whether the vector is in the space of texts.
    """

    vector: Vector
    state: str
    stands_for_text: bool = False

    @property
    def as_text(self) -> Vector | None:
        """The vector of a document that has no text, if it can be one."""
        return self.vector if self.stands_for_text else None


class PictureStates(Protocol):
    """What tells whether a picture has changed; see `ingest.images.pictures.Pictures`."""

    @property
    def stands_for_text(self) -> bool:
        """See `Pictured.stands_for_text`."""

    def state(self, document: Document) -> str | None:
        """See `Pictured.state`; None if the document has no picture."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What stays of a document that has changed.

    Attributes:
        vector: Shape (dims,), centered; None where the text is another now.
        learned: Fields of `xlrec` that the worker does not make, or not in this run.
        beside: Fields of `xlrec` that the text made beside the vector; empty where that is None.
        pictured: Of its picture; None where it is another now, or has none.
        replaced: Of the picture before, where it is another now: it stays if that is a bad one.
    """

    vector: Vector | None = None
    learned: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    pictured: Pictured | None = None
    replaced: Pictured | None = None


NOTHING = Earlier()
"""Of a document that is new."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What an index has of documents.

    Attributes:
        unchanged: Keys of those that it has just as they are now.
        earlier: What stays of those that it has in another state, by key.
        taken: Why those whose id another record's document has cannot be written, by key.
        older: Keys of the unchanged that were written before the job began; see `Target.compare`.
    """

    unchanged: Set[str]
    earlier: Mapping[str, Earlier]
    taken: Mapping[str, str] = field(default_factory=dict)
    older: Set[str] = frozenset()


class _Found(NamedTuple):
    """What an index has of a document: what was asked for of its source, and its version."""

    source: dict[str, Any]
    version: int


def find(client: Elasticsearch, name: str) -> LiveIndex | None:
    """The index of that name, or None if there is none.

    Raises:
        IndexUnusable: It does not give back what was learned, which a run takes over.
        XlrecError: As for `xlrec_es.index.live_index.find_live`, but for a missing index.
    """
    try:
        live = find_live(client, name, to_write=True)
    except IndexNotFound:
        return None
    check_given_back(client, live.name, _LEARNED)
    return live


class Target:
    """An index that exists, seen by the worker.

    Args:
        client: Of its cluster.
        live: The index.
        capabilities: Of its cluster.
        patience: How long a request is sent again while the cluster is in trouble.

    Attributes:
        live: The index, as it is by now.
        pictures: Tells which pictures have changed; None for a run that leaves them as they are.

    Raises:
        MissingExtra: The index's texts are cut into words by a package that is not installed here.
    """

    def __init__(
        self,
        client: Elasticsearch,
        live: LiveIndex,
        capabilities: Capabilities,
        patience: Patience | None = None,
    ) -> None:
        self.live = live
        self.pictures: PictureStates | None = None
        self._client = client.options(max_retries=0)
        self._capabilities = capabilities
        self._patience = patience or Patience()
        self._fingerprint = live.meta.fingerprint.digest
        self._segmentation = Segmentation(live.meta.segmenters)
        self._id_path = live.meta.source.get("fields", {}).get("id") or DEFAULT_ID
        self._whose = (LANGUAGE_FIELD, WORK_FIELD, self._id_path)

    @property
    def poorly_analyzed(self) -> list[str]:
        """Languages that have an analyzer of their own somewhere, but none in this index."""
        return [
            language
            for language, analyzer in self.live.meta.analyzers.items()
            if analyzer == FALLBACK_ANALYZER
            and choose_analyzer(language, CANDIDATE_ANALYZERS) != FALLBACK_ANALYZER
        ]

    def check_is_live(self, name: str) -> None:
        """See that a name still stands for this index.

        Raises:
            AliasMoved: It stands for another, where what is written here will not be seen.
            ClusterError: The cluster refuses, or is in trouble for too long.
        """
        now = self._patience.call(self._client, lambda: find_live(self._client, name))
        if now.name != self.live.name:
            raise AliasMoved(
                f"{name} was swapped from {self.live.name} to {now.name} during the run; run it "
                "again without --resume: what the new version has already is passed over",
                live=now.name,
            )

    def add_languages(self, languages: Iterable[str]) -> None:
        """Have a text field for each of these languages.

        Raises:
            ClusterError: The cluster refuses, or does not answer.
        """
        new = set(languages) - self.live.meta.analyzers.keys()
        if new:
            self.live = self._patience.call(self._client, lambda: self._with_languages(new))
            self._segmentation = Segmentation(self.live.meta.segmenters)

    def _with_languages(self, new: Collection[str]) -> LiveIndex:
        # As it is now: what others have noted of indicators, weights or languages stays.
        live = find_live(self._client, self.live.name)
        missing = set(new) - live.meta.analyzers.keys()
        analyzers, segmenters = choose_analyzers(missing, self._capabilities.analyzers)
        meta = replace(
            live.meta,
            analyzers={**live.meta.analyzers, **analyzers},
            segmenters={**live.meta.segmenters, **segmenters},
        )
        return update_meta(self._client, live, meta)

    def add_images(self, images: Mapping[str, Any]) -> None:
        """Have fields for pictures' vectors.

        Args:
            images: See `IndexMeta.images`.

        Raises:
            IndexUnusable: Another run has begun with pictures meanwhile, in a space of its own.
            ClusterError: The cluster refuses, or does not answer.
        """

        def add() -> LiveIndex:
            live = find_live(self._client, self.live.name)
            if live.meta.images not in ({}, images):
                raise IndexUnusable(
                    f"another run has meanwhile begun to give {live.name} its pictures; run this "
                    "again: it goes on with theirs"
                )
            return update_meta(self._client, live, replace(live.meta, images=images))

        self.live = self._patience.call(self._client, add)

    def compare(self, documents: Sequence[Document], *, since: int | None = None) -> Compared:
        """What the index has of these documents.

        Args:
            documents: Each once.
            since: Version of the first record of a job whose units are done in any order. An equal
                state with an earlier version of that job is written anew, for a state between the
                two may be yet to come. 0: so is one that an earlier job has left. None: all is
                read in order.

        Raises:
            ClusterError: The cluster refuses, or is in trouble for too long.
        """
        by_key = {document.key: document for document in documents}
        pictured = [] if self.pictures is None else [f"{OWN_FIELD}.image_hash"]
        stands = self._read(documents, [*_IDENTITY, *pictured, *self._whose])
        found = {key: one.source for key, one in stands.items()}
        taken = {
            key: reason
            for key, stored in found.items()
            if (reason := self._why_taken(stored, by_key[key]))
        }
        unchanged = {
            key
            for key, stored in found.items()
            if key not in taken
            and self._is_unchanged(_own(stored), by_key[key])
            and (since is None or not since <= stands[key].version < by_key[key].version)
        }
        changed = [by_key[key] for key in found if key not in taken and key not in unchanged]
        whole = self._read(changed, [OWN_FIELD]) if changed else {}
        earlier = {key: self._earlier(_own(one.source), by_key[key]) for key, one in whole.items()}
        older = {key for key in unchanged if since is not None and stands[key].version < since}
        return Compared(unchanged, earlier, taken, older)

    def _why_taken(self, stored: Mapping[str, Any], document: Document) -> str:
        """Why a document must not take the place of what is stored; empty if it may."""
        likeliest, *others = records_of(document.id, stored, self._id_path)
        if document.record_id in (None, likeliest):
            return ""
        if document.record_id in others and _own(stored).get("work") == document.work:
            return ""  # a record that declares its work, of which no more is stored
        return why_taken(document.id, likeliest)

    def _is_unchanged(self, own: Mapping[str, Any], document: Document) -> bool:
        return (own.get("content_hash"), own.get("fingerprint")) == (
            document.content_hash,
            self._fingerprint,
        ) and self._has_picture(own, document)

    def _has_picture(self, own: Mapping[str, Any], document: Document) -> bool:
        """Whether the index has a document's very picture, or rightly none."""
        if self.pictures is None:
            return True
        return bool(own.get("image_hash") == self.pictures.state(document))

    def existing(self, deletions: Iterable[Deletion]) -> tuple[list[Deletion], list[Rejection]]:
        """The deletion of each document that was made of these records.

        Returns:
            These; and, set aside, what names a document that was made of another record.

        Raises:
            ClusterError: As for `compare`.
        """
        of_record = {deletion.key: deletion for deletion in deletions}
        made = (
            replace(deletion, id=id_)
            for deletion in of_record.values()
            for id_ in (
                deletion.id,
                *(rendition_id(deletion.id, tag) for tag in self.live.meta.languages),
            )
        )
        possible = {deletion.key: deletion for deletion in made}
        there, refused = [], []
        for key, stands in self._read(list(possible.values()), self._whose).items():
            one = possible[key]
            record = records_of(one.id, stands.source, self._id_path)[0]
            if (mine := of_record.get(key_of(record, one.record.routing))) is not None:
                there.append(replace(mine, id=one.id))
            elif key in of_record:
                reason = (
                    f"{one.id!r} is a language version of record {record!r}; delete that record"
                )
                refused.append(of_record[key].rejected("document", reason))
        return there, refused

    def _read(self, parts: Sequence[Part], includes: Iterable[str]) -> dict[str, _Found]:
        """By key, what is asked for of each document that exists."""
        # Not `client.mget`, which does not know the parameter for vectors.
        parameters = {"_source_includes": ",".join(includes), "filter_path": _READ}
        if self._capabilities.hides_vectors:
            parameters["_source_exclude_vectors"] = "false"

        def send() -> list[dict[str, Any]]:
            answer = self._client.perform_request(
                "POST",
                f"/{self.live.name}/_mget",
                params=parameters,
                headers=_HEADERS,
                body={"docs": [{"_id": part.id, **routed(part.record.routing)} for part in parts]},
            )
            entries: list[dict[str, Any]] = answer.body["docs"]
            for entry in entries:
                # Where a routing is required and a record has none, its document is not there.
                if "error" in entry and entry["error"].get("type") != _NO_ROUTING:
                    raise NotReady(entry["error"].get("reason"))
            return entries

        return {
            part.key: _Found(entry.get("_source", {}), entry.get("_version", 0))
            for part, entry in zip(parts, self._patience.call(self._client, send), strict=True)
            if entry.get("found")
        }

    def _earlier(self, own: Mapping[str, Any], document: Document) -> Earlier:
        learned = {name: own[name] for name in _LEARNED if name in own}
        if learned and document.popularity is None and "popularity" in own:
            learned["popularity"] = own["popularity"]
        pictured = replaced = None
        if self.pictures is None:
            learned |= {name: own[name] for name in OF_PICTURE if name in own}
        elif "image_vector" in own and document.has_picture:
            stored = Pictured(
                np.asarray(own["image_vector"], np.float32),
                own["image_hash"],
                stands_for_text=self.pictures.stands_for_text,
            )
            if self._has_picture(own, document):
                pictured = stored
            else:
                replaced = stored
        same_text = own.get("text") == self._text(document)
        if not same_text or own.get("fingerprint") != self._fingerprint or "embedding" not in own:
            return Earlier(None, learned, pictured=pictured, replaced=replaced)
        beside = {name: own[name] for name in BESIDE if name in own}
        return Earlier(
            np.asarray(own["embedding"], np.float32), learned, beside, pictured, replaced
        )

    def write(self, writer: BulkWriter, changes: Sequence[Change]) -> Written[Part]:
        """Write what `operation` and `deletion` have made.

        Args:
            writer: Into this index.
            changes: What is to be written.

        Raises:
            ClusterError: As for `BulkWriter.write`.
        """
        return writer.write(cast("Sequence[Operation[Part]]", changes))

    def operation(
        self, document: Document, vector: Vector | None, earlier: Earlier = NOTHING
    ) -> Change:
        """What is needed to write a document.

        Args:
            document: The document.
            vector: Shape (dims,), centered, of length 1; None of a picture alone that says nothing
                of texts.
            earlier: See `compare`; and what is to be written of its picture, and beside its vector.
        """
        own = {**earlier.learned, **self._own(document, vector, earlier.pictured), **earlier.beside}
        source = {**document.source, OWN_FIELD: own}
        return Operation.index(
            document, source, **routed(document.record.routing), **_not_older_than(document.version)
        )

    def deletion(self, deletion: Deletion) -> Operation[Part]:
        """What a bulk request needs to delete a document.

        Args:
            deletion: One of those of `existing`.
        """
        return Operation.delete(
            deletion, **routed(deletion.record.routing), **_not_older_than(deletion.version)
        )

    def _own(
        self, document: Document, vector: Vector | None, pictured: Pictured | None
    ) -> dict[str, Any]:
        """All of the object `xlrec` that the worker makes."""
        own = own_fields(
            document,
            text=self._text(document),
            fingerprint=self._fingerprint,
            embedding=self._sent(vector),
        )
        if vector is None:
            del own["embedding"]
        if pictured is not None:
            own |= {"image_vector": self._sent(pictured.vector), "image_hash": pictured.state}
        if document.popularity is not None:
            own["popularity"] = document.popularity
        return own

    def _sent(self, vector: Vector | None) -> Vector | str | None:
        if vector is None or not self._capabilities.packed_vectors:
            return vector
        return pack(vector)

    def _text(self, document: Document) -> dict[str, str]:
        language = document.language
        if not document.text:
            return {}
        return {language: self._segmentation.text(language, document.text)}

    def refresh(self) -> None:
        """Make what has been written visible to searches.

        Raises:
            ClusterError: The cluster refuses, or is in trouble for too long.
        """
        self._patience.call(
            self._client, lambda: self._client.indices.refresh(index=self.live.name)
        )


def _own(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    own: Mapping[str, Any] = stored.get(OWN_FIELD, {})
    return own


def own_fields(
    document: Document,
    *,
    text: Mapping[str, str],
    fingerprint: str,
    embedding: Vector | str | list[float] | None,
) -> dict[str, Any]:
    """The object `xlrec` of a document, but for its popularity and what is learned.

    Args:
        document: The document.
        text: Its searchable text by language, words parted where that is needed.
        fingerprint: Digest of what made the vector.
        embedding: The vector as it is to be sent.
    """
    return {
        "id": document.id,
        "language": document.language,
        "language_source": document.language_source,
        "text": text,
        "work": document.work,
        "content_hash": document.content_hash,
        "fingerprint": fingerprint,
        "ingested_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "embedding": embedding,
    }


def _not_older_than(version: int) -> dict[str, object]:
    # "gte": the same state may be sent again when nobody knows whether it arrived.
    return {"version": version, "version_type": "external_gte"}
