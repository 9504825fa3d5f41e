from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.errors import ConfigError
from xlrec_es.records.field_map import FieldMap, lookup, only, tags_of, without


def test_names_and_paths() -> None:
    fields = FieldMap.from_mapping(
        {"title": "meta.name", "text": ["blurb", "meta.body"], "work": ["isbn"]}
    )
    assert (fields.id, fields.title, fields.work) == (None, "meta.name", "isbn")
    assert fields.texts == ("meta.name", "blurb", "meta.body")


def test_text_may_name_the_title_too() -> None:
    assert FieldMap.from_mapping({"text": ["title", "text"]}).texts == ("title", "text")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ({"tilte": "name"}, "there is no field 'tilte' to map; use id, language, title"),
        ({"title": 3}, "field title: 3 is not the name of a field"),
        ({"title": ""}, "is not the name of a field"),
        ({"text": ["a", 3]}, "is not the name of a field"),
        ({"id": ["a", "b"]}, "field id: give one name; only text can be several fields"),
        ({"id": []}, "field id: give one name"),
        ({"id": "id_{language}"}, r"field id: \{language\} can be in the fields of title and text"),
        ({"text": ["{language}.{language}"]}, r"field text: .* has \{language\} twice"),
    ],
)
def test_mistakes_in_a_table(paths: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FieldMap.from_mapping(paths)


RECORD = {"a": {"b": {"c": 1}, "n": None}, "a.b": 2, "list": [{"x": 1}]}


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.b", 2), ("a.b.c", 1), ("a.n", None), ("a.x.y", None), ("list.x", None), ("no", None)],
)
def test_lookup(path: str, value: object) -> None:
    assert lookup(RECORD, path) == value


@pytest.mark.parametrize(
    ("record", "path", "tags"),
    [
        ({"title_en": "a", "title_de": "b", "title": "c"}, "title_{language}", ["en", "de"]),
        ({"title_en": "a", "title_fr": None, "title_it": ""}, "title_{language}", ["en"]),
        ({"title_sort": "a", "title_raw_text": "b"}, "title_{language}", []),
        ({"en": {"x": "a"}, "de": {"y": "b"}, "fr": "c"}, "{language}.x", ["en"]),
        ({"t": {"of_en_x": "a"}}, "t.of_{language}_x", ["en"]),
        ({"t.en": "a", "t": {"de": "b"}}, "t.{language}", ["en", "de"]),
        ({"t": ["en"]}, "t.{language}", []),
        ({"title": "a"}, "title", []),
    ],
)
def test_tags_stand_in_names(record: dict[str, Any], path: str, tags: list[str]) -> None:
    assert tags_of(record, path) == tags


def test_without_copies_what_it_changes() -> None:
    record = {"a": {"b": 1, "c": 2}, "d": 3}
    assert without(record, "a.b") == {"a": {"c": 2}, "d": 3}
    assert without(record, "d") == {"a": {"b": 1, "c": 2}}
    assert without(record, "x.y") == record
    assert record == {"a": {"b": 1, "c": 2}, "d": 3}


def test_only_these_paths_stay() -> None:
    record = {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "x.y": 4, "x": {"y": 5, "z": 6}, "n": None}
    assert only(record, ["a.b", "a.c.e", "x.y", "n", "a.none", "none.b"]) == {
        "a": {"b": 1, "c": {"e": 3}},
        "x.y": 4,
        "n": None,
    }
    assert only(record, []) == {}
