"""Texts that come more than once: kept, dropped, or linked as language versions of one work.

A text is compared with those before it in the source, in its own language; the first stays what it
is. What an earlier run has brought into the index is not looked at.

Measured, a document: 0.4 kB of memory; with near duplicates 4.4 kB, and 0.35 ms of a CPU (of 350
characters).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.documents.builder import Builder, declares_work, of_work
from ingest.documents.document import Deletion, Document
from ingest.documents.duplicate_policy import Duplicates
from xlrec_es.errors import MissingExtra
from xlrec_es.records.record import Record, Rejection

_PERMUTATIONS = 128  # similarity is estimated with a standard error of 0.04 or less
_SHINGLE = 5  # characters: of any script, with or without spaces between words


class Deduplicator:
    """A builder that deals with duplicates.

    It must see every record of the source in order, those too that an earlier run is done with:
    what is a duplicate depends on all before it. A position that is not after the last one begins
    another pass, in which nothing is known.

    Args:
        builder: Makes the documents.
        wanted: What is to be done.
        work_field: Where a record declares its work.
    """

    needs_all = True

    def __init__(self, builder: Builder, wanted: Duplicates, work_field: str) -> None:
        wanted.check()
        self._builder = builder
        self._wanted = wanted
        self._work_field = work_field
        self._start()

    def _start(self) -> None:
        self.found = Found()
        self._position = 0
        self._seen = _Seen(self._wanted.near)

    def build(self, record: Record) -> Iterator[Document | Deletion | Rejection]:
        """The record's documents, without duplicates or with their works linked."""
        if record.position <= self._position:
            self._start()
        self._position = record.position
        built = list(self._builder.build(record))
        documents = [document for document in built if isinstance(document, Document)]
        works = [work for document in documents if (work := self._compare(document)) is not None]
        if self._wanted.mode == "drop":
            yield from (b for b in built if not isinstance(b, Document) or b.key in self._seen)
            return
        # A work that the record declares may have more records; tearing one out helps nobody.
        if works and not declares_work(record, self._work_field):
            built = [of_work(b, works[0]) if isinstance(b, Document) else b for b in built]
        for document in built:
            if isinstance(document, Document):
                self._seen.add(document)
        yield from built

    def _compare(self, document: Document) -> str | None:
        """The work of the document that this one is a duplicate of; one that is none is learned."""
        first = self._seen.first(document)
        if first is None:
            self._seen.add(document)
            return None
        self.found.add(Duplicate(document.id, first.id, round(first.similarity, 2)))
        return first.work


@dataclass(frozen=True, slots=True)
class _First:
    key: str
    work: str
    similarity: float

    @property
    def id(self) -> str:
        return self.key.partition("\0")[0]


class _Seen:
    """The documents so far, by their texts."""

    def __init__(self, near: float | None) -> None:
        self._owners: dict[bytes, str] = {}  # key by the text's digest
        self._known: dict[str, tuple[bytes, str]] = {}  # digest and work by key
        self._alike = None if near is None else _Alike(near)

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def first(self, document: Document) -> _First | None:
        """The document before this one that has its text; forgets an older text of its own."""
        self._forget(document.key)
        if not document.text:  # of a picture alone; two that have none are not alike for that
            return None
        if owner := self._owners.get(_digest(document)):
            return _First(owner, self._known[owner][1], 1.0)
        if self._alike and (found := self._alike.find(document)):
            owner, similarity = found
            return _First(owner, self._known[owner][1], similarity)
        return None

    def add(self, document: Document) -> None:
        """Learn a text, or the work that it has by now."""
        digest = _digest(document)
        is_new = document.key not in self._known
        self._known[document.key] = (digest, document.work)
        if is_new:
            self._owners.setdefault(digest, document.key)
            if self._alike:
                self._alike.add(document)

    def _forget(self, id_: str) -> None:
        if id_ not in self._known:
            return
        digest, _ = self._known.pop(id_)
        if self._owners.get(digest) == id_:
            del self._owners[digest]
        if self._alike:
            self._alike.remove(id_)


class _Alike:
    """Texts by MinHash, in tables of locality-sensitive hashing, one set for each language."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        package = _minhash_package()
        self._new_tables = package.MinHashLSH
        self._empty = package.MinHash(num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)
        self._tables: dict[str, Any] = {}
        self._signatures: dict[str, NDArray[np.uint32]] = {}
        self._languages: dict[str, str] = {}

    def find(self, document: Document) -> tuple[str, float] | None:
        """The most similar document, if it is similar enough, and how similar."""
        tables = self._tables.get(document.language)
        if tables is None:
            return None
        minhash = self._minhash(document.text)
        signature = minhash.hashvalues.astype(np.uint32)
        candidates = sorted(tables.query(minhash))
        rated = [(float(np.mean(signature == self._signatures[c])), c) for c in candidates]
        if not rated:
            return None
        similarity, id_ = max(rated, key=lambda pair: pair[0])
        # Not 1, which says equal: sets of five characters may agree where texts do not.
        return (id_, min(similarity, 0.99)) if similarity >= self._threshold else None

    def add(self, document: Document) -> None:
        if document.language not in self._tables:
            self._tables[document.language] = self._new_tables(
                threshold=self._threshold, num_perm=_PERMUTATIONS
            )
        minhash = self._minhash(document.text)
        self._tables[document.language].insert(document.key, minhash)
        self._signatures[document.key] = minhash.hashvalues.astype(np.uint32)
        self._languages[document.key] = document.language

    def remove(self, id_: str) -> None:
        self._tables[self._languages.pop(id_)].remove(id_)
        del self._signatures[id_]

    def _minhash(self, text: str) -> Any:  # noqa: ANN401 - the package is an extra
        folded = text.casefold()
        starts = range(max(1, len(folded) - _SHINGLE + 1))
        shingles = {folded[start : start + _SHINGLE].encode() for start in starts}
        minhash = self._empty.copy()
        minhash.update_batch(shingles)
        return minhash


def _digest(document: Document) -> bytes:
    content = f"{document.language}\0{document.text or document.key}".encode()
    return hashlib.blake2b(content, digest_size=16).digest()


def _minhash_package() -> Any:  # noqa: ANN401
    try:
        import datasketch
    except ImportError as error:
        raise MissingExtra.named("duplicates", "Finding near duplicates") from error
    return datasketch


_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One of those found.

    Attributes:
        id: The document.
        of: The one before it.
        similarity: 1 if equal.
    """

    id: str
    of: str
    similarity: float


@dataclass(slots=True)
class Found:
    """The duplicates that were found in one pass over the source.

    Attributes:
        exact: Texts equal to one before.
        near: Texts like one before.
        examples: The first of both.
    """

    exact: int = 0
    near: int = 0
    examples: list[Duplicate] = field(default_factory=list)

    def add(self, duplicate: Duplicate) -> None:
        """Count it."""
        if duplicate.similarity == 1:
            self.exact += 1
        else:
            self.near += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(duplicate)
