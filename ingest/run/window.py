"""Windows: consecutive records, on their way through the pipeline together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingest.documents.builder import DETECTED
from ingest.documents.document import Deletion, Document
from ingest.run.counts import Counts
from ingest.write.target_index import Change, Earlier
from xlrec_es.records.record import Rejection
from xlrec_es.records.renditions import why_taken

DETECTED_MARK = "(detected)"
_LONGEST_VALUE = 40  # characters of what stands for a language
_LONGEST_PATH = 1000  # characters; a longer one is told apart from others by its hash
_MOST_PATHS = 100_000  # that are remembered; an index has 1000 fields by default


@dataclass(frozen=True, slots=True)
class Built:
    """What was made of one record.

    Attributes:
        position: Of the record.
        size: Bytes that it took in the source.
        parts: Documents, rejections, or a deletion.
        digest: Stands for it and all before it; see `ingest.run.reading.digest_with`.
    """

    position: int
    size: int
    parts: tuple[Document | Deletion | Rejection, ...]
    digest: str = ""

    @property
    def is_set_aside(self) -> bool:
        """Whether nothing came of it."""
        return bool(self.parts) and all(isinstance(part, Rejection) for part in self.parts)


@dataclass(slots=True)
class Window:
    """Records that travel together; what one stage has found out, the next one needs.

    Attributes:
        position: Of the last of its records: once the window is settled, all up to there is.
        digest: Stands for this record and all before it.
        size: Bytes of its records in the source.
        documents: By key; of several states of a document, the last.
        deletions: What is to go. A window has documents or deletions, not both.
        rejections: What was set aside so far.
        counts: What happened to its records so far.
        earlier: What stays of documents that are in the index in another state, by key.
        keys: Of its documents when they were compared.
        operations: What is to be written.
    """

    position: int = 0
    digest: str = ""
    size: int = 0
    documents: dict[str, Document] = field(default_factory=dict)
    deletions: list[Deletion] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    earlier: Mapping[str, Earlier] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    operations: list[Change] = field(default_factory=list)

    def add(self, built: Built) -> None:
        """Take in one more record."""
        self.position, self.digest = built.position, built.digest
        self.size += built.size
        for part in built.parts:
            if isinstance(part, Rejection):
                self.reject(part)
            elif isinstance(part, Deletion):
                self.deletions.append(part)
            else:
                self._add_document(part)

    def _add_document(self, document: Document) -> None:
        self.counts.documents += 1
        self.counts.pictured += document.has_picture
        self.counts.languages[document.language] += 1
        if document.language_source == DETECTED:
            self.counts.detected[document.language] += 1
        if document.language_value:
            self.counts.read_as[_read_as(document)] += 1
        before = self.documents.get(document.key)
        if before is not None and before.record_id != document.record_id:
            reason = why_taken(document.id, before.record_id or document.id)
            self.reject(document.rejected("document", reason))
            return
        if before is not None:
            del self.documents[document.key]
            self.counts.superseded += 1
            document = document if document.version >= before.version else before
        self.documents[document.key] = document

    def reject(self, rejection: Rejection) -> None:
        """Rejected."""
        self.rejections.append(rejection)
        self.counts.rejected += 1

    def fields_beyond(self, known: set[str]) -> bool:
        """Whether documents have values in fields that are not known; from now on they are."""
        if len(known) > _MOST_PATHS:  # nobody's catalog has so many: it is begun again
            known.clear()
        before = len(known)
        for document in self.documents.values():
            known.update(_paths(document.source))
        return len(known) > before

    @property
    def n_parts(self) -> int:
        """How much there is to be done, and to be remembered."""
        return len(self.documents) + len(self.deletions) + len(self.rejections)


def _read_as(document: Document) -> str:
    how = f" {DETECTED_MARK}" if document.language_source == DETECTED else ""
    return f"{document.language_value[:_LONGEST_VALUE]} → {document.language}{how}"


def _paths(value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    """Paths of all values that are there, as Elasticsearch's dynamic mapping sees them."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _paths(inner, _short(f"{path}.{name}"))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, path)
    elif value is not None:
        yield path


def _short(path: str) -> str:
    """The path, or what stands for it: long names in one another would fill the memory."""
    if len(path) <= _LONGEST_PATH:
        return path
    return hashlib.blake2b(path.encode()).hexdigest()


def group(
    built: Iterable[Built | None], *, n_parts: int, n_bytes: int, first: int | None = None
) -> Iterator[Window]:
    """Put records into windows.

    Args:
        built: Records in the order of the source; None where the next one lets wait for itself.
        n_parts: A window ends with the record that reaches this.
        n_bytes: Or this size in the source.
        first: `n_parts` of the first window; None: as of the others.
    """
    window = Window()
    most = n_parts if first is None else min(n_parts, first)
    for one in built:
        if one is None or _is_of_another_kind(window, one):
            if window.position:
                yield window
            window = Window()
        if one is not None:
            window.add(one)
            if window.n_parts >= most or window.size >= n_bytes:
                yield window
                window, most = Window(), n_parts
    if window.position:
        yield window


def _is_of_another_kind(window: Window, built: Built) -> bool:
    kinds = {type(part) for part in built.parts}
    return bool(
        (window.deletions and Document in kinds) or (window.documents and Deletion in kinds)
    )
