"""What dumps put around a record: Elasticsearch's `_id` and `_source`, MongoDB's `_id`.

Elasticsearch takes no field of these names in a document, so the record is what is inside.

Sources: https://github.com/elasticsearch-dump/elasticsearch-dump (a line of `--type=data` is a hit)
and https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/ (`$oid` ...).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.record import Fields, Record

ID, SOURCE = "_id", "_source"
METADATA = frozenset(
    {ID, SOURCE, "_index", "_routing", "_version", "_seq_no", "_ignored", "_field_names", "_tier"}
)
"""Names that Elasticsearch refuses in a document.

Source: https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/document-metadata-fields
"""

_BESIDE_A_HIT = frozenset({"fields", "found", "highlight", "inner_hits", "matched_queries", "sort"})
_IDS = ("$oid", "$numberLong", "$numberInt", "$uuid")


def opened(record: Record, fields: FieldMap) -> Record:
    """The record that a dump has in an envelope; any other as it is.

    Args:
        record: As it came.
        fields: A field for the id that is named is looked for in what is inside.
    """
    if record.id is not None or record.own is not None:
        return record
    inside = record.fields.get(SOURCE)
    if isinstance(inside, Mapping) and all(map(_is_of_a_hit, record.fields)):
        found = _id(record.fields.get(ID))
        return replace(record, fields=inside, id=found, as_it_came=record.fields)
    # Where there is an id beside it, nobody knows what becomes of `_id`; the builder asks.
    wanted = fields.id == ID or (fields.id is None and "id" not in record.fields)
    if wanted and (found := _id(record.fields.get(ID))) is not None:
        others = {name: value for name, value in record.fields.items() if name != ID}
        return replace(record, fields=others, id=found, as_it_came=record.fields)
    return record


def metadata_in(record: Fields) -> str:
    """Why a record can be no document; empty where it has no field of Elasticsearch's own."""
    names = sorted(METADATA.intersection(record))
    if not names:
        return ""
    if ID not in names:
        return f"the field {names[0]} is Elasticsearch's own; rename or remove it"
    if isinstance(record[ID], str | int):
        advice = f"--field id={ID} makes it the id; or rename it"
    else:
        advice = f"it can be the id where it is text or a whole number: --field id={ID}"
    return f"the field {ID} is Elasticsearch's own: {advice}"


def _is_of_a_hit(name: str) -> bool:
    return name.startswith("_") or name in _BESIDE_A_HIT


def _id(value: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
    """An id as text; None where it is none."""
    if isinstance(value, Mapping) and len(value) == 1:
        [(kind, value)] = value.items()
        value = value if kind in _IDS else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return str(value)
