"""Records of dumps: what is inside of the envelope, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.records.envelope import metadata_in, opened
from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.record import Record

TEA = {"title": "Tea", "language": "en"}
HIT = {"_index": "shop", "_type": "_doc", "_id": "7", "_score": 1, "_source": TEA}


@pytest.mark.parametrize(
    ("given", "fields", "id_", "inside"),
    [
        (HIT, {}, "7", TEA),
        (HIT, {"id": "_id"}, "7", TEA),
        (HIT | {"sort": [3], "_routing": "x"}, {}, "7", TEA),
        ({"_source": TEA | {"id": 9}}, {}, None, TEA | {"id": 9}),
        (TEA | {"_id": {"$oid": "507f191e810c19729de860ea"}}, {}, "507f191e810c19729de860ea", TEA),
        (TEA | {"_id": {"$numberLong": "12"}}, {}, "12", TEA),
        (TEA | {"_id": 12}, {"id": "_id"}, "12", TEA),
        (TEA | {"_id": "m", "id": "own"}, {"id": "_id"}, "m", TEA | {"id": "own"}),
    ],
)
def test_what_is_inside_is_the_record(
    given: dict[str, Any], fields: dict[str, str], id_: str | None, inside: dict[str, Any]
) -> None:
    found = opened(Record(given, 3, size=5), FieldMap.from_mapping(fields))
    assert (found.id, found.fields, found.position, found.size) == (id_, inside, 3, 5)
    assert found.whole == given  # what is set aside can be read again


@pytest.mark.parametrize(
    "given",
    [
        TEA | {"id": "own"},
        TEA | {"_id": "m", "id": "own"},  # which of them?
        TEA | {"_id": {"a": 1, "b": 2}},
        TEA | {"_id": True},
        TEA | {"_source": {"title": "x"}},  # a field beside it: no hit
        {"_id": "1", "_source": "excluded"},
    ],
)
def test_anything_else_stays_as_it_is(given: dict[str, Any]) -> None:
    record = Record(given, 1)
    found = opened(record, FieldMap())
    assert found.id is None or found.fields == {"_source": "excluded"}
    assert found.whole == given


def test_what_comes_from_an_index_has_no_envelope() -> None:
    record = Record({"_id": "field"}, 1, id="7")
    assert opened(record, FieldMap()) is record


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (TEA, ""),
        (TEA | {"_op": "delete"}, ""),
        (TEA | {"_id": "m"}, "--field id=_id makes it the id"),
        (TEA | {"_id": {"a": 1}}, "where it is text or a whole number"),
        (TEA | {"_routing": "x"}, "the field _routing is Elasticsearch's own; rename"),
    ],
)
def test_names_of_elasticsearch_are_no_fields(fields: dict[str, Any], reason: str) -> None:
    assert reason in metadata_in(fields)
    assert bool(metadata_in(fields)) is bool(reason)
