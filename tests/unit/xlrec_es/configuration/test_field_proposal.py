"""Which field is proposed for what, and how records are read with it."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.documents.builder import DocumentBuilder
from ingest.documents.language_detection import LanguageDetector
from ingest.documents.text_recipe import Recipe
from xlrec_es.configuration.catalog_sample import sample_file
from xlrec_es.configuration.field_proposal import fold, propose, read, shortened
from xlrec_es.records.field_map import USUAL_NAMES, FieldMap
from xlrec_es.records.record import Rejection

SHOP: list[dict[str, Any]] = [
    {"sku": "7", "lang": "de", "name": "Mondlandung", "description": "Spiel", "sales": 12},
    {"sku": "8", "lang": "en_US", "name": "Tea house", "description": "Game", "sales": 3},
]


def written(path: Path, *records: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def proposed(tmp_path: Path, *records: dict[str, Any]) -> dict[str, Any]:
    return dict(propose(sample_file(written(tmp_path / "items.jsonl", *records))).paths)


def test_the_usual_names_begin_with_the_workers_own() -> None:
    own = FieldMap()
    assert USUAL_NAMES["text"][: len(own.text)] == own.text
    for name in ("language", "title", "work", "popularity", "translations"):
        assert USUAL_NAMES[name][0] == getattr(own, name)
    assert USUAL_NAMES["id"][0] == "id"


def test_fields_are_known_by_what_catalogs_call_them(tmp_path: Path) -> None:
    assert proposed(tmp_path, *SHOP) == {
        "id": "sku",
        "language": "lang",
        "title": "name",
        "text": ["description"],
        "popularity": "sales",
    }


def test_a_name_is_known_in_any_spelling_and_within_objects(tmp_path: Path) -> None:
    assert fold("productName") == fold("product_name")
    records = [{"Id": n, "meta": {"Headline": f"A {n}", "Body-Text": "b"}} for n in (1, 2)]
    found = proposed(tmp_path, *records)
    assert found == {"id": "Id", "title": "meta.Headline", "text": ["meta.Body-Text"]}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"sku": "7"}, "id"),  # not every record has one of its own
        ({"lang": "pretty"}, "language"),
        ({"name": 5}, "title"),
        ({"description": {"x": 1}}, "text"),
        ({"sales": "many"}, "popularity"),
    ],
)
def test_a_field_that_the_worker_would_refuse_is_not_proposed(
    tmp_path: Path, change: dict[str, Any], name: str
) -> None:
    assert name in proposed(tmp_path, *SHOP)
    assert name not in proposed(tmp_path, SHOP[0], {**SHOP[1], **change})


def test_an_object_for_each_language(tmp_path: Path) -> None:
    translations = {"en": {"name": "Tea house"}, "ja": {"name": "茶屋", "overview": "卓"}}
    records = [
        {"id": "8", "i18n": translations, "price": 3},
        {"id": "9", "language": "de", "name": "Haus", "price": 4},
    ]
    sample = sample_file(written(tmp_path / "items.jsonl", *records))
    found = propose(sample)
    assert found.paths == {
        "id": "id",
        "translations": "i18n",
        "language": "language",
        "title": "name",
        "text": ["overview"],
    }
    assert set(found.languages) == {"de", "en", "ja"}
    reading = read(sample, found.fields)
    assert [[draft.tag for draft in drafts] for _, drafts in reading.drafts] == [
        ["en", "ja"],
        ["de"],
    ]


@pytest.mark.parametrize(
    ("record", "title"),
    [
        ({"title_en": "House", "title_de": "Haus"}, "title_{language}"),
        ({"name-pt-BR": "Casa", "name-ja": "家"}, "name-{language}"),
        ({"title": {"en": "House", "de": "Haus"}}, "title.{language}"),
        ({"texts": {"en": {"title": "House"}, "de": {"title": "Haus"}}}, "texts.{language}.title"),
    ],
)
def test_a_field_for_each_language(tmp_path: Path, record: dict[str, Any], title: str) -> None:
    path = written(tmp_path / "items.jsonl", {"id": 1, **record}, {"id": 2, **record})
    found = propose(sample_file(path))
    assert found.paths["title"] == title
    assert len(found.languages) == 2
    assert "language" not in found.missing


def test_one_name_that_ends_like_a_language_is_none(tmp_path: Path) -> None:
    found = proposed(tmp_path, {"item_id": "1", "title_id": "Rumah"})
    assert "title" not in found  # Indonesian, or an id: two languages would tell


def test_works_versions_and_what_is_missing(tmp_path: Path) -> None:
    records = [
        {"id": f"{work}-{tag}", "work_id": work, "title": "t", "updated_at": "2026-05-01"}
        for work in "ab"
        for tag in ("en", "de")
    ]
    found = propose(sample_file(written(tmp_path / "items.jsonl", *records)))
    assert (found.paths["work"], found.paths["version"]) == ("work_id", "updated_at")
    assert found.missing.keys() == {"language"}
    nothing = propose(sample_file(written(tmp_path / "none.jsonl", {"x": 1}, {"x": 1})))
    assert nothing.missing.keys() == {"id", "language", "title", "text"}
    assert nothing.paths == {}


def test_records_are_read_as_the_worker_reads_them(tmp_path: Path) -> None:
    """All that is said to be read makes documents there, and what is refused makes none."""
    good = [*SHOP, {"sku": "9", "lang": "de", "name": "Haus", "sales": 0}]
    bad = [{"sku": "", "lang": "de", "name": "ohne"}, {"_index": "x", "sku": "10", "name": "fremd"}]
    sample = sample_file(written(tmp_path / "items.jsonl", *good, *bad))
    fields = FieldMap.from_mapping(
        {"id": "sku", "language": "lang", "title": "name", "text": "description"}
    )
    reading = read(sample, fields)
    builder = DocumentBuilder(fields, Recipe(fields.texts), LanguageDetector())
    for record in sample.records:
        built = list(builder.build(record))
        told = [drafts for one, drafts in reading.drafts if one == record]
        assert (
            [draft.document_id for draft in told[0]]
            == [one.id for one in built if not isinstance(one, Rejection)]
            if told
            else all(isinstance(one, Rejection) for one in built)
        )
    assert len(reading.drafts) == len(good)
    assert sum(reading.refused.values()) == len(bad)


@pytest.mark.parametrize("name", ["items.csv", "items.tsv.gz", "items.json", "items.jsonl.gz"])
def test_every_kind_of_file_is_read(tmp_path: Path, name: str) -> None:
    texts = [{key: str(value) for key, value in record.items()} for record in SHOP]
    if "json" in name:
        content = json.dumps(SHOP) if name.endswith(".json") else json.dumps(SHOP[0]) + "\n"
    else:
        mark = "\t" if "tsv" in name else ","
        rows = [list(SHOP[0]), *(list(row.values()) for row in texts)]
        content = "\n".join(mark.join(row) for row in rows)
        assert list(csv.reader(content.splitlines(), delimiter=mark)) == rows
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    found = propose(sample_file(str(path)))
    assert (found.paths["id"], found.paths["title"]) == ("sku", "name")
    assert ("popularity" in found.paths) == ("json" in name)  # a cell is text, no number


def test_a_value_is_shown_on_one_line() -> None:
    assert shortened("a\n b\x1b[2J") == "'a b\\x1b[2J'"
    assert len(shortened("x" * 99)) == 42
