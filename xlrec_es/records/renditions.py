"""Language versions: the documents of a record that carries several languages, and whose they are.

Language version `9@de` of record 9 has an id that another record may have as its own. Which of the
two a document is, is told by what is stored, not by the form of its id.
"""

from __future__ import annotations

from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.records.field_map import lookup
from xlrec_es.records.record import Fields

DEFAULT_ID = "id"


def rendition_id(record: str, language: object) -> str:
    """Id of the document of one language of a record that carries several."""
    return f"{record}@{language}"


def may_be_rendition(id_: str) -> bool:
    """Whether a document's id has the form of a language version's."""
    return "@" in id_


def records_of(id_: str, stored: Fields, id_path: str | None) -> tuple[str, ...]:
    """Ids of the records that a document may be made of, the likeliest first; one where it is told.

    The record's own id is among the fields that a document has of it. A companion has them not, and
    its work tells as long as no record declares one: a language version has its record's id as its
    work.

    Args:
        id_: Of the document.
        stored: What of it is stored: `xlrec` with language and work, and the field of the id.
        id_path: Path of the record's id; None if it is not read.
    """
    own = stored.get(OWN_FIELD) or {}
    record, mark, language = id_.rpartition("@")
    if not (mark and record) or own.get("language") != language:
        return (id_,)
    told = lookup(stored, id_path) if id_path else None
    if told is not None and str(told) in (id_, record):
        return (str(told),)
    return (id_,) if own.get("work") == id_ else (record, id_)


def why_taken(id_: str, record: str) -> str:
    """Why a document cannot have an id.

    Args:
        id_: Of both.
        record: That the other document, which has it, is made of.
    """
    other = "another record" if record == id_ else f"a language version of record {record!r}"
    return (
        f"{other} has the id {id_!r} already, and would be overwritten; give one of the two "
        "records another id"
    )
