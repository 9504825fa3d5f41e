"""What a source yields: a record, or what it could not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Fields = Mapping[str, Any]
"""A JSON object: the user's own fields."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it stands in the very index that is written to.

    Attributes:
        own: This program's object in it; empty where there is none yet.
        seq_no: Elasticsearch's number of the operation that wrote it.
        primary_term: In which term of its shard.
        routing: What its shard was chosen by, if not its id.
    """

    own: Fields
    seq_no: int
    primary_term: int
    routing: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in its file, for users to look it up.

    Attributes:
        line: Number of the line, or of the row or element in files that have no lines; from 1.
        file: Name of the file; None where the source is that one file.
    """

    line: int
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One object of the source, as it came.

    Attributes:
        fields: The user's own fields; nobody changes them.
        position: Where it stands among all records of the source, from 1.
        id: The id that the source itself has for it; None where it is one of the fields.
        own: What an index of this program's says of it: language, work ...; None from elsewhere.
        size: Bytes that it took there, for memory to be bounded; 0 if nobody knows.
        stored: Where it is to be completed in place; None: it is written elsewhere.
        as_it_came: All of what the source has, where the fields are what is inside of it; see
            `xlrec_es.records.envelope`.
        routing: What its shard was chosen by in the index that it is from, if not its id.
        place: Where it stands in its file; None: the position is the number of its line.
    """

    fields: Fields
    position: int
    id: str | None = None
    own: Fields | None = None
    size: int = field(default=0, compare=False)
    stored: Stored | None = field(default=None, compare=False)
    as_it_came: Fields | None = field(default=None, compare=False)
    routing: str | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def whole(self) -> Fields:
        """What is kept of it when it is rejected, to be read again."""
        return self.fields if self.as_it_came is None else self.as_it_came

    @property
    def placed(self) -> Place:
        """Where it stands in its file."""
        return self.place or Place(self.position)

    def rejected(self, stage: str, reason: str, document: str | None = None) -> Rejection:
        """This record, as a rejected one; the arguments are those of `Rejection`."""
        return Rejection(self.position, stage, reason, self.whole, document, place=self.place)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected record.

    Attributes:
        position: Where the record stands in the source.
        stage: What refused it: `read`, `document`, `encode`, `write`; or `image`, which refuses the
            picture alone where the record has a text.
        reason: Why, in words.
        record: The record as it came; the raw line where it could not be read.
        document: Id of the one document refused, where the record makes several.
        place: As of `Record`.
    """

    position: int
    stage: str
    reason: str
    record: Fields | str
    document: str | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def placed(self) -> Place:
        """See `Record.placed`."""
        return self.place or Place(self.position)
