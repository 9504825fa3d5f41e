"""What becomes one Elasticsearch document, and what is to go."""

from __future__ import annotations

from dataclasses import dataclass, field

from xlrec_es.records.record import Fields, Record, Rejection


def key_of(id_: str, routing: str | None) -> str:
    """What a document is told by: an id may be several documents', by their routings."""
    return id_ if routing is None else f"{id_}\0{routing}"


@dataclass(frozen=True, slots=True)
class Document:
    """What becomes one Elasticsearch document, but for its vector.

    Attributes:
        id: Document id.
        work: Shared by the language versions of a work.
        language: BCP 47 tag, `und` if unknown.
        language_source: `declared` or `detected`.
        text: Clean: what is searched and encoded. Empty only where there is a picture.
        popularity: 0..1, or None if the record does not say.
        source: The user's own fields.
        content_hash: Stands for all of the above.
        record: Where it came from.
        version: Orders the states of a document: an older one never overwrites a newer.
        record_id: Id of the record that it is made of; None if nobody knows.
        language_value: What the record has for the language, where that is no tag; see
            `xlrec_es.records.language_values`.
        image: What the record has for its picture, if anybody asked.
    """

    id: str
    work: str
    language: str
    language_source: str
    text: str
    popularity: float | None
    source: Fields
    content_hash: str
    record: Record
    version: int = field(compare=False)
    record_id: str | None = field(default=None, compare=False)
    language_value: str = field(default="", compare=False)
    image: object = field(default=None, compare=False)

    @property
    def has_picture(self) -> bool:
        """Whether the record names a picture of it."""
        return self.image not in (None, "")

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return key_of(self.id, self.record.routing)

    def rejected(self, stage: str, reason: str) -> Rejection:
        """This document, as a rejected record."""
        return self.record.rejected(stage, reason, self.id)


@dataclass(frozen=True, slots=True)
class Deletion:
    """A record that says: this is no more.

    Attributes:
        id: Of the record; all documents that were made of it are to go.
        record: Where it came from.
        version: As of `Document`.
    """

    id: str
    record: Record
    version: int

    @property
    def key(self) -> str:
        """As of `Document`."""
        return key_of(self.id, self.record.routing)

    def rejected(self, stage: str, reason: str) -> Rejection:
        """This deletion, as a rejected record."""
        return self.record.rejected(stage, reason, self.id)


Part = Document | Deletion
"""What is written."""
