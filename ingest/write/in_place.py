"""An index that somebody else made, whose documents get the object `xlrec` where they are.

Nothing but that object is changed, not even the document's version, which may be its owner's: see
`xlrec_es.index.rewriting`. Each change is for the state of the document that was read: if somebody
writes it meanwhile, the change is not made, and the next run makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from elasticsearch import Elasticsearch

from ingest.documents.document import Document, Part
from ingest.write.target_index import BESIDE, NOTHING, Change, Compared, Earlier, Target
from xlrec_es.cluster.bulk import BulkWriter, Written
from xlrec_es.errors import IndexNotFound, NotAnXlrecIndex
from xlrec_es.index.creation import check_can_have_fields
from xlrec_es.index.fields import OF_PICTURE
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.index.rewriting import Rewrite, Rewriter
from xlrec_es.index.source_check import check_rewritable
from xlrec_es.records.record import Stored
from xlrec_es.vectors.vector import Vector


def find(client: Elasticsearch, name: str) -> LiveIndex | None:
    """The index of that name, or None if it has no object `xlrec` yet.

    Raises:
        IndexUnusable: It cannot have one, or its documents cannot be written again.
        XlrecError: As for `xlrec_es.index.live_index.find_live`.
    """
    check_rewritable(client, name, under_their_versions=True)
    try:
        return find_live(client, name, to_write=True)
    except IndexNotFound:
        raise
    except NotAnXlrecIndex:
        check_can_have_fields(client, name)
        return None  # what is damaged is found out by `xlrec_es.index.creation.add_to`


class InPlace(Target):
    """A `Target` whose documents are there already."""

    def compare(self, documents: Sequence[Document], *, since: int | None = None) -> Compared:
        """See `Target.compare`; what the index has came with the documents, each of them once."""
        unchanged: set[str] = set()
        earlier: dict[str, Earlier] = {}
        for document in documents:
            own = _stored(document).own
            if self._is_unchanged(own, document):
                unchanged.add(document.key)
            elif own:
                earlier[document.key] = self._earlier(own, document)
        return Compared(unchanged, earlier)

    def operation(
        self, document: Document, vector: Vector | None, earlier: Earlier = NOTHING
    ) -> Change:
        """What is changed; what was learned, and all that is not ours, stays by itself."""
        stored = _stored(document)
        state = (stored.seq_no, stored.primary_term)
        own = {**self._own(document, vector, earlier.pictured), **earlier.beside}
        gone = {*OF_PICTURE} if self.pictures is not None else set()
        gone |= {"embedding"} if vector is None else set()
        gone |= set() if document.text else {*BESIDE}
        return Rewrite(document, own, state, stored.routing, gone=frozenset(gone.difference(own)))

    def write(self, writer: BulkWriter, changes: Sequence[Change]) -> Written[Part]:
        """See `Target.write`."""
        rewriter = Rewriter(self._client, self.live.name, writer=writer, patience=self._patience)
        return rewriter.write(cast("Sequence[Rewrite[Part]]", changes))  # nothing is deleted here


def _stored(document: Document) -> Stored:
    stored = document.record.stored
    assert stored is not None, "the source was opened for another kind of run"
    return stored
