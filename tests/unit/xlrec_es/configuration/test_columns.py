"""What fields hold, of records and of an index."""

from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.configuration.columns import (
    BOOLEAN,
    DATE,
    KEYWORD,
    NUMBER,
    TEXT,
    columns_of,
    single_values,
)
from xlrec_es.index.mapped_fields import mapped_fields


@pytest.mark.parametrize(
    ("value", "kind", "exact"),
    [
        ("Acme", TEXT, "x.keyword"),
        (["a", "b"], TEXT, "x.keyword"),
        ("2026-05-01", DATE, "x"),
        ("2026-05-01T10:00:00Z", DATE, "x"),
        ("2026/05/01", DATE, "x"),
        ("2026-05-01 10:00", TEXT, "x.keyword"),  # Elasticsearch takes it for no date
        ("May 1st", TEXT, "x.keyword"),
        (1777000000, NUMBER, "x"),
        (4.5, NUMBER, "x"),
        (True, BOOLEAN, "x"),
        ({"y": 1}, "", None),
        ([], "", None),
        ([1, "a"], "", None),
    ],
)
def test_values_tell_what_dynamic_mapping_makes_of_them(
    value: object, kind: str, exact: str | None
) -> None:
    column = columns_of([{"x": value}])["x"]
    assert (column.kind, column.exact) == (kind, exact)


def test_fields_in_objects_have_dotted_paths_and_empty_ones_are_none() -> None:
    found = columns_of([{"a": {"b": {"c": 1}}, "d": None, "e": ""}, {"a": {"b": {"c": 2}}}])
    assert list(found["a.b.c"].values) == [1, 2]
    assert found["a.b.c"].name == "c"
    assert "d" not in found
    assert "e" not in found


def test_an_index_says_itself_what_its_fields_are() -> None:
    mapping: dict[str, Any] = {
        "properties": {
            "brand": {"type": "keyword"},
            "author": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
            "words": {"type": "text"},
            "shown": {"type": "date"},
            "place": {"type": "geo_point"},
        }
    }
    fields = {one.path: one for one in mapped_fields(mapping)}
    record = {"brand": "a", "author": "b", "words": "c", "shown": 1, "place": "0,0", "gone": 1}
    found = columns_of([record], fields)
    assert {path: (one.kind, one.exact) for path, one in found.items()} == {
        "brand": (KEYWORD, "brand"),
        "author": (TEXT, "author.raw"),
        "words": (TEXT, None),
        "shown": (DATE, "shown"),
        "place": ("", None),
        "gone": ("", None),
    }


def test_values_of_lists_come_one_by_one() -> None:
    assert single_values(["a", ["b", "c"], []]) == ["a", "b", "c"]
