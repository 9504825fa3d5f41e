"""Documents that have some of the user's fields alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ingest.documents.builder import DELETE, OPERATION_FIELD, DocumentBuilder, _changed
from ingest.documents.document import Deletion, Document
from xlrec_es.records.drafts import paths_in
from xlrec_es.records.field_map import only
from xlrec_es.records.record import Record, Rejection


class KeptFields:
    """A builder whose documents have some of the user's fields alone.

    Nothing but these, the text and what else goes into `xlrec` is written, so nothing else makes a
    document a changed one.

    Args:
        builder: Makes the documents.
        keep: Paths of the fields; `{language}` in them as in `FieldMap`.
        in_place: A document is completed where it is, so a record is one document, with its id.
    """

    needs_all = False

    def __init__(self, builder: DocumentBuilder, keep: Sequence[str], *, in_place: bool) -> None:
        self._builder = builder
        self._keep = keep
        self._in_place = in_place

    def build(self, record: Record) -> Iterator[Document | Deletion | Rejection]:
        """See `DocumentBuilder.build`."""
        built = list(self._builder.build(record))
        if self._in_place and (reason := _not_in_place(built, record)):
            built = [record.rejected("document", reason)]
        for one in built:
            if isinstance(one, Document):
                paths = [p for path in self._keep for p in paths_in(one.source, path)]
                yield _changed(one, source=only(one.source, paths))
            else:
                yield one


def _not_in_place(built: Iterable[Document | Deletion | Rejection], record: Record) -> str:
    """Why a record cannot be completed where it is; empty if it can."""
    if any(isinstance(one, Deletion) for one in built):
        return f"{OPERATION_FIELD} is {DELETE!r}, and in place nothing is deleted"
    if any(isinstance(one, Document) and one.id != record.id for one in built):
        return "it makes documents with other ids, which takes an index beside it: --companion"
    return ""
