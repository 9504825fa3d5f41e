"""What a window knows of its documents, and of their fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ingest.documents.document import Document
from ingest.run import window as windows
from ingest.run.window import Built, Window
from xlrec_es.records.record import Record


def window(fields: dict[str, Any]) -> Window:
    document = Document("1", "1", "en", "declared", "x", None, fields, "", Record({}, 1), 1)
    made = Window()
    made.add(Built(1, 1, (document,)))
    return made


def test_a_document_of_another_record_takes_nobodys_place() -> None:
    def document(record: str | None, text: str) -> Document:
        made = Document("7@en", "7", "en", "declared", text, None, {}, "", Record({}, 1), 1)
        return replace(made, record_id=record)

    made = Window()
    made.add(Built(1, 1, (document("7", "a version"),)))
    made.add(Built(2, 1, (document("7@en", "a record"),)))
    made.add(Built(3, 1, (document("7", "a newer version"),)))
    assert made.documents["7@en"].text == "a newer version"
    [rejection] = made.rejections
    assert rejection.document == "7@en"
    assert rejection.reason.startswith("a language version of record '7' has the id '7@en' already")
    assert (made.counts.documents, made.counts.superseded, made.counts.rejected) == (3, 1, 1)


def test_a_field_is_new_once() -> None:
    known: set[str] = set()
    fields = {"a": {"b": [1, {"c": 2}], "null": None}, "empty": {}}
    assert window(fields).fields_beyond(known)
    assert known == {".a.b", ".a.b.c"}
    assert not window(fields).fields_beyond(known)
    assert window({"a": {"d": 1}}).fields_beyond(known)


def test_long_names_in_one_another_are_told_apart_and_take_little() -> None:
    def deep(last: str) -> dict[str, Any]:
        fields: dict[str, Any] = {last: 1}
        for _ in range(100):
            fields = {"k" * 100_000: fields}
        return fields

    known: set[str] = set()
    assert window(deep("a")).fields_beyond(known)
    assert not window(deep("a")).fields_beyond(known)
    assert window(deep("b")).fields_beyond(known)
    assert sum(map(len, known)) < 1000


def test_not_more_fields_are_remembered_than_an_index_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "_MOST_PATHS", 10)
    known: set[str] = set()
    for number in range(100):
        assert window({f"field {number}": 1}).fields_beyond(known)
        assert len(known) <= 11
