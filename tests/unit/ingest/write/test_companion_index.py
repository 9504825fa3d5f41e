"""Which fields a companion has, of those that it is asked to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import orjson
import pytest
from elasticsearch import Elasticsearch

from ingest.write import companion_index
from ingest.write.companion_index import Removed, is_kept, kept_mappings, kept_paths, remove_gone
from xlrec_es.cluster import scan
from xlrec_es.cluster.bulk import Named, Operation, Refusal, Written
from xlrec_es.index.fields import LANGUAGE_FIELD, WORK_FIELD

KEYWORD = {"type": "keyword"}
MAPPINGS: dict[str, Any] = {
    "dynamic": "strict",
    "subobjects": False,
    "_source": {"excludes": ["x"]},
    "_routing": {"required": True},
    "_meta": {"owner": "us"},
    "runtime": {"made": KEYWORD, "other": KEYWORD},
    "dynamic_templates": [
        {"texts": {"match_mapping_type": "string", "mapping": {"type": "text", "copy_to": "all"}}}
    ],
    "properties": {
        "title": {
            "type": "text",
            "copy_to": ["all", "names"],
            "fields": {"raw": KEYWORD},
        },
        "body": {"type": "text", "copy_to": "all"},
        "all": {"type": "text"},
        "names": KEYWORD,
        "brand": KEYWORD,
        "maker": {"type": "alias", "path": "brand"},
        "heading": {"type": "alias", "path": "title.raw"},
        "cat": {
            "properties": {
                "name": {**KEYWORD, "copy_to": "all"},
                "of": {"type": "alias", "path": "brand"},
            }
        },
        "name_en": {"type": "text"},
        "name_de": {"type": "text"},
    },
}


@pytest.mark.parametrize(
    ("kept", "paths"),
    [
        (["title"], {"title"}),
        (["title", "maker"], {"title", "maker", "brand"}),
        (["body", "heading"], {"body", "heading", "title.raw", "title"}),
        (["title", "names"], {"title", "names"}),
        (["body", "all"], {"body", "all", "title", "cat.name"}),
        (["cat"], {"cat", "brand"}),
        (["name_{language}"], {"name_{language}"}),
        (["not mapped"], {"not mapped"}),
    ],
)
def test_what_a_kept_field_is_made_of_is_kept(kept: list[str], paths: set[str]) -> None:
    found = kept_paths(kept, MAPPINGS)
    assert list(found[: len(kept)]) == kept
    assert set(found) == paths


def test_fields_do_not_name_what_is_not_there() -> None:
    found = kept_mappings(["title", "cat.name"], MAPPINGS)
    assert found == {
        "dynamic": "strict",
        "subobjects": False,
        "_meta": {"owner": "us"},
        "runtime": {},
        "dynamic_templates": [
            {"texts": {"match_mapping_type": "string", "mapping": {"type": "text"}}}
        ],
        "properties": {
            "title": {"type": "text", "fields": {"raw": KEYWORD}},
            "cat": {"properties": {"name": KEYWORD}},
        },
    }
    assert MAPPINGS["properties"]["title"]["copy_to"] == ["all", "names"]  # it is as it was


def test_fields_name_what_is_there() -> None:
    found = kept_mappings(["title", "names", "maker", "brand", "made", "cat"], MAPPINGS)
    assert found["properties"].keys() == {"title", "names", "maker", "brand", "cat"}
    assert found["properties"]["title"]["copy_to"] == ["names"]
    assert found["properties"]["cat"]["properties"].keys() == {"name", "of"}
    assert found["runtime"].keys() == {"made"}


@pytest.mark.parametrize(
    ("path", "kept", "is_one"),
    [
        ("cat", ["cat"], True),
        ("cat.name", ["cat"], True),
        ("cats", ["cat"], False),
        ("cat", ["cat.name"], False),
        ("name_en", ["name_{language}"], True),
        ("name_", ["name_{language}"], False),
        ("i18n.en.name", ["i18n.{language}.name"], True),
        ("aXb", ["a.b"], False),
    ],
)
def test_a_path_stands_for_itself_and_what_is_in_it(
    path: str, kept: list[str], is_one: bool
) -> None:
    assert is_kept(path, kept) == is_one


def hit(id_: str, language: str | None = None, work: str = "w", **more: str) -> dict[str, Any]:
    fields = {LANGUAGE_FIELD: [language], WORK_FIELD: [work], "other": ["x"]}
    return {"_id": id_, **({"fields": fields} if language else {}), **more}


def test_documents_go_whose_records_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    source = [hit("1"), hit("3", _routing="r"), hit("5"), hit("6@en")]
    companion = [
        [hit("1"), hit("2"), hit("1@en", "en", "1"), hit("4@en", "en", "4")],
        [hit("3", _routing="r"), hit("3"), hit("5", _routing="r"), hit("6@en", "en", "6")],
        [hit("7@de", "en", "7"), hit("1@fr")],
    ]
    client = cast("Elasticsearch", "client")
    asked: list[Mapping[str, Any]] = []

    def pages(given: object, index: str, body: Mapping[str, Any], **how: int) -> Iterator[Any]:
        assert given is client
        if index == "companion":
            assert body == {"_source": False, "fields": [LANGUAGE_FIELD, WORK_FIELD]}
            assert how == {"page": 1000}
            yield from companion
        else:
            assert (index, how) == ("source", {})
            asked.append(body)
            wanted = body["query"]["ids"]["values"]
            yield [one for one in source if one["_id"] in wanted]

    class Writer:
        sent: list[list[Any]]

        def __init__(self, given: object, index: str) -> None:
            assert (given, index) == (client, "companion")
            Writer.sent = []

        def write(self, operations: Iterator[Operation[Named]]) -> Written[Named]:
            self.sent.append([orjson.loads(one.body)["delete"] for one in operations])
            ids = [one["_id"] for one in self.sent[-1]]
            return Written([Refusal(Named(id_), "no") for id_ in ids if id_ in ("2", "1@fr")])

    monkeypatch.setattr(scan, "pages", pages)
    monkeypatch.setattr(companion_index, "BulkWriter", Writer)
    found = remove_gone(client, "source", "companion")
    # What has a language may be a version of a record, or a record of that name.
    assert Writer.sent == [
        [{"_id": "2"}, {"_id": "4@en"}],
        [{"_id": "3"}, {"_id": "5", "routing": "r"}],
        [{"_id": "7@de"}, {"_id": "1@fr"}],
    ]
    assert found == Removed(4, [Refusal(Named("2"), "no"), Refusal(Named("1@fr"), "no")])
    assert [body["_source"] for body in asked] == [False] * 3
    assert set(asked[0]["query"]["ids"]["values"]) >= {"1", "2", "1@en", "4@en", "4"}
