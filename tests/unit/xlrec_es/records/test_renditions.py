"""Whose a document is: a language version of a record, or a record with an id of that form."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.documents.builder import DocumentBuilder
from ingest.documents.document import Document
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.text_recipe import Recipe
from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.record import Record
from xlrec_es.records.renditions import records_of

GERMAN = {"language": "de"}


@pytest.mark.parametrize(
    ("id_", "stored", "records"),
    [
        ("9", {}, ("9",)),
        ("9@de", {}, ("9@de",)),  # no document of ours
        ("9@de", {"xlrec": None}, ("9@de",)),
        ("9@de", {"xlrec": {"language": "en", "work": "9"}}, ("9@de",)),
        ("@de", {"xlrec": GERMAN}, ("@de",)),
        ("9@de", {"id": "9@de", "xlrec": GERMAN | {"work": "9"}}, ("9@de",)),
        ("9@de", {"id": "9", "xlrec": GERMAN | {"work": "9@de"}}, ("9",)),
        ("9@de", {"id": 9, "xlrec": GERMAN | {"work": "a"}}, ("9",)),
        ("9@x@de", {"id": "9@x", "xlrec": GERMAN | {"work": "a"}}, ("9@x",)),
        ("9@de", {"id": "sku", "xlrec": GERMAN | {"work": "9@de"}}, ("9@de",)),
        ("9@de", {"id": "sku", "xlrec": GERMAN | {"work": "9"}}, ("9", "9@de")),
        ("9@de", {"xlrec": GERMAN | {"work": "a"}}, ("9", "9@de")),
        ("None@de", {"xlrec": GERMAN | {"work": "None@de"}}, ("None@de",)),
    ],
)
def test_what_is_stored_tells(id_: str, stored: dict[str, Any], records: tuple[str, ...]) -> None:
    assert records_of(id_, stored, "id") == records


def test_a_field_that_is_not_read_tells_nothing() -> None:
    stored = {"id": "9@de", "xlrec": GERMAN | {"work": "9"}}
    assert records_of("9@de", stored, None) == ("9", "9@de")


def test_a_document_knows_its_record_from_an_index_of_ours_too() -> None:
    builder = DocumentBuilder(FieldMap(), Recipe(FieldMap().texts), LanguageDetector())

    def built(record: Record) -> dict[str, str | None]:
        made = list(builder.build(record))
        assert all(isinstance(one, Document) for one in made)
        return {one.id: one.record_id for one in made if isinstance(one, Document)}

    several = {"id": 7, "translations": {"en": {"title": "Tea"}, "de": {"title": "Tee"}}}
    assert built(Record(several, 1)) == {"7@en": "7", "7@de": "7"}
    single = {"id": "7@en", "title": "Tea", "language": "en"}
    assert built(Record(single, 1)) == {"7@en": "7@en"}
    own = {"language": "en", "work": "7"}
    rendition = {"id": 7, "title": "Tea"}
    assert built(Record(rendition, 1, id="7@en", own=own)) == {"7@en": "7"}
    assert built(Record(single, 1, id="7@en", own=own)) == {"7@en": "7@en"}
