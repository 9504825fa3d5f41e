"""Which fields a companion has, of those that it is asked to keep."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.write.companion_index import is_kept, kept_mappings, kept_paths

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
