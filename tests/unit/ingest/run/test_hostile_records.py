"""Whatever a line holds, it is a record or is set aside, and that can be read again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile_json import BYTES, TEXTS, nested
from ingest.documents.builder import DocumentBuilder
from ingest.documents.document import Document
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.text_recipe import Recipe
from ingest.run import reject_file
from ingest.run.assemble import _beginning
from ingest.run.reject_file import RejectFile
from ingest.sources.rejects import RejectSource
from xlrec_es import exact_json
from xlrec_es.records import jsonl
from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.jsonl import JsonlSource, parse
from xlrec_es.records.record import Record, Rejection

FIELDS = FieldMap()
BUILDER = DocumentBuilder(FIELDS, Recipe(FIELDS.texts), LanguageDetector())


def is_utf8(line: bytes) -> bool:
    try:
        return bool(line.decode() or True)
    except UnicodeDecodeError:
        return False


def set_aside(rejection: Rejection, folder: Path) -> list[Record | Rejection | None]:
    """What a replay reads of it."""
    path = folder / "rejects"
    path.unlink(missing_ok=True)
    with RejectFile(path) as rejects:
        rejects.write(rejection)
    json.loads(path.read_bytes())  # a line for every reader of JSON
    return list(RejectSource(str(path)).records())


@settings(deadline=None)
@given(BYTES.map(bytes.strip).filter(bool))
def test_any_line_is_a_record_or_can_be_set_aside_and_read_again(
    tmp_path_factory: pytest.TempPathFactory, line: bytes
) -> None:
    found = parse(line, 7)
    if isinstance(found, Record):
        found = Rejection(7, "write", "refused by Elasticsearch", found.fields, "a@en")
    [again] = set_aside(found, tmp_path_factory.mktemp("any"))
    assert again is not None
    assert again.position == 7
    if isinstance(found.record, str):
        assert isinstance(again, Rejection)
        if is_utf8(line):
            assert (again.reason, again.record) == (found.reason, found.record)
    else:
        assert again == Record(found.record, 7)


@settings(deadline=None)
@given(TEXTS)
def test_any_record_is_a_document_or_is_rejected(value: str) -> None:
    line = f'{{"id": 1, "title": "A puzzle", "language": "en", "more": {value}}}'
    found = parse(line.encode("utf-8", "surrogatepass"), 1)
    if isinstance(found, Record):
        [made] = BUILDER.build(found)
        assert isinstance(made, Document)
        assert exact_json.loads(exact_json.dumps(made.source)) == found.fields


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["id", "title", "language", "work", "popularity", "_op", "version"]))
def test_any_value_in_any_field_of_meaning_is_accounted_for(value: str, field: str) -> None:
    record = f'{{"{field}": {value}}}'
    found = parse(record.encode("utf-8", "surrogatepass"), 1)
    if isinstance(found, Record):
        fields = FieldMap(version="version") if field == "version" else FIELDS
        builder = DocumentBuilder(fields, Recipe(fields.texts), LanguageDetector())
        whole = {"id": 1, "title": "A puzzle", "language": "en", "version": 1, **found.fields}
        assert list(builder.build(Record(whole, 1)))


DEEP: Any = 1
for _ in range(3000):
    DEEP = [DEEP]

UNFIT = {
    "too deep": {"a": DEEP},
    "at the depth that is read": orjson.loads(nested(exact_json.MAX_DEPTH, begin='{"a":', end="}")),
    "half a character": {"a": "\ud800", "\udc00": [1.5, None, True]},
}


@pytest.mark.parametrize("kind", UNFIT)
def test_records_that_cannot_be_written_are_set_aside_as_texts(tmp_path: Path, kind: str) -> None:
    """Elasticsearch holds such documents."""
    rejection = Rejection(3, "read", "what\ud800", UNFIT[kind], "id\ud800")
    found = set_aside(rejection, tmp_path)
    entry = orjson.loads((tmp_path / "rejects").read_bytes())
    assert entry["record"] == exact_json.as_text(UNFIT[kind])
    assert (entry["reason"], entry["document"]) == ("what\\ud800", "id\\ud800")
    if kind == "at the depth that is read":
        assert found == [Record(UNFIT[kind], 3)]
    else:
        assert isinstance(found[0], Rejection)
        assert (found[0].position, found[0].record) == (3, entry["record"])


def test_a_line_of_the_greatest_length_is_read_again_whatever_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six bytes for one: the entry is longer than a line may be."""
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1000)
    [again] = set_aside(parse(b"\x01" * 1000, 5), tmp_path)
    assert isinstance(again, Rejection)
    assert (again.position, again.record) == (5, "\x01" * 1000)


@pytest.mark.parametrize("line", [0, -1, True, 1.5, 10**30, "1", None])
def test_an_entry_without_a_place_is_set_aside_not_passed_over(
    tmp_path: Path, line: object
) -> None:
    path = tmp_path / "rejects"
    path.write_text(json.dumps({"line": line, "record": {"id": 1}}) + "\n")
    [found] = RejectSource(str(path)).records()
    assert isinstance(found, Rejection)
    assert found.reason == "not an entry of a reject file: it has no line"


@settings(deadline=None)
@given(st.lists(BYTES.filter(lambda line: b"\n" not in line), max_size=4))
def test_a_reject_file_may_hold_anything(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("any") / "rejects"
    path.write_bytes(b"\n".join([b"{}", *lines]))
    given_lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    assert len(list(RejectSource(str(path)).records())) == len(given_lines)


def test_the_first_record_may_have_a_long_number(tmp_path: Path) -> None:
    """By it a run knows its source again."""
    path = tmp_path / "items.jsonl"
    path.write_text('{"id": 123456789012345678901234567890}\n')
    first = _beginning(JsonlSource(str(path)))
    path.write_text('{"id": 123456789012345678901234567891}\n')
    assert _beginning(JsonlSource(str(path))) != first
    path.write_text(nested(1200) + "\n")
    assert _beginning(JsonlSource(str(path)))


def test_a_compressed_line_without_end_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1000)
    path = tmp_path / "items.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": "' + b"x" * 10**7 + b'"}\n{"id": 2}\n'))
    bomb, after = JsonlSource(str(path)).records()
    assert isinstance(bomb, Rejection)
    assert bomb.reason == "the line is longer than 0 MB"
    assert after == Record({"id": 2}, 2)


def test_what_an_entry_takes_is_bounded() -> None:
    """`RejectSource` reads what `RejectFile` writes."""
    line = reject_file.line_of(Rejection(1, "read", "not JSON", "\x00" * 1000))
    assert len(line) < 7 * 1000
