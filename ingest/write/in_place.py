"""An index that somebody else made, whose documents get the object `xlrec` where they are.

Partial updates write nothing but that object. Each is for the state of the document that was read
(`if_seq_no`): if somebody writes it meanwhile, the update is not made, and the next run makes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from elasticsearch import Elasticsearch

from ingest.documents.document import Document, Part
from ingest.sources.record import Stored
from ingest.write.target_index import NOTHING, Earlier, Target
from xlrec_es.cluster.bulk import Operation
from xlrec_es.errors import IndexNotFound, NotAnXlrecIndex
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.vectors.vector import Vector


def find(client: Elasticsearch, name: str) -> LiveIndex | None:
    """The index of that name, or None if it has no object `xlrec` yet.

    Raises:
        XlrecError: As for `xlrec_es.index.live_index.find_live`.
    """
    try:
        return find_live(client, name, to_write=True)
    except IndexNotFound:
        raise
    except NotAnXlrecIndex:
        return None  # what is damaged is found out by `xlrec_es.index.creation.add_to`


class InPlace(Target):
    """A `Target` whose documents are there already."""

    def compare(self, documents: Sequence[Document]) -> tuple[set[str], dict[str, Earlier]]:
        """See `Target.compare`; what the index has came with the documents."""
        unchanged: set[str] = set()
        earlier: dict[str, Earlier] = {}
        for document in documents:
            own = _stored(document).own
            if self._is_unchanged(own, document):
                unchanged.add(document.id)
            elif own:
                earlier[document.id] = self._earlier(own, document)
        return unchanged, earlier

    def operation(
        self, document: Document, vector: Vector, earlier: Earlier = NOTHING
    ) -> Operation[Part]:
        """The partial update; what was learned, and all that is not ours, stays by itself."""
        stored = _stored(document)
        own = self._own(document, vector)
        before = stored.own.get("text")
        # Objects are merged: a text in the language that it had before would stay.
        own["text"] = {**dict.fromkeys(before if isinstance(before, dict) else ()), **own["text"]}
        state = {"if_seq_no": stored.seq_no, "if_primary_term": stored.primary_term}
        routing = {} if stored.routing is None else {"routing": stored.routing}
        return Operation.update(document, {OWN_FIELD: own}, **state, **routing)


def _stored(document: Document) -> Stored:
    stored = document.record.stored
    assert stored is not None, "the source was opened for another kind of run"
    return stored
